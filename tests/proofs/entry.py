"""The entry from outside: an Ingress, then a Gateway, with TLS, a stream, an upload and the trace store."""

import asyncio
import base64
import json
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from proofs.stage import Stage
from proofs.traffic import SLOWLY

NAME = "Entry"
ANSWERS, TRACES = "fairlead.example.test", "traces.example.test"
CONTROLLER = "traefik"
UPLOAD_BYTES = 32 << 20
KINDS: dict[str, dict[str, Any]] = {
    "ingress": {"className": CONTROLLER},
    "gateway": {"gateway": {"create": True, "className": CONTROLLER, "httpPort": 8000, "httpsPort": 8443}},
}


def by_host_names(stage: Stage) -> None:
    """Both kinds of entry, one after the other, each asked the same."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, ports = _certificate(stage, Path(folder)), _Ports.of(stage)
        for kind, more in KINDS.items():
            entry = {
                "kind": kind,
                "routes": {"answers": {"host": ANSWERS}, "traces": {"host": TRACES}},
                "tls": {"secret": "entry-tls"},
                **more,
            }

            def change(clone: Path, entry: dict[str, Any] = entry) -> None:
                stage.values(clone, "platform", {"entry": entry})
                stage.values(clone, "trace-store", {"hosts": [TRACES]})

            # Not the platform: Argo CD waits for an address of the Ingress, which a NodePort does not give.
            stage.settled(stage.merge(f"Enter by {kind}", change), "trace-store")
            stage.until(f"the {kind}", lambda: asyncio.run(_unready(stage, ports, certificate)), 120)
            seen = asyncio.run(_seen(stage, ports, certificate))
            wanted = seen["wanted"]
            stage.note(NAME, f"{kind} with TLS: {wanted}", seen["said"], bool(seen["held"]))
            stage.settled(stage.revert())


@dataclass(frozen=True)
class _Ports:
    """Where the controller is entered: at a node, whose address this machine reaches."""

    node: str
    secure: int
    plain: int

    @classmethod
    def of(cls, stage: Stage) -> "_Ports":
        (node, *_) = stage.cluster.get("nodes")["items"]
        (address,) = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
        service = stage.cluster.get("service", "-n", CONTROLLER, CONTROLLER)
        ports = {each["port"]: each["nodePort"] for each in service["spec"]["ports"]}
        return cls(address, ports[443], ports[80])


async def _seen(stage: Stage, ports: _Ports, certificate: Path) -> dict[str, Any]:
    secure = ports.secure
    url = f"https://{ANSWERS}:{secure}"
    body = {"messages": [{"role": "user", "content": SLOWLY}], "vector_store_ids": [stage.store], "stream": True}
    trace_store = stage.secret("fairlead-trace-store")
    async with _session(ports, certificate) as session:
        headers = {"authorization": f"Bearer {stage.client.key}"}
        began, first, text = time.monotonic(), 0.0, ""
        async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
            async for piece in answer.content.iter_any():
                first = first or time.monotonic() - began
                text += piece.decode()
        whole = time.monotonic() - began
        form = aiohttp.FormData({"purpose": "assistants"})
        form.add_field("file", b"a line of text\n" * (UPLOAD_BYTES // 15), filename="large.txt")
        async with session.post(f"{url}/v1/files", data=form, headers=headers) as answer:
            uploaded = answer.status
            if uploaded == 200:
                await session.delete(f"{url}/v1/files/{(await answer.json())['id']}", headers=headers)
        traces = f"https://{TRACES}:{secure}/api/2.0/mlflow/experiments/search?max_results=1"
        basic = base64.b64encode(f"{trace_store['username']}:{trace_store['password']}".encode()).decode()
        async with session.get(traces) as answer:
            stranger = answer.status
        async with session.get(traces, headers={"authorization": f"Basic {basic}"}) as answer:
            known = answer.status
        async with session.get(f"http://{ANSWERS}:{ports.plain}/livez", allow_redirects=False) as answer:
            unencrypted = answer.status
        async with session.get(f"https://other.example.test:{secure}/livez", ssl=False) as answer:
            other = answer.status
    held = (
        text.rstrip().endswith("data: [DONE]")
        and first < whole / 4
        and (uploaded, stranger, known, other) == (200, 401, 200, 404)
    )
    said = (
        f"a stream's first text after {first:.1f} s of {whole:.0f} s; upload {uploaded}; "
        f"traces without password {stranger}, with it {known}; another host {other}; plain HTTP {unencrypted}"
    )
    return {"held": held, "said": said, "wanted": "a stream is not held up, 32 MiB are taken, hosts are kept apart"}


async def _unready(stage: Stage, ports: _Ports, certificate: Path) -> str:
    headers = {"authorization": f"Bearer {stage.client.key}"}
    try:
        async with (
            _session(ports, certificate) as session,
            session.get(f"https://{ANSWERS}:{ports.secure}/v1/models", headers=headers) as answer,
        ):
            return "" if answer.status == 200 else f"status {answer.status}: {json.dumps(await answer.text())[:100]}"
    except aiohttp.ClientError as error:
        return str(error)


def _session(ports: _Ports, certificate: Path) -> aiohttp.ClientSession:
    """A client for whom every name is that node, and who trusts that certificate alone."""
    context = ssl.create_default_context(cafile=str(certificate))
    connector = aiohttp.TCPConnector(ssl=context, resolver=_At(ports.node), force_close=True)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=90))


@dataclass(frozen=True)
class _At(AbstractResolver):
    address: str

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """That address."""
        return [ResolveResult(hostname=host, host=self.address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


def _certificate(stage: Stage, folder: Path) -> Path:
    """A certificate for both hosts, in the environment as the Secret that an operator of certificates would make."""
    key, certificate = folder / "tls.key", folder / "tls.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ANSWERS}"]
    names = f"subjectAltName=DNS:{ANSWERS},DNS:{TRACES}"
    subprocess.run(
        [*command, "-addext", names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    place = ("-n", stage.namespace)
    if stage.cluster.get("secret", *place, "entry-tls") is not None:
        stage.cluster.kubectl(*place, "delete", "secret", "entry-tls")
    stage.cluster.kubectl(*place, "create", "secret", "tls", "entry-tls", f"--cert={certificate}", f"--key={key}")
    return certificate
