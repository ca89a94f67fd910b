"""Wrong values are refused before anything changes, by words that name the field and say what to do."""

from pathlib import Path
from typing import Any

import pytest

from charts.rendering import Refused, charts, needs_helm, render
from delivery import image_set

pytestmark = needs_helm

# Chart, values, what the message must say.
REFUSED: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("orchestrator", {"replicaz": 3}, ("replicaz", "not allowed")),
    ("orchestrator", {"image": {"tag": "latest"}}, ("/image/tag",)),
    ("orchestrator", {"global": {"image": {"tag": "latest"}}}, ("/global/image/tag",)),
    ("orchestrator", {"image": {"digest": "sha256:abc"}}, ("/image/digest", "pattern")),
    ("orchestrator", {"profile": "huge"}, ("/profile", "'small', 'medium', 'large'")),
    ("orchestrator", {"tunables": {"topk": 8}}, ("/tunables", "topk", "not allowed")),
    ("orchestrator", {"tunables": {"top_k": 500}}, ("/tunables/top_k", "50")),
    ("orchestrator", {"tunables": {"top_k": "many"}}, ("/tunables/top_k", "integer")),
    ("orchestrator", {"tunables": {"fusion": "magic"}}, ("/tunables/fusion", "'normalised', 'rrf'")),
    ("orchestrator", {"tunables": {"applications": {"wiki": {}}}}, ("/tunables/applications/wiki", "stores")),
    ("orchestrator", {"tunables": {"quota": {"documants": 1}}}, ("/tunables/quota", "documants")),
    ("orchestrator", {"tunables": {"deadline_s": 600}}, ("drain.seconds (125)", "tunables.deadline_s (600)", "raise")),
    ("orchestrator", {"files": {"url": "/data"}}, ("/files/url",)),
    ("orchestrator", {"rollout": {"weights": [140]}}, ("/rollout/weights/0", "100")),
    ("orchestrator", {"autoscaling": {"by": "magic"}}, ("/autoscaling/by", "keda")),
    ("orchestrator", {"autoscaling": {"enabled": True, "minReplicas": 20}}, ("minReplicas (20)", "maxReplicas (10)")),
    ("orchestrator", {"externalSecrets": {"enabled": True}}, ("externalSecrets.store.name",)),
    ("ingestion", {"tunables": {"sources": [{"kind": "folder"}]}}, ("/tunables/sources/0", "path")),
    ("ingestion", {"tunables": {"sources": [{"kind": "carrier-pigeon"}]}}, ("/tunables/sources/0",)),
    ("ingestion", {"sourceVolumes": {"docs": {"mountPath": "/docs"}}}, ("/sourceVolumes/docs", "source")),
    ("llm-proxy", {"tunables": {"models": {"chat": {"endpoints": []}}}}, ("/tunables/models/chat/endpoints",)),
    (
        "llm-proxy",
        {"tunables": {"models": {"chat": {"timeouts": {"total_s": 900}}}}},
        ("drain.seconds (300)", "tunables.models.chat.timeouts.total_s (900)"),
    ),
    (
        "llm-proxy",
        {"tunables": {"models": {"chat": {"endpoints": [{"name": "a", "url": "https://x/v1", "key": "sk"}]}}}},
        ("/tunables/models/chat/endpoints/0/key",),
    ),
    ("local-models", {"drain": {"seconds": "long"}}, ("/drain/seconds", "integer")),
    ("local-models", {"podDisruptionBudget": {"maxUnavailable": "some"}}, ("/podDisruptionBudget/maxUnavailable",)),
]


@pytest.mark.parametrize(("chart", "values", "words"), REFUSED, ids=lambda part: part if isinstance(part, str) else "")
def test_a_wrong_value_is_refused_by_name(chart: str, values: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refusal:
        render(chart, values=values)
    for word in (chart, *words):
        assert word in refusal.value.message


@pytest.mark.parametrize("chart", charts())
@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"no-such-value": True}, "no-such-value"),
        ({"networkPolicy": {"enabledd": False}}, "enabledd"),
        ({"networkPolicy": {"enabled": "yes"}}, "/networkPolicy/enabled"),
    ],
    ids=["unknown", "unknown-inside", "of-another-type"],
)
def test_every_chart_knows_its_values(chart: str, values: dict[str, Any], word: str) -> None:
    with pytest.raises(Refused, match=word):
        render(chart, values=values)


@pytest.mark.parametrize("chart", charts())
def test_what_an_environment_shares_is_taken_by_every_chart(chart: str) -> None:
    """Argo CD gives each chart the same files; keys of others' charts under `global` are none of our business."""
    digests = {"llm-proxy": "sha256:" + "0" * 64}
    own = image_set.pinned(Path(__file__).parents[2])
    shared = {"image": {"registry": "r.example.com/team", "tag": "c0ffee1", "digests": digests}}
    found = render(chart, values={"global": shared | {"environment": "test", "profile": "small", "theirs": 1}})
    for _, template in found.pods():
        for container in template["spec"]["containers"]:
            image = container["image"]
            if "/fairlead-" in image:
                assert image in (
                    f"r.example.com/team/fairlead-{_name(image)}:c0ffee1",
                    f"r.example.com/team/fairlead-{_name(image)}@{digests.get(_name(image))}",
                    f"r.example.com/team/fairlead-{_name(image)}:{own.get(_name(image))}",
                )


def _name(image: str) -> str:
    return image.rpartition("/fairlead-")[2].partition("@")[0].partition(":")[0]
