"""Runs one command that refuses uid 0, such as Postgres, under a uid it accepts, and ties its life to its parent's.

Used as a script (`python -I -S as_user.py --parent PID --data DIR -- COMMAND…`) that becomes the command, so that no
process stands between. As root the command runs in a user namespace in which root has another number: the files it
writes are root's outside. Where such namespaces are not allowed (most containers) it runs under another uid instead.
Either way it keeps the right to read past folder permissions, for the clone may lie in another user's home.
"""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS = 1, 8, 28  # <linux/prctl.h>
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2  # <linux/securebits.h>
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # <linux/capability.h>
CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySet(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def needs_another_uid() -> bool:
    """Whether Postgres would refuse this user: root, or a uid without a name (`docker run --user 12345`)."""
    return os.geteuid() == 0 or not _has_name(os.geteuid())


def swapped_map(extents: Sequence[tuple[int, int]], uid: int, inside: int) -> list[tuple[int, int, int]]:
    """Lines (inside, outside, count) of an identity map over `extents` (start, count) with two numbers exchanged.

    The whole range is mapped, not `uid` alone: a capability counts only for files whose owner has a number inside.
    """
    low, high = sorted((uid, inside))
    lines: list[tuple[int, int, int]] = []
    for start, count in extents:
        end = start + count
        holes = [number for number in (low, high) if start <= number < end]
        for first, last in zip([start, *(hole + 1 for hole in holes)], [*holes, end], strict=True):
            if first < last:
                lines.append((first, first, last - first))
    known = [number for number in (low, high) if any(start <= number < start + count for start, count in extents)]
    if uid in known:
        lines.append((inside, uid, 1))
    if inside in known:
        lines.append((uid, inside, 1))
    return lines


def become_another(data: Path) -> None:
    """Take a uid that Postgres accepts, and see to it that the data folder is its own; OSError if there is no way."""
    refused = _refusal()
    if refused is None:
        if os.geteuid() == 0:
            _give(data, 0)
        enter_user_namespace()
    elif os.geteuid() == 0:
        _give(data, _named_uid())
        leave_root(_named_uid())
    else:
        raise refused


def _refusal() -> OSError | None:
    """Why no user namespace can be had, tried in a child because a process that is half in one cannot go back."""
    child = os.fork()
    if child == 0:
        try:
            enter_user_namespace()
        except OSError as refused:
            os._exit(refused.errno or 1)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return OSError(number, os.strerror(number)) if number else None


def enter_user_namespace() -> None:
    """Move this process into a user namespace where it has the uid of an ordinary user; OSError if not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid, inside = os.geteuid(), os.getegid(), _named_uid()
    if uid != 0:
        _check(libc.unshare(CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny")
        _write_maps("self", {"uid_map": [(inside, uid, 1)], "gid_map": [(inside, gid, 1)]})
        return
    maps = {name: swapped_map(list(_extents(name)), 0, inside) for name in ("uid_map", "gid_map")}
    # A map of more than one's own id is written from outside the namespace: by a child made before it is entered.
    entered, enter = os.pipe()
    outside = os.fork()
    if outside == 0:
        os.close(enter)
        try:
            if os.read(entered, 1):
                _write_maps(os.getppid(), maps)
        except OSError as refused:
            os._exit(refused.errno or 1)
        os._exit(0)
    os.close(entered)
    try:
        _check(libc.unshare(CLONE_NEWUSER))
        os.write(enter, b"x")
    finally:
        os.close(enter)
        _, status = os.waitpid(outside, 0)
    number = os.waitstatus_to_exitcode(status)
    if number:
        raise OSError(number, os.strerror(number))
    _keep_capabilities(1 << CAP_DAC_READ_SEARCH)


def leave_root(uid: int) -> None:
    """Become that uid for good, still able to pass folders that belong to others; OSError if root may not do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # Without it access(2), by which initdb looks for its programs, forgets every right of a user who is not root, and
    # a clone below /root could not be used. A container without CAP_SETPCAP does without: elsewhere it is not needed.
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _keep_capabilities(1 << CAP_DAC_OVERRIDE)


def _write_maps(process: int | str, maps: dict[str, list[tuple[int, int, int]]]) -> None:
    for name, lines in maps.items():
        Path("/proc", str(process), name).write_text("".join(f"{a} {b} {n}\n" for a, b, n in lines))


def _extents(name: str) -> Iterator[tuple[int, int]]:
    for line in Path("/proc/self", name).read_text().splitlines():
        inside, _, count = map(int, line.split())
        yield inside, count


def _keep_capabilities(mask: int) -> None:
    """Hold only the capabilities in `mask`, and hand them on to the command (ambient ones survive exec)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
    sets = (_CapabilitySet * 2)(_CapabilitySet(mask, mask, mask), _CapabilitySet(0, 0, 0))
    _check(libc.capset(ctypes.byref(header), sets))
    for number in range(32):
        if mask >> number & 1:
            _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _named_uid() -> int:
    """A uid other than root's that has a name: initdb looks its own up."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), 1000)


def _give(folder: Path, uid: int) -> None:
    """Make `uid` the owner of everything in `folder`, if it is not: an earlier start may have run another way."""
    if folder.exists() and folder.stat().st_uid != uid:
        # The folder itself comes last, so that a change that was broken off is begun again.
        for path in (*folder.rglob("*"), folder):
            os.chown(path, uid, -1, follow_symlinks=False)


def main(arguments: Sequence[str]) -> None:
    """Become the command after `--`; exits with one sentence when this machine offers no way to."""
    options, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    settings = dict(zip(options[::2], options[1::2], strict=True))
    data, parent = Path(settings["--data"]), int(settings["--parent"])
    if needs_another_uid():
        try:
            become_another(data)
        except OSError as refused:
            sys.exit(
                f"Postgres does not run as root, and this machine allows no user namespace ({refused.strerror}): "
                "run this as an ordinary user, or allow namespaces (sysctl user.max_user_namespaces; for a container, "
                "--privileged)"
            )
    if sys.platform == "linux":
        # Set last: the kernel forgets it when a process changes its credentials.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the process that started this one is gone")
    os.execv(command[0], list(command))  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main(sys.argv[1:])
