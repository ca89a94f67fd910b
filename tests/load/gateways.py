"""The gateways that the pool is measured against, each installed into an environment of its own at a pinned version."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common import key_file

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TENSORZERO, LITELLM, PORTKEY = "2026.6.0", "1.106.12", "1.15.2"
CHAT = "/v1/chat/completions"


class NotToBeHad(Exception):
    """The gateway cannot be installed here; the message is one line."""


@dataclass(frozen=True)
class Gateway:
    """`start` gives the command that listens on the port, in front of the upstream's URL (without `/v1`)."""

    name: str
    command: list[str]
    model: str = "m"
    path: str = CHAT
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0


Make = Callable[[Path, Path, int, str], Gateway]


def bare(_: Path, __: Path, port: int, upstream: str) -> Gateway:
    command = [sys.executable, str(HERE / "bare_gateway.py"), str(port), upstream]
    return Gateway("bare pass-through", command, port=port)


def _pool(folder: Path, port: int, config: Mapping[str, object], name: str, more: Mapping[str, str]) -> Gateway:
    file = folder / f"{name.replace(' ', '-').replace(',', '')}.json"
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "llm_proxy", "--config", str(file), "--port", str(port)]
    headers = {"authorization": f"Bearer {more['KEY']}"} if "KEY" in more else {}
    environment = {"FAIRLEAD_LOG_LEVEL": "ERROR", **{name: value for name, value in more.items() if name != "KEY"}}
    return Gateway(name, command, headers=headers, environment=environment, port=port)


def full_config(*upstreams: str) -> dict[str, object]:
    """Everything switched on, with limits that are never reached."""
    limits = {"tokens_per_minute": 10**12, "requests_per_minute": 10**9, "concurrency": 10_000}
    endpoints = [{"name": f"e{n}", "url": url + "/v1", "limits": limits} for n, url in enumerate(upstreams)]
    caller = {
        "requests_per_minute": 10**9,
        "tokens_per_minute": 10**12,
        "concurrency": 10_000,
        "spend": {"amount": 1e9, "per": "month"},
    }
    return {
        "models": {"m": {"endpoints": endpoints, "hedge": True}},
        "prices": {"models": {"m": {"input": 0.001, "output": 0.001}}},
        "callers": {"default": caller},
    }


def pool(folder: Path, _: Path, port: int, upstream: str) -> Gateway:
    """Keys, callers' limits and budget, endpoints' limits, prices, hedging, metrics, headers of the answer, spans."""
    keys = folder / "keys.json"
    key, _stored = key_file.create(keys)
    more = {"FAIRLEAD_AUTH": "keys", "FAIRLEAD_KEYS_FILE": str(keys), "KEY": key, **traced(upstream)}
    return _pool(folder, port, full_config(upstream, upstream), "pool, everything on", more)


def least_pool(folder: Path, _: Path, port: int, upstream: str) -> Gateway:
    config = {"models": {"m": {"endpoints": [{"name": "a", "url": upstream + "/v1"}]}}}
    return _pool(folder, port, config, "pool, least configuration", {})


def traced(receiver: str) -> dict[str, str]:
    return {"FAIRLEAD_OTLP_ENDPOINT": receiver + "/v1/traces"}


def nginx(folder: Path, _: Path, port: int, upstream: str) -> Gateway:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        raise NotToBeHad("nginx is not installed (on Debian: apt install nginx-light)")
    config = folder / "nginx.conf"
    config.write_text(f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; client_max_body_size 8m;
  client_body_buffer_size 256k; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000;
  upstream up {{ server {upstream.removeprefix("http://")}; keepalive 128; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header Connection ""; }} }} }}
""")
    return Gateway("nginx", [binary, "-c", str(config), "-p", str(folder)], port=port)


def tensorzero(folder: Path, tools: Path, port: int, upstream: str) -> Gateway:
    python = _python(tools / f"tensorzero-{TENSORZERO}", f"tensorzero=={TENSORZERO}")
    config = folder / "tensorzero.toml"
    config.write_text(f"""[gateway]
bind_address = "127.0.0.1:{port}"
observability.enabled = false
[models.m]
routing = ["a"]
[models.m.providers.a]
type = "openai"
model_name = "m"
api_base = "{upstream}/v1/"
api_key_location = "none"
""")
    # Its Python package carries the Rust gateway; it takes a port of its own, which it then tells.
    start = (
        "import sys, time; from tensorzero import _start_http_gateway as start; gateway = start("
        "config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False); "
        "print(gateway.base_url, flush=True); time.sleep(1e6)"
    )
    name = "tensorzero::model_name::m"
    command = [str(python), "-c", start, str(config)]
    return Gateway("TensorZero", command, name, "/openai/v1/chat/completions")


def portkey(folder: Path, tools: Path, port: int, upstream: str) -> Gateway:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise NotToBeHad("node and npm are not installed")
    target = tools / f"portkey-{PORTKEY}"
    script = target / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not script.exists():
        target.mkdir(parents=True, exist_ok=True)
        (target / "package.json").write_text("{}")
        _install([npm, "install", "--silent", "--no-audit", "--no-fund", f"@portkey-ai/gateway@{PORTKEY}"], target)
    headers = {"x-portkey-provider": "openai", "authorization": "Bearer x", "x-portkey-custom-host": upstream + "/v1"}
    command = [node, str(script), f"--port={port}", "--headless"]
    environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    return Gateway("Portkey", command, headers=headers, environment=environment, port=port)


def litellm(folder: Path, tools: Path, port: int, upstream: str) -> Gateway:
    python = _python(tools / f"litellm-{LITELLM}", f"litellm[proxy]=={LITELLM}")
    config = folder / "litellm.json"
    parameters = {"model": "openai/m", "api_base": upstream + "/v1", "api_key": "x"}
    config.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": parameters}]}))
    command = [str(python.with_name("litellm")), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    environment = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    return Gateway("LiteLLM", command, environment=environment, port=port)


ALL: Mapping[str, Make] = {
    "bare": bare,
    "pool": pool,
    "least": least_pool,
    "nginx": nginx,
    "tensorzero": tensorzero,
    "portkey": portkey,
    "litellm": litellm,
}


def _python(environment: Path, requirement: str) -> Path:
    python = environment / "bin" / "python"
    done = environment / "done"
    if not done.exists():
        uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
        _install([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)], ROOT)
        _install([uv, "pip", "install", "--quiet", "--python", str(python), requirement], ROOT)
        done.touch()
    return python


def _install(command: list[str], folder: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotToBeHad(f"it could not be installed: {type(error).__name__}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotToBeHad(f"it could not be installed: {last[:200]}")
