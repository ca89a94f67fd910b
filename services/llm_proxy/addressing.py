"""Where and with which head a call is sent to an endpoint."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from llm_proxy.http_client import Origin


@dataclass(frozen=True, slots=True)
class Target:
    """One URL, taken apart once."""

    origin: Origin
    head: bytes

    @classmethod
    def of(cls, url: str) -> "Target":
        """The target of a URL that the configuration has checked."""
        parts = urlsplit(url)
        origin = Origin.of(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {origin.host_header}\r\nuser-agent: fairlead\r\naccept: */*\r\n"
            "accept-encoding: identity\r\ncontent-type: application/json\r\n"
        )
        # The URL is ASCII by its check; a path in another alphabet comes percent-encoded.
        return cls(origin, head.encode("ascii"))


@dataclass
class Targets:
    """Those of all URLs in use; forgotten when the configuration changes."""

    _by_url: dict[str, Target] = field(default_factory=dict[str, Target])

    def of(self, url: str) -> Target:
        """The URL's target."""
        target = self._by_url.get(url)
        if target is None:
            target = self._by_url[url] = Target.of(url)
        return target

    def forget(self) -> None:
        """Another configuration is in force."""
        self._by_url.clear()
