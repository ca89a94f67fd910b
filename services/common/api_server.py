"""The cluster's API server as this pod may reach it: its address, and the service account that it speaks as."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Where Kubernetes puts what a pod needs to speak to its API server.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The cluster's API server, and the folder of this pod's service account."""

    url: str
    account: Path = ACCOUNT

    @classmethod
    def of_this_pod(cls, environment: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> "ApiServer | None":
        """The one that Kubernetes names in the environment; None outside a cluster."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            return None
        return cls(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}", account)

    def token(self) -> str:
        """The token as it is now: Kubernetes rotates it. Raises OSError when there is none."""
        return _read(self.account / "token")

    def namespace(self) -> str:
        """The pod's namespace; raises OSError when it is not known."""
        return _read(self.account / "namespace")

    def tls(self) -> ssl.SSLContext | None:
        """What the server's certificate is verified with; None: without a certificate authority of its own."""
        authority = self.account / "ca.crt"
        return ssl.create_default_context(cafile=str(authority)) if authority.exists() else None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
