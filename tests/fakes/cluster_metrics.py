"""Stands in for cAdvisor and kube-state-metrics, which only a cluster has: their metrics under their real names."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

NAMESPACE, POD, CONTAINER = "fairlead", "orchestrator-5d9c7b8f6-x2x7q", "orchestrator"


def exposition(up_s: float) -> str:
    """Half a core and 300 MiB in use, of one core and 512 MiB asked for and twice as much allowed."""
    labels = f'namespace="{NAMESPACE}",pod="{POD}",container="{CONTAINER}"'
    lines = [
        f"container_cpu_usage_seconds_total{{{labels}}} {up_s / 2}",
        f"container_memory_working_set_bytes{{{labels}}} {300 * 2**20}",
        f"container_cpu_cfs_periods_total{{{labels}}} {up_s * 10}",
        f"container_cpu_cfs_throttled_periods_total{{{labels}}} {up_s / 10}",
        f"kube_pod_container_status_restarts_total{{{labels}}} 1",
    ]
    for kind, times in (("requests", 1), ("limits", 2)):
        name = f"kube_pod_container_resource_{kind}"
        lines.append(f'{name}{{{labels},resource="cpu",unit="core"}} {times}')
        lines.append(f'{name}{{{labels},resource="memory",unit="byte"}} {times * 512 * 2**20}')
    return "".join(f"{line}\n" for line in lines)


@asynccontextmanager
async def serving() -> AsyncGenerator[int]:
    """Serve them while the context is open; gives the port."""
    began = time.monotonic()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = exposition(time.monotonic() - began).encode()
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
