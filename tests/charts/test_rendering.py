"""Every tested installation renders, under any name, to objects that the API server would take."""

import pytest

from charts.rendering import (
    CHARTS,
    CLUSTER_WIDE,
    Refused,
    Rendered,
    Scenario,
    charts,
    invalid,
    named,
    needs_helm,
    needs_schemas,
    render,
    rendered,
    scenarios,
)

pytestmark = needs_helm
LONGEST_NAME = 63
every_scenario = pytest.mark.parametrize("scenario", scenarios(), ids=str)


@pytest.mark.parametrize("chart", charts())
def test_every_chart_is_tested_as_it_is(chart: str) -> None:
    assert (CHARTS / chart / "ci" / "default-values.yaml").exists()


@needs_schemas
@every_scenario
def test_objects_fit_the_schemas_of_kubernetes_and_of_the_operators(scenario: Scenario) -> None:
    assert invalid(rendered(scenario).text) == ""


@needs_schemas
def test_an_object_that_does_not_fit_would_be_seen() -> None:
    assert "replicaz" in invalid("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicaz: 1}\n")


@every_scenario
def test_objects_are_in_the_release_s_namespace_and_each_is_there_once(scenario: Scenario) -> None:
    found = rendered(scenario)
    outside = [
        named(each)
        for each in found.objects
        if each["kind"] not in CLUSTER_WIDE and each["metadata"].get("namespace") != found.namespace
    ]
    assert outside == []
    assert _twice(found) == []


@every_scenario
def test_a_name_belongs_to_the_release_or_is_in_the_values(scenario: Scenario) -> None:
    """Two releases in one namespace must not fight for an object."""
    one, other = (render(scenario.chart, [scenario.values], release=name) for name in ("first-one", "second-one"))
    shared = {named(each) for each in one.objects} & {named(each) for each in other.objects}
    # Made by one chart for all: named in the contract between them.
    by_contract = ("ExternalSecret fairlead-", "PersistentVolumeClaim fairlead-files", "PriorityClass ", "Namespace ")
    assert [name for name in shared if not name.startswith(by_contract)] == []


@every_scenario
def test_names_fit_a_long_release(scenario: Scenario) -> None:
    release = "a-release-whose-name-takes-all-that-helm-allows-of-it"
    found = render(scenario.chart, [scenario.values], release=release)
    assert [
        each["metadata"]["name"] for each in found.of("Service") if len(each["metadata"]["name"]) > LONGEST_NAME
    ] == []
    for each, template in found.pods():
        assert len(each["metadata"]["name"]) <= LONGEST_NAME, named(each)
        assert all(len(value) <= LONGEST_NAME for value in template["metadata"]["labels"].values())


@pytest.mark.parametrize("chart", charts())
def test_a_release_called_like_its_chart_gives_its_service_just_that_name(chart: str) -> None:
    """By that name the other charts' defaults find it."""
    names = {each["metadata"]["name"] for each in render(chart).of("Service")}
    assert not names or chart in names


def test_what_helm_refuses_is_told_apart() -> None:
    with pytest.raises(Refused, match="nonsense"):
        render(charts()[0], values={"nonsense": 1})


def _twice(found: Rendered) -> list[str]:
    names = [named(each) for each in found.objects]
    return sorted({name for name in names if names.count(name) > 1})
