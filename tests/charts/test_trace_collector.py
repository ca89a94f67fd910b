"""The trace collector's chart with the real collector: it takes what is rendered, and credentials out of Secrets."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from charts.rendering import Object, Refused, Rendered, Scenario, needs_helm, render, rendered, scenarios
from fakes import otlp
from integration.trace_collector import collector_process
from integration.trace_collector.collector_process import needs_collector
from observability.settings import BufferSettings, RemovalSettings

pytestmark = needs_helm
AT_ONCE = {"FAIRLEAD_TRACES_WAIT_AFTER_ROOT": "1s"}
SCENARIOS = [scenario for scenario in scenarios() if scenario.chart == "trace-collector"]
BY_SECRET = {"FAIRLEAD_LANGFUSE_AUTH": "cGs6c2s=", "FAIRLEAD_OTLP_BACKEND_AUTHORIZATION": "Bearer x"}


def container(found: Rendered, part: str) -> Object:
    (spec,) = (
        template["spec"]
        for _, template in found.pods()
        if template["metadata"]["labels"].get("app.kubernetes.io/component") == part
    )
    return spec["containers"][0]


def environment(told: Object) -> dict[str, str]:
    """What the container is told; what comes out of a Secret is a stand-in."""
    return {each["name"]: each.get("value", BY_SECRET.get(each["name"], "x")) for each in told.get("env", [])}


def mounted(found: Rendered, part: str, folder: Path) -> list[Path]:
    """The part's configuration as files, in the order of its arguments; mounted Secrets are in `folder`, too."""
    (data,) = (each["data"] for each in found.of("ConfigMap") if each["metadata"]["name"].endswith(f"-{part}"))
    for name, text in data.items():
        (folder / name).write_text(text.replace("/var/run/fairlead", str(folder)))
    for secret in ("trace-store/authorization", "service-key/key"):
        (folder / secret).parent.mkdir(exist_ok=True)
        (folder / secret).write_text("Basic first")
    flag = "--config=/etc/otelcol/"
    files = [folder / each.removeprefix(flag) for each in container(found, part)["args"] if each.startswith(flag)]
    assert {file.name for file in files} == set(data), "every file is used, and there is no other"
    return files


@needs_collector
@pytest.mark.parametrize("part", ["agent", "sampling"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_collector_takes_what_is_rendered(scenario: Scenario, part: str, tmp_path: Path) -> None:
    found = rendered(scenario)
    program, *arguments = collector_process.command(mounted(found, part, tmp_path))
    told = environment(container(found, part)) | {"FAIRLEAD_COLLECTOR_DATA": str(tmp_path)}
    assert arguments[-1] in container(found, part)["args"] or part == "agent", "the sampler's feature gates"
    done = subprocess.run(
        [program, "validate", *arguments],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_collector
async def test_both_tiers_as_rendered_and_credentials_that_are_read_again(tmp_path: Path) -> None:
    found = render("trace-collector", values={"keep": {"percent": 0}})
    first, second = tmp_path / "agent", tmp_path / "sampling"
    first.mkdir()
    second.mkdir()
    here = {
        "FAIRLEAD_COLLECTOR_HOST": "127.0.0.1",
        "FAIRLEAD_TRACES_WAIT": "3s",
        "FAIRLEAD_TRACES_WAIT_AFTER_ROOT": "1s",
    }
    async with otlp.backend() as mlflow, otlp.backend() as buffer:
        told = environment(container(found, "sampling")) | here
        told |= {"FAIRLEAD_MLFLOW_URL": mlflow.url, "FAIRLEAD_TRACE_BUFFER_URL": buffer.url}
        files = mounted(found, "sampling", second)
        queue = {"FAIRLEAD_COLLECTOR_DATA": str(second / "queue")}
        async with collector_process.running(second, files, told | queue) as sampler:
            # In a cluster the sampler's name comes from DNS, which this machine has not.
            names = [f"127.0.0.1:{sampler.ports['GRPC_PORT']}"]
            resolver = {"exporters": {"loadbalancing": {"resolver": {"dns": None, "static": {"hostnames": names}}}}}
            (first / "resolver.yaml").write_text(yaml.safe_dump(resolver))
            files = [*mounted(found, "agent", first), first / "resolver.yaml"]
            queue = {"FAIRLEAD_COLLECTOR_DATA": str(first / "queue")}
            told = environment(container(found, "agent")) | here | queue
            async with collector_process.running(first, files, told) as agent:
                await otlp.send(agent.url, otlp.trace("held"))
                await buffer.until(lambda got: len(got.spans) == 2)
            await otlp.send(sampler.promoted_url, otlp.trace("promoted"))
            await mlflow.until(lambda got: len(got.spans) == 2)
            # As the kubelet does: another file under the same name.
            new = second / "trace-store" / "new"
            new.write_text("Basic second")
            new.rename(second / "trace-store" / "authorization")
            async with asyncio.timeout(30):
                while mlflow.headers[-1]["authorization"] != "Basic second":
                    arrived = len(mlflow.headers)
                    await otlp.send(sampler.promoted_url, otlp.trace("promoted"))
                    await mlflow.until(lambda got, arrived=arrived: len(got.headers) > arrived)
    assert mlflow.headers[0]["authorization"] == "Basic first"
    assert buffer.headers[0]["authorization"] == "Bearer Basic first"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_buffer_and_retain_understand_all_that_they_are_told(scenario: Scenario) -> None:
    found = rendered(scenario)
    for _, template in found.pods():
        told = template["spec"]["containers"][0]
        if "fairlead-observability" not in told["image"]:
            continue
        settings = BufferSettings if told["command"][-1] == "buffer" else RemovalSettings
        known = {f"FAIRLEAD_{field.upper()}" for field in settings.model_fields}
        assert set(environment(told)) <= known


def test_a_backend_that_nobody_can_find_is_refused() -> None:
    with pytest.raises(Refused, match=r"otlp\.url is empty: say where it takes traces"):
        render("trace-collector", values={"backends": ["otlp"]})
    with pytest.raises(Refused, match="backends"):
        render("trace-collector", values={"backends": []})
    with pytest.raises(Refused, match="percent"):
        render("trace-collector", values={"keep": {"percent": 101}})
