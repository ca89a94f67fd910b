"""`/metrics`: OpenMetrics with exemplars for those who ask for it, plain text for all others, whatever they send."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from common import exemplars
from common.exposition import exposed
from common.metrics import SECONDS, histogram, known

TRACE = "0123456789abcdef0123456789abcdef"
MEASURED = histogram("exposition_test_seconds", "For this test")
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"
)


def test_the_trace_of_the_request_stands_beside_what_is_measured() -> None:
    exemplars.begin()
    exemplars.name_trace(TRACE)
    MEASURED.observe(0.3, exemplars.current())
    content_type, body = exposed(PROMETHEUS)
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    found = [sample.exemplar for sample in families["fairlead_exposition_test_seconds"].samples if sample.exemplar]
    assert [exemplar.labels for exemplar in found] == [{"trace_id": TRACE}]


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/html", "application/openmetrics-text;version=x", "text/plain;version=", ",;=" * 4000]
)
def test_others_get_plain_text(accept: str) -> None:
    content_type, body = exposed(accept)
    assert content_type.startswith("text/plain")
    assert TRACE.encode() not in body
    assert b"_created" not in body


def test_without_a_trace_there_is_no_exemplar() -> None:
    exemplars.begin()
    assert exemplars.current() is None


def test_buckets_are_bounds_of_native_histograms_of_every_resolution() -> None:
    assert all((bound.hex().split("p")[0]) == "0x1.0000000000000" for bound in SECONDS)


def test_a_value_that_nobody_configured_is_other() -> None:
    assert [known(value, {"acme"}) for value in ("acme", "evil", "")] == ["acme", "other", "other"]
