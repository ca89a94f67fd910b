"""The list of kinds, and the guide to them: what it shows must be what is taken."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ingestion.sources.kind import Source
from ingestion.sources.registry import KINDS
from ingestion.tunables import IngestionTunables

GUIDE = Path(__file__).parents[3] / "docs" / "sources.md"


def configured(*sources: dict[str, Any]) -> list[Source]:
    return list(IngestionTunables.model_validate({"sources": sources}).sources)


def test_every_example_of_the_guide_is_valid_and_every_kind_has_one() -> None:
    shown: set[str] = set()
    for block in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        content = yaml.safe_load(block)
        sources = content if isinstance(content, list) else content["sources"]
        shown |= {source.name.partition(":")[0] for source in configured(*sources)}
    assert shown == {kind.model_fields["kind"].default for kind in KINDS}


def test_a_source_without_a_kind_is_a_folder() -> None:
    (source,) = configured({"path": "/docs"})
    assert source.name == "folder:default:/docs"


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="'website'"):
        configured({"kind": "webiste", "url": "https://example.org/"})


def test_the_same_place_twice_in_one_store_is_refused() -> None:
    feed = {"kind": "feed", "url": "https://example.org/feed.xml"}
    assert len(configured(feed, {**feed, "store": "other"}, {**feed, "tenant": "other"})) == 3
    with pytest.raises(ValidationError, match="listed twice"):
        configured(feed, feed)


def test_two_sources_of_a_tenant_have_two_labels() -> None:
    one, other = {"path": "/a", "label": "docs"}, {"path": "/b", "label": "docs"}
    with pytest.raises(ValidationError, match="label docs"):
        configured(one, other)
    assert len(configured(one, {**other, "tenant": "other"})) == 2


def test_what_others_serve_is_asked_for_at_most_once_a_minute_unless_said() -> None:
    folder, feed = configured({"path": "/docs"}, {"kind": "feed", "url": "https://example.org/feed.xml"})
    assert (folder.interval_s(5), feed.interval_s(5), feed.interval_s(600)) == (5, 60, 600)
    assert configured({"kind": "feed", "url": "https://example.org/", "every_s": 2})[0].interval_s(5) == 2
