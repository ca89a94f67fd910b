"""What Argo CD is told: projects, applications of every chart in every environment, operators by label."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import CLUSTER_WIDE, Object, Refused, Rendered, charts, invalid, needs_helm, needs_schemas, render
from delivery import environments, image_set

pytestmark = needs_helm
ROOT = Path(__file__).parents[2]
ARGOCD = ROOT / "argocd"
LAYOUT = environments.read(ROOT)
VALUES = yaml.safe_load((ARGOCD / "root/values.yaml").read_text())
REPOSITORY = "https://git.example/platform.git"
PLACE = {"repository": REPOSITORY, "revision": "main"}
EVERYTHING = PLACE | {
    "notifications": {
        "argocdUrl": "https://argocd.example",
        "grafana": {"enabled": True},
        "chat": {"enabled": True},
        "externalSecret": {"enabled": True},
    }
}
EACH = [(environment, chart) for environment in LAYOUT.environments for chart in charts()]


def root(values: dict[str, Any] = PLACE) -> list[Object]:
    """The root chart's objects."""
    return list(yaml.safe_load_all(root_text(yaml.safe_dump(values))))


@cache
def root_text(values: str) -> str:
    command = ["helm", "template", "fairlead-root", str(ARGOCD / "root"), "--namespace", "argocd", "--values", "-"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def named(objects: list[Object], kind: str, name: str) -> Object:
    found = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def application(environment: str, values: dict[str, Any] = PLACE) -> Object:
    """The template of an environment's applications."""
    return named(root(values), "ApplicationSet", f"fairlead-{environment}")["spec"]["template"]


@cache
def deployed(environment: str, chart: str) -> Rendered:
    """The chart as Argo CD renders it: with the application's value files, seen from the chart's folder."""
    source = application(environment)["spec"]["source"]
    names = [name.replace("{{ .chart }}", chart) for name in source["helm"]["valueFiles"]]
    files = [(ROOT / "charts" / chart / name).resolve() for name in names]
    return render(chart, [file for file in files if file.exists()], namespace=f"fairlead-{environment}")


@needs_schemas
def test_the_objects_are_valid() -> None:
    applied = yaml.safe_load((ARGOCD / "root.yaml").read_text())["items"]
    assert invalid(yaml.safe_dump_all([*root(EVERYTHING), *applied])) == ""


def test_without_a_repository_it_says_where_one_comes_from() -> None:
    with pytest.raises(Refused, match=r"repository is empty: apply argocd/root\.yaml"):
        root({})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"environments": {"dev": {"frozen": "no"}}}, "frozen"),
        ({"environments": {"dev": {"size": 3}}}, "size"),
        ({"addons": {"keda": {"version": "2.x"}}}, "version"),
        (
            {"notifications": {"chat": {"enabled": True}}},
            "notifications.argocdUrl is empty: say where people reach Argo CD",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        root(PLACE | values)


def test_the_root_passes_its_own_source_on() -> None:
    project, applied = yaml.safe_load((ARGOCD / "root.yaml").read_text())["items"]
    source = applied["spec"]["source"]
    assert project["spec"]["sourceRepos"] == [source["repoURL"]]
    assert {each["name"]: each["value"] for each in source["helm"]["parameters"]} == {
        "repository": "$ARGOCD_APP_SOURCE_REPO_URL",
        "revision": "$ARGOCD_APP_SOURCE_TARGET_REVISION",
    }
    allowed = {(kind["group"], kind["kind"]) for kind in project["spec"]["namespaceResourceWhitelist"]}
    assert allowed == {group_and_kind(each) for each in root(EVERYTHING)}


def test_every_chart_is_deployed_and_every_file_belongs_to_something() -> None:
    assert sorted(LAYOUT.charts) == charts()
    assert sorted(path.name for path in (ARGOCD / "envs").iterdir()) == sorted(LAYOUT.environments)
    for environment in LAYOUT.environments:
        names = {path.stem for path in (ARGOCD / "envs" / environment).iterdir()}
        assert {"common", "image"} <= names
        assert names - {"common", "image"} <= set(LAYOUT.charts)
        image_set.read(ROOT, environment)
    assert sorted(path.stem for path in (ARGOCD / "addons").iterdir()) == sorted(VALUES["addons"])


@pytest.mark.parametrize(("environment", "chart"), EACH)
def test_the_project_allows_what_is_deployed(environment: str, chart: str) -> None:
    project = named(root(), "AppProject", f"fairlead-{environment}")["spec"]
    in_namespace = {(kind["group"], kind["kind"]) for kind in project["namespaceResourceWhitelist"]}
    cluster_wide = {(kind["group"], kind["kind"]) for kind in project["clusterResourceWhitelist"]}
    namespaces = {each["namespace"] for each in project["destinations"]}
    assert namespaces == {f"fairlead-{environment}"}
    for each in deployed(environment, chart).objects:
        allowed = cluster_wide if each["kind"] in CLUSTER_WIDE else in_namespace
        assert group_and_kind(each) in allowed, f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] not in CLUSTER_WIDE:
            assert each["metadata"]["namespace"] in namespaces


@needs_schemas
@pytest.mark.parametrize(("environment", "chart"), EACH)
def test_what_is_deployed_is_valid(environment: str, chart: str) -> None:
    assert invalid(deployed(environment, chart).text) == ""


def test_environments_with_the_same_set_run_the_same_images(tmp_path: Path) -> None:
    """Each of our images is the one that image.yaml names, and the database's the one that its chart names."""
    digests = {name: f"sha256:{number:064x}" for number, name in enumerate(image_set.IMAGES)}
    same = tmp_path / "image.yaml"
    same.write_text(image_set.ImageSet("registry.example/team", "aaaa1111", digests).text())
    allowed = {f"registry.example/team/fairlead-{name}@{digest}" for name, digest in digests.items()}
    own = image_set.pinned(ARGOCD.parent)
    assert set(own) == {"postgres"}
    versions = {f"registry.example/team/fairlead-{name}:{tag}" for name, tag in own.items()}
    for environment in LAYOUT.environments:
        used: set[str] = set()
        for chart in LAYOUT.charts:
            folder = ARGOCD / "envs" / environment
            values = folder / f"{chart}.yaml"
            files = [folder / "common.yaml", same, *([values] if values.exists() else [])]
            for _, template in render(chart, files, namespace=f"fairlead-{environment}").pods():
                spec = template["spec"]
                used |= {container["image"] for container in [*spec.get("initContainers", []), *spec["containers"]]}
        # Where CloudNativePG runs the database, our image of Postgres is not used.
        assert {image for image in used if "fairlead" in image} - versions == allowed, environment


def test_no_project_allows_secrets_from_git() -> None:
    for each in root():
        if each["kind"] == "AppProject" and each["metadata"]["name"] != "fairlead-addons":
            assert ("", "Secret") not in {
                (kind["group"], kind["kind"]) for kind in each["spec"]["namespaceResourceWhitelist"]
            }


def test_data_outlives_its_chart_and_its_application() -> None:
    kept = [
        each
        for environment, chart in EACH
        for each in deployed(environment, chart).objects
        if each["kind"] == "PersistentVolumeClaim"
        or (each["kind"], group_and_kind(each)[0]) == ("Cluster", "postgresql.cnpg.io")
    ]
    assert kept
    for each in kept:
        options = each["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options", "").split(",")
        assert {"Prune=false", "Delete=false"} <= set(options), each["metadata"]["name"]
    for each in root():
        if each["kind"] == "ApplicationSet":
            assert each["spec"]["syncPolicy"]["preserveResourcesOnDeletion"] is True


@pytest.mark.parametrize("environment", LAYOUT.environments)
def test_the_schema_goes_before_the_services_and_a_question_comes_after(environment: str) -> None:
    waves: dict[str, tuple[str, int]] = {}
    for each in deployed(environment, "orchestrator").of("Job", "Deployment", "Rollout"):
        notes = each["metadata"].get("annotations", {})
        hook, wave = notes.get("argocd.argoproj.io/hook", ""), int(notes.get("argocd.argoproj.io/sync-wave", 0))
        waves[each["metadata"]["name"]] = (hook, wave)
    assert waves == {
        "orchestrator-migration": ("Sync", -1),
        "orchestrator": ("", 0),
        "orchestrator-smoke": ("PostSync", 0),
    }


@pytest.mark.parametrize("environment", LAYOUT.environments)
def test_a_version_that_does_not_start_is_given_up_soon(environment: str) -> None:
    """A sync that waits for it takes no other commit, not even the one that mends it."""
    for chart in LAYOUT.charts:
        for each in deployed(environment, chart).of("Deployment", "Rollout"):
            started = each["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
            may_take = started["periodSeconds"] * started["failureThreshold"]
            assert may_take < each["spec"].get("progressDeadlineSeconds", 600) <= 300, each["metadata"]["name"]
        for each in deployed(environment, chart).of("Job"):
            assert each["spec"]["activeDeadlineSeconds"] <= 900, each["metadata"]["name"]


def test_tunables_may_be_edited_by_hand_in_dev_alone() -> None:
    for environment in LAYOUT.environments:
        spec = application(environment)["spec"]
        by_hand = environment == "dev"
        assert ("RespectIgnoreDifferences=true" in spec["syncPolicy"]["syncOptions"]) is by_hand
        if not by_hand:
            assert "ignoreDifferences" not in spec
            continue
        (rule,) = spec["ignoreDifferences"]
        assert rule.pop("managedFieldsManagers")
        # Nothing but what somebody set with kubectl: no path that would hide a change of Git's.
        assert rule == {"kind": "ConfigMap", "name": "{{ .chart }}-tunables"}


def test_a_frozen_environment_is_not_synced() -> None:
    values = PLACE | {"environments": {"prod": {"frozen": True}}}
    assert application("prod", values)["spec"]["syncPolicy"]["automated"]["enabled"] is False
    assert application("dev", values)["spec"]["syncPolicy"]["automated"]["enabled"] is True


def test_an_environment_may_do_without_a_chart_and_read_another_revision() -> None:
    values = PLACE | {"environments": {"test": {"without": ["trace-store"], "revision": "v1"}}}
    template = named(root(values), "ApplicationSet", "fairlead-test")["spec"]
    for generator in template["generators"]:
        listed = [each["chart"] for each in generator["matrix"]["generators"][1]["list"]["elements"]]
        assert listed == [chart for chart in LAYOUT.charts if chart != "trace-store"]
    assert template["template"]["spec"]["source"]["targetRevision"] == "v1"


@pytest.mark.parametrize("environment", LAYOUT.environments)
def test_a_cluster_is_chosen_by_one_label_and_never_twice(environment: str) -> None:
    """Two clusters generators must not both match one cluster: Argo CD refuses two applications of one name."""
    sets = named(root(), "ApplicationSet", f"fairlead-{environment}")["spec"]["generators"]
    one, several = [each["matrix"]["generators"][0]["clusters"]["selector"] for each in sets]
    assert one == {"matchLabels": {"fairlead.dev/environment": environment}}
    assert several == {
        "matchLabels": {f"fairlead.dev/environment-{environment}": "enabled"},
        "matchExpressions": [{"key": "fairlead.dev/environment", "operator": "NotIn", "values": [environment]}],
    }


def test_each_operator_is_switched_by_its_own_label_and_pinned() -> None:
    generators = named(root(), "ApplicationSet", "fairlead-addons")["spec"]["generators"]
    chosen = {each["clusters"]["values"]["addon"]: each["clusters"] for each in generators}
    assert sorted(chosen) == sorted(VALUES["addons"])
    project = named(root(), "AppProject", "fairlead-addons")["spec"]
    for name, each in chosen.items():
        assert each["selector"] == {"matchLabels": {f"fairlead.dev/addon-{name}": "enabled"}}
        assert each["values"]["version"] == VALUES["addons"][name]["version"]
        assert each["values"]["repository"] in project["sourceRepos"]
        assert each["values"]["namespace"] in {place["namespace"] for place in project["destinations"]}


@pytest.mark.parametrize(
    ("facts", "labels", "chart", "expected"),
    [
        ({}, {}, "orchestrator", {}),
        ({}, {"size": "large"}, "llm-proxy", {"global": {"profile": "large"}}),
        ({"files-url": "s3://bucket"}, {}, "ingestion", {"files": {"url": "s3://bucket"}}),
        ({"files-url": "s3://bucket"}, {}, "llm-proxy", {}),
        (
            {"cloud": "aws", "identity-ingestion": "arn:aws:iam::1:role/x", "identity-llm-proxy": "other"},
            {},
            "ingestion",
            {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}}},
        ),
        (
            {"cloud": "azure", "identity-llm-proxy": "1234"},
            {},
            "llm-proxy",
            {
                "serviceAccount": {"annotations": {"azure.workload.identity/client-id": "1234"}},
                "podLabels": {"azure.workload.identity/use": "true"},
            },
        ),
        ({"cloud": "kind", "identity-ingestion": "x"}, {}, "ingestion", {}),
        (
            {"database-secret": "dev-store-database"},
            {},
            "vector-store",
            {"externalSecrets": {"secrets": {"fairlead-database": {"*": "dev-store-database"}}}},
        ),
        (
            {"backups-url": "s3://prod-backups"},
            {},
            "vector-store",
            {"backup": {"destination": "s3://prod-backups"}},
        ),
        ({"backups-url": "s3://prod-backups"}, {}, "trace-store", {}),
        ({"vault-prefix": "fairlead-prod/"}, {}, "llm-proxy", {"externalSecrets": {"prefix": "fairlead-prod/"}}),
        ({"domain": "prod.example"}, {}, "trace-store", {"hosts": ["traces.prod.example"]}),
        ({"domain": "prod.example"}, {}, "orchestrator", {}),
        (
            {"domain": "prod.example"},
            {},
            "platform",
            {"entry": {"routes": {"answers": {"host": "prod.example"}, "traces": {"host": "traces.prod.example"}}}},
        ),
    ],
)
def test_what_terraform_knows_of_a_cluster_reaches_the_charts(
    facts: dict[str, str], labels: dict[str, str], chart: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    """The patch is a template of Argo CD's; Helm has the same language and functions."""
    notes = {f"fairlead.dev/{key}": value for key, value in facts.items()}
    metadata: dict[str, Any] = {"labels": {f"fairlead.dev/{key}": value for key, value in labels.items()}}
    metadata |= {"annotations": notes} if notes else {}
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: patch\nversion: 0.1.0\n")
    (tmp_path / "patch.tpl").write_text((ARGOCD / "root/files/facts.yaml.tpl").read_text())
    (tmp_path / "templates/all.yaml").write_text(
        '{{ tpl (.Files.Get "patch.tpl") (merge .Values (dict "Template" .Template)) }}'
    )
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"chart": chart, "metadata": metadata}))
    done = subprocess.run(["helm", "template", "x", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(done.stdout)["spec"]["source"]["helm"]["valuesObject"]
    assert values == expected
    # The chart takes them.
    render(chart, values=values)


def group_and_kind(each: Object) -> tuple[str, str]:
    group, _, _ = each["apiVersion"].rpartition("/")
    return group, each["kind"]
