"""Whether a port is free, and who holds it if not."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from standalone.errors import StartRefused

HOST = "127.0.0.1"
LISTEN = "0A"  # state of a listening socket in /proc/net/tcp


def require_free(ports: Mapping[str, int]) -> None:
    """Raise StartRefused, naming the holder where it can be known, unless every port can be listened on."""
    taken = [(variable, port) for variable, port in ports.items() if not is_free(port)]
    if taken:
        raise StartRefused("\n".join(sentence(variable, port) for variable, port in taken))


def is_free(port: int) -> bool:
    """Whether a server can listen there now."""
    with socket.socket() as listener:
        # As servers do: a connection of the last server that has not quite ended holds no port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def sentence(variable: str, port: int) -> str:
    """What to say about a port that is taken."""
    if port < 1024:
        return f"port {port} is only for root, or in use: choose another with `make run {variable}={port + 8000}`"
    who = holder(port)
    return (
        f"port {port} is in use{f' by {who}' if who else ''}: stop that, or choose another port with "
        f"`make run {variable}={port + 1000 if port < 60000 else port - 1000}`"
    )


def holder(port: int) -> str | None:
    """The listening process as `name (process 123)`; None where the system does not tell (another user's, no /proc)."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for inode in listeners(Path("/proc/net", table).read_text(encoding="ascii"), port):
                if found := _owner(inode):
                    return found
    return None


def listeners(table: str, port: int) -> list[str]:
    """Inodes of the sockets that listen on a port, from the text of /proc/net/tcp."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [row[9] for row in rows if len(row) > 9 and row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _owner(inode: str) -> str | None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(link.readlink().name == f"socket:[{inode}]" for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})"
    return None
