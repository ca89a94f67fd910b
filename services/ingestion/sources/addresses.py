"""Which network addresses a source may be read from: what a page or a redirect names must not lead into our own nets.

A name is resolved once and the connection goes to an address that was looked at: were the name resolved again for the
connection, its owner could answer with another address the second time (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address

# Where clouds hand out the machine's own credentials; refused even where private addresses are allowed.
METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SHARED = ipaddress.IPv4Network("100.64.0.0/10")


class RefusedAddress(OSError):
    """The host has an address that this source may not be read from."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} has an address that is not public")
        self.host = host


def is_allowed(text: str, *, private: bool) -> bool:
    """Whether a connection may go to the address. `private` opens private and loopback addresses, and no others."""
    try:
        address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address in METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback or address in SHARED:
        return private
    return address.is_global or (private and address.is_private and not address.is_reserved)


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where a gateway or the kernel would send packets to that."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


async def resolved(host: str, port: int, *, private: bool) -> list[tuple[socket.AddressFamily, str]]:
    """The host's addresses, all of them allowed; raises RefusedAddress, or OSError when it has none."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = [(family, str(address[0])) for family, _, _, _, address in infos]
    # One that is not allowed spoils the others: an attacker's name may mix a public address with one of ours.
    if not found or not all(is_allowed(address, private=private) for _, address in found):
        raise RefusedAddress(host)
    return found


class GuardedResolver(AbstractResolver):
    """Resolves names for the HTTP client, and answers with allowed addresses only."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises RefusedAddress and OSError."""
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in await resolved(host, port, private=self._private)
        ]

    async def close(self) -> None:
        """Nothing is held."""

    def open_socket(self, info: Any) -> socket.socket:
        """A socket for one address; every connection comes past here, also to hosts that are addresses themselves."""
        family, kind, protocol, _, address = info
        if not is_allowed(str(address[0]), private=self._private):
            raise RefusedAddress(str(address[0]))
        return socket.socket(family, kind, protocol)
