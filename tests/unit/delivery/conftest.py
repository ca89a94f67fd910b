"""A real repository with a real chart, its remote beside it, and a command line that runs in it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

FILES = {
    ".gitignore": ".fairlead/\ncharts/*/charts/\n",
    "argocd/root/values.yaml": "environments: {dev: {}, test: {}, prod: {}}\ncharts: [alpha, beta]\n",
    "argocd/envs/test/common.yaml": "replicas: 2\n",
    "argocd/envs/test/beta.yaml": "replicas: 3\n",
    "services/app.py": "print('first')\n",
    "charts/common/Chart.yaml": "apiVersion: v2\nname: common\ntype: library\nversion: 0.1.0\n",
    "charts/common/templates/_image.tpl": dedent("""\
        {{- define "common.image" -}}
        {{ .Values.global.image.registry }}/fairlead-{{ .Chart.Name }}:{{ .Values.global.image.tag }}
        {{- end -}}
        """),
}
CHART = dedent("""\
    apiVersion: v2
    name: {name}
    version: 0.1.0
    dependencies:
      - name: common
        version: 0.1.0
        repository: file://../common
    """)
TEMPLATE = dedent("""\
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: {{ .Release.Name }}
      namespace: {{ .Release.Namespace }}
    data:
      image: {{ include "common.image" . | quote }}
      replicas: {{ .Values.replicas | quote }}
    """)
UNRELEASED = 'global:\n  image:\n    registry: registry.example/team\n    tag: ""\n    digests: {}\n'


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Checkout:
    """A checkout of `main`; `origin` is a bare repository."""

    root: Path
    origin: Path
    tools: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str, revision: str = "HEAD") -> str:
        return self.git("show", f"{revision}:{name}")

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def runs(self, environment: str, tag: str) -> None:
        """Commit that an environment runs a tag."""
        self.write(f"argocd/envs/{environment}/image.yaml", UNRELEASED.replace('""', f'"{tag}"'))
        self.commit(f"{environment} runs {tag}")

    def delivery(self, *arguments: str, path: str | None = None) -> Said:
        """`python -m delivery …` in the checkout; the folder of stand-in tools comes first on PATH."""
        environment = os.environ | {"PATH": path or f"{self.tools}:{os.environ['PATH']}"}
        done = subprocess.run(
            [sys.executable, "-m", "delivery", *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def tool(self, name: str, script: str) -> None:
        """Put a stand-in for a tool on PATH that needs a registry or an account."""
        self.tools.mkdir(exist_ok=True)
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    for key, value in {"AUTHOR": "A Test", "COMMITTER": "A Test"}.items():
        monkeypatch.setenv(f"GIT_{key}_NAME", value)
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "test@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    made = Checkout(tmp_path / "checkout", tmp_path / "origin.git", tmp_path / "tools")
    made.root.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", made.origin], check=True)
    made.git("init", "--quiet", "-b", "main")
    made.git("remote", "add", "origin", str(made.origin))
    for name, text in FILES.items():
        made.write(name, text)
    for name in ("alpha", "beta"):
        made.write(f"charts/{name}/Chart.yaml", CHART.format(name=name))
        made.write(f"charts/{name}/values.yaml", "replicas: 1\n")
        made.write(f"charts/{name}/templates/all.yaml", TEMPLATE)
    for environment in ("dev", "test", "prod"):
        made.write(f"argocd/envs/{environment}/image.yaml", UNRELEASED)
    made.commit("Begin")
    made.git("push", "--quiet", "origin", "main")
    return made


@pytest.fixture
def needs_helm() -> None:
    if shutil.which("helm") is None:
        pytest.skip("helm is not on PATH")
