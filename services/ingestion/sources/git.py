"""A folder of a git repository as a source: fetched shallowly by the `git` program, without a prompt or a checkout."""

import asyncio
import base64
import hashlib
import mimetypes
import os
import re
import shlex
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from ingestion.failures import Reason, size
from ingestion.sources.addresses import RefusedAddress, resolved
from ingestion.sources.folder import storable
from ingestion.sources.kind import (
    ALL_SUFFIXES,
    FoundFile,
    Looking,
    Scan,
    Source,
    SourceUnavailable,
    Suffixes,
    Unreadable,
)
from ingestion.sources.secret import SecretReference

PORTS = {"https": 443, "ssh": 22}
BLOB_S = 120.0
WATCH_S = 0.5
MOST_LISTED_BYTES = 64 * 1024 * 1024
# What git may be called with comes from a configuration, yet nothing in it may be taken for an option.
Branch = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/+-]*$")]
_SCP_LIKE = re.compile(r"^[\w.-]+@[\w.-]+:")


class GitSource(Source):
    """Files of one branch, under one folder of it. The version of a file is its blob's hash."""

    kind: Literal["git"] = "git"
    url: str = Field(
        min_length=8, max_length=2048, description="`https://…`, `ssh://…`, or with allow_private `file:///…`."
    )
    branch: Branch | None = Field(default=None, description="Branch or tag; none: the repository's default.")
    folder: str = Field(default="", max_length=1000, description="Folder within the repository; none: all of it.")
    suffixes: Suffixes = Field(default=ALL_SUFFIXES, description="Names of files to take end in one of these.")
    token: SecretReference | None = Field(default=None, description="Access token for https.")
    user: str = Field(
        default="git", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="User that the token is sent with, or of ssh."
    )
    ssh_key: Path | None = Field(default=None, description="File of the private key for ssh.")
    known_hosts: Path | None = Field(default=None, description="File of the hosts that ssh may trust.")
    allow_private: bool = Field(default=False, description="Whether it may be in a private network or on this machine.")
    look_s: float = Field(default=600.0, gt=0, le=86_400, description="Longest time of one fetch, in seconds.")
    max_bytes: int = Field(default=2 * 1024**3, ge=1024, description="Size of the fetched repository, at most.")

    least_every_s: ClassVar[float] = 60.0

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        parts = urlsplit(url)
        if _SCP_LIKE.match(url):
            raise ValueError("write user@host:path as ssh://host/path")
        if parts.scheme not in ("https", "ssh", "file") or any(sign.isspace() or ord(sign) < 32 for sign in url):
            raise ValueError("must begin with https://, ssh:// or file:///")
        if parts.username or parts.password:
            raise ValueError("must hold no name or password: give them as user and token")
        if parts.scheme == "file":
            if parts.netloc or not parts.path.startswith("/"):
                raise ValueError("must be file:///folder, with three slashes")
        elif not parts.hostname or parts.hostname.startswith("-") or parts.path.startswith("/-"):
            raise ValueError("must name a host, and neither host nor path may begin with '-'")
        return url

    @model_validator(mode="after")
    def _local_only_if_allowed(self) -> Self:
        if urlsplit(self.url).scheme == "file" and not self.allow_private:
            raise ValueError("a file:// repository needs allow_private: true")
        return self

    @property
    def place(self) -> str:
        """See Source."""
        inside = "/".join(part for part in self.folder.split("/") if part)
        return self.url + (f"#{self.branch}" if self.branch else "") + (f":{inside}" if inside else "")

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source. What was fetched is kept in the cache, so that the next look transfers only what changed."""
        name = hashlib.sha256(f"{self.tenant}\n{self.name}".encode()).hexdigest()[:32]
        repository = looking.cache / f"git-{name}"
        git = await self._git(repository)
        try:
            async with asyncio.timeout(self.look_s):
                await asyncio.to_thread(_tidied, repository, self.max_bytes)
                if not (repository / "HEAD").exists():
                    await git.run("init", "--bare", "--quiet", "--template=", str(repository))
                await git.fetch(self.url, self.branch or "HEAD", self.max_bytes)
                listed = await git.run("ls-tree", "-r", "-l", "-z", "--full-tree", "FETCH_HEAD", "--", *self._inside())
        except TimeoutError:
            raise SourceUnavailable(f"{self.url} was not fetched within {self.look_s:g} s.", Reason.TIMEOUT) from None
        if not listed and self.folder:
            raise SourceUnavailable(f"{self.url} has no folder {self.folder} there.", Reason.MISSING)
        yield await asyncio.to_thread(self._scan, git, listed, looking.folder)

    def _inside(self) -> list[str]:
        inside = "/".join(part for part in self.folder.split("/") if part)
        return [f"{inside}/"] if inside else []

    def _scan(self, git: "_Git", listed: bytes, folder: Path) -> Scan:
        found = Scan()
        suffixes = tuple(suffix.lower() for suffix in self.suffixes)
        for entry in listed.split(b"\0"):
            about, _, name = entry.partition(b"\t")
            fields = about.split()
            if len(fields) != 4:
                continue
            mode, kind, blob, bytes = fields
            path = storable(os.fsdecode(name))
            climbs = any(part in ("", ".", "..") for part in path.split("/"))
            # Links (mode 120000) and submodules (commits) are not followed: they lead elsewhere.
            if mode == b"120000" or kind != b"blob" or climbs or not path.lower().endswith(suffixes):
                found.skipped += 1
                continue
            place = folder / hashlib.sha256(path.encode()).hexdigest()
            hash = blob.decode()
            content_type = mimetypes.guess_type(path)[0]
            fetch = _Blob(git, hash, place)
            found.files[path] = FoundFile(path, place, int(bytes), f"blob:{hash}", fetch, path, content_type)
        return found

    async def _git(self, repository: Path) -> "_Git":
        """How git is called: its address checked and pinned, its configuration ours alone, no secret in an argument."""
        parts = urlsplit(self.url)
        settings = {
            "http.followRedirects": "false",
            "core.hooksPath": "/dev/null",
            "gc.auto": "0",
            "protocol.version": "2",
        }
        ssh = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=10", f"-oUser={self.user}"]
        if self.ssh_key:
            ssh += ["-oIdentitiesOnly=yes", "-i", str(self.ssh_key)]
        if self.known_hosts:
            ssh += [f"-oUserKnownHostsFile={self.known_hosts}", "-oStrictHostKeyChecking=yes"]
        if parts.scheme in PORTS and parts.hostname:
            port = parts.port or PORTS[parts.scheme]
            address = await self._address(parts.hostname, port)
            bracketed = f"[{address}]" if ":" in address else address
            settings["http.curloptResolve"] = f"{parts.hostname}:{port}:{bracketed}"
            ssh += [f"-oHostName={address}", f"-oHostKeyAlias={parts.hostname}"]
        if self.token is not None:
            pair = base64.b64encode(f"{self.user}:{self.token.read()}".encode()).decode()
            settings["http.extraHeader"] = f"Authorization: Basic {pair}"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(repository.parent),
            "LC_ALL": "C",
            "GIT_DIR": str(repository),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ALLOW_PROTOCOL": parts.scheme,
            "GIT_SSH_COMMAND": shlex.join(ssh),
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        if authorities := os.environ.get("SSL_CERT_FILE"):
            environment["GIT_SSL_CAINFO"] = authorities
        for number, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return _Git(repository, environment)

    async def _address(self, host: str, port: int) -> str:
        try:
            async with asyncio.timeout(10.0):
                return (await resolved(host.strip("[]"), port, private=self.allow_private))[0][1]
        except RefusedAddress:
            raise SourceUnavailable(
                f"{self.url} has an address that is not public; set allow_private for one inside your own network.",
                Reason.REFUSED_ADDRESS,
            ) from None
        except OSError:
            raise SourceUnavailable(f"The host of {self.url} cannot be found.", Reason.UNREACHABLE) from None


@dataclass(frozen=True)
class _Git:
    """The git program on one bare repository."""

    repository: Path
    environment: dict[str, str]

    async def run(self, *arguments: str, into: Path | None = None) -> bytes:
        """Its output, or nothing when that goes into a file; raises SourceUnavailable. Cancelled, it is killed."""
        process = await self._start(arguments, into)
        try:
            output, errors = await process.communicate()
        finally:
            _end(process)
        if process.returncode != 0:
            raise SourceUnavailable(f"git {arguments[0]} failed: {_reason(errors)}", Reason.UNREACHABLE)
        if output and len(output) > MOST_LISTED_BYTES:
            raise SourceUnavailable("The repository's list of files is too long.", Reason.LIMIT)
        return output or b""

    async def fetch(self, url: str, ref: str, largest: int) -> None:
        """Bring the newest state of `ref`, its history left out; killed when it grows over `largest` bytes."""
        fetching = asyncio.create_task(
            self.run("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--force", "--", url, ref)
        )
        try:
            while not (await asyncio.wait({fetching}, timeout=WATCH_S))[0]:
                if await asyncio.to_thread(_size, self.repository) > largest:
                    raise SourceUnavailable(f"{url} is larger than max_bytes: {size(largest)}.", Reason.TOO_LARGE)
            fetching.result()
            if await asyncio.to_thread(_size, self.repository) > largest:
                raise SourceUnavailable(f"{url} is larger than max_bytes: {size(largest)}.", Reason.TOO_LARGE)
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    async def _start(self, arguments: tuple[str, ...], into: Path | None) -> asyncio.subprocess.Process:
        try:
            with into.open("wb") if into else nullcontext() as file:
                return await asyncio.create_subprocess_exec(
                    "git",
                    *arguments,
                    env=self.environment,
                    cwd=self.repository.parent,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=file or asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
        except FileNotFoundError:
            raise SourceUnavailable("The program git is not installed where the worker runs.") from None


@dataclass(frozen=True)
class _Blob:
    """Brings the bytes of one file."""

    git: _Git
    hash: str
    place: Path

    async def __call__(self) -> None:
        try:
            async with asyncio.timeout(BLOB_S):
                await self.git.run("cat-file", "blob", self.hash, into=self.place)
        except SourceUnavailable as error:
            raise Unreadable(Reason.CORRUPT, str(error)) from None


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill git and the helpers that it started, unless it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _tidied(repository: Path, largest: int) -> None:
    """Take away what a killed fetch left locked, and begin anew before old states fill the space."""
    for lock in repository.glob("*.lock"):
        lock.unlink(missing_ok=True)
    if _size(repository) > largest // 2:
        shutil.rmtree(repository, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(base) / name).lstat().st_size
    return total


def _reason(errors: bytes) -> str:
    """git's own last word, without addresses that might carry more than a name."""
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    word = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return word.removeprefix("fatal: ")[:300] or "it gave no reason"
