"""The four roots: alike to those who use them, valid, and planned as people rely on, against mocked clouds."""

import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hcl2
import pytest
from generators.terraform import facts, interface

from terraform.runs import IS_OPENTOFU, TERRAFORM, Folder, copied, environment, initialised

CLOUDS = ("aws", "azure", "gcp", "kind")
# Azure's and Google's providers are built for many minutes where no registry is reached: make tf-test-all.
QUICK = ("aws", "kind")
STAND_IN = Path(__file__).parent / "emulator" / "passwords.tf"


def test_the_roots_share_inputs_outputs_and_facts() -> None:
    for cloud in CLOUDS:
        for file in sorted((TERRAFORM / "shared").iterdir()):
            assert (TERRAFORM / cloud / file.name).readlink() == Path("../shared") / file.name


def test_the_roots_have_the_same_files() -> None:
    def files(cloud: str) -> list[str]:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "."], cwd=TERRAFORM / cloud, capture_output=True
        )
        # Lock files are made where the public registry is reached, and kind needs no provider.
        return [name for name in listed.stdout.decode().splitlines() if name != ".terraform.lock.hcl"]

    assert {cloud: files(cloud) for cloud in CLOUDS} == dict.fromkeys(CLOUDS, files("aws"))


def test_every_fact_is_said() -> None:
    text = (TERRAFORM / "shared" / "common.tf").read_text()
    block = text.partition("  facts = {")[2].partition("\n  }\n")[0]
    said = set(re.findall(r"^        ([a-z-]+) += ", block, re.MULTILINE))
    said |= {
        f"identity-{purpose}"
        for purpose in re.findall(r'"([a-z-]+)"', block.partition("for purpose in [")[2].partition("]")[0])
    }
    assert said == set(facts())


def test_every_module_is_used_and_has_the_same_four_files() -> None:
    used = {"inventory", "bridge"}
    for file in TERRAFORM.rglob("*.tf"):
        for source in re.findall(r'source += "\.\./(?:modules/)?([a-z/]+)"', file.read_text()):
            used.add(source if "/" in source or source in used else f"{file.parent.parent.name}/{source}")
    modules = TERRAFORM / "modules"
    there = {path.parent.relative_to(modules).as_posix() for path in modules.rglob("main.tf")}
    assert there == used
    for module in there:
        names = {path.name for path in (modules / module).glob("*.tf")}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= names


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in TERRAFORM.rglob("versions.tf")}), ids=lambda path: path.name
)
def test_every_input_and_output_is_typed_and_described(folder: Path) -> None:
    inputs, outputs = interface(folder)
    assert [name for name, body in inputs.items() if "type" not in body or "description" not in body] == []
    assert [name for name, body in outputs.items() if "description" not in body] == []
    versions = hcl2.loads((folder / "versions.tf").read_text())["terraform"][0]
    assert versions["required_version"] == '">= 1.11.0, < 2.0.0"'


def test_files_are_formatted(tmp_path: Path) -> None:
    assert Folder(copied(tmp_path), environment()).run("fmt", "-check", "-recursive") == ""


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_root_is_valid_and_passes_its_own_tests(tmp_path: Path, cloud: str) -> None:
    if cloud not in QUICK and os.environ.get("TERRAFORM_CLOUDS") != "all":
        pytest.skip("make tf-test-all tests it: its provider is large")
    copy = copied(tmp_path)
    root = initialised(copy / cloud)
    root.run("validate", "-no-color")
    if IS_OPENTOFU and cloud != "kind":
        pytest.skip(
            "valid; but OpenTofu's mocks invent what is known after an apply only, and the providers refuse that"
        )
    for module in (copy / "modules").glob("*/passwords/main.tf"):
        shutil.copy(STAND_IN, module)
    assert re.search(r"Success! [1-9][0-9]* passed, 0 failed\.", root.run("test", "-no-color"))


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (("plan", "moon", "dev"), {}, "CLOUD=moon: say aws, azure, gcp or kind"),
        (("plan", "aws", "staging"), {}, "ENV=staging: there is no terraform/aws/environments/staging.tfvars"),
        (("plan", "aws", "dev"), {}, "STATE: name the bucket"),
        (("plan", "azure", "dev"), {"STATE": "account"}, "AZURE_STATE_GROUP: name the resource group"),
        (("look", "aws", "dev"), {}, "say plan, apply, drift, output or destroy"),
        (("apply", "kind", "dev"), {}, "there is no plan: make tf-plan CLOUD=kind ENV=dev"),
        (("destroy", "kind", "dev"), {}, "if that is meant: CONFIRM=kind/dev"),
    ],
)
def test_run_says_what_is_missing(tmp_path: Path, arguments: tuple[str, ...], more: dict[str, str], said: str) -> None:
    script = copied(tmp_path) / "run.sh"
    done = subprocess.run([script, *arguments], env=environment(**more), capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr


def test_kind_is_planned_applied_once_and_drifts(tmp_path: Path) -> None:
    """The whole way of an environment with a kind that only notes what it is told."""
    copy = copied(tmp_path)
    (tmp_path / "bin").mkdir()
    kind = tmp_path / "bin" / "kind"
    kind.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\ncat > {tmp_path}/config 2>/dev/null\n')
    kind.chmod(0o755)
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "kubectl $@" >> {tmp_path}/told\necho \'{{"items": []}}\'\n')
    kubectl.chmod(0o755)
    gh = tmp_path / "bin" / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/comment\ncat >> {tmp_path}/comment\n')
    gh.chmod(0o755)
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    settings = environment(PATH=path, CONFIRM="kind/dev", PLAN_COMMENT="7")

    def run(action: str) -> str:
        done = subprocess.run([copy / "run.sh", action, "kind", "dev"], env=settings, capture_output=True, text=True)
        return done.stdout + done.stderr if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"

    assert "Plan: 1 to add, 0 to change, 0 to destroy." in run("plan")
    comment = (tmp_path / "comment").read_text()
    assert comment.startswith("pr comment 7 --body-file -\n### Terraform: kind/dev") and "Plan: 1 to add" in comment
    assert "1 added" in run("apply")
    assert "create cluster --name dev-main" in (tmp_path / "told").read_text()
    assert "role: control-plane" in (tmp_path / "config").read_text().replace('"', "")
    assert "No changes" in run("drift")
    assert "kubectl config use-context kind-dev-main" in run("output")
    inventory = copy / "kind" / "inventory" / "clusters.csv"
    small = "dev-main,dev,local,10.70.0.0/16,small"
    inventory.write_text(inventory.read_text().replace(small, small.replace("small", "medium")))
    assert "exit 2" in (said := run("drift")) and "kind/dev is not what Git says" in said
    assert "1 destroyed" in run("destroy")
    told = (tmp_path / "told").read_text()
    assert told.index("kubectl delete application fairlead-root") < told.index("delete cluster --name dev-main")


def test_a_workflow_signs_in_with_its_own_token(tmp_path: Path) -> None:
    class Tokens(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.headers["Authorization"] == "bearer of-the-job" and self.path.endswith(
                "audience=sts.amazonaws.com"
            )
            self.send_response(200 if right else 403)
            self.end_headers()
            self.wfile.write(b'{"value": "a.b.c"}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        settings = environment(
            RUNNER_TEMP=str(tmp_path),
            ACTIONS_ID_TOKEN_REQUEST_URL=f"http://127.0.0.1:{server.server_port}/token?v=1",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="of-the-job",
            AWS_ROLE_ARN="arn:aws:iam::111122223333:role/plan",
            GOOGLE_WORKLOAD_PROVIDER="projects/1/locations/global/workloadIdentityPools/p/providers/github",
            GOOGLE_SERVICE_ACCOUNT="plan@my-project.iam.gserviceaccount.com",
        )

        def signed_in(cloud: str, name: str) -> str:
            script = f'set -eu; source {TERRAFORM}/signin.sh; signin {cloud}; printf %s "${name}"'
            return subprocess.run(
                ["bash", "-c", script], env=settings, capture_output=True, text=True, check=True
            ).stdout

        assert Path(signed_in("aws", "AWS_WEB_IDENTITY_TOKEN_FILE")).read_text() == "a.b.c"
        google = json.loads(Path(signed_in("gcp", "GOOGLE_APPLICATION_CREDENTIALS")).read_text())
        assert google["audience"].endswith("/providers/github")
        assert google["credential_source"]["url"].endswith(f"audience=https:{google['audience']}")
        assert signed_in("azure", "ARM_USE_OIDC") == "true"
    finally:
        server.shutdown()
        server.server_close()
