"""Start-up settings of a service, read once from the environment (prefix FAIRLEAD_)."""

import ipaddress
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.api_server import ACCOUNT, ApiServer


class ServiceSettings(BaseSettings):
    """Settings that every service has; a service adds its own in its `settings.py`.

    Only what is fixed for the life of a process belongs here. What may change while it runs is a tunable.
    """

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_", env_ignore_empty=True, extra="ignore", frozen=True)

    service: str = Field(default="service", description="Name in logs, metrics and traces, such as `llm-proxy`.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    auth: Literal["none", "keys", "oidc"] = Field(
        default="none",
        description="`keys`: API keys; `oidc`: a provider's tokens, and keys where there is a file of them; `none` is "
        "refused on any but a loopback address.",
    )
    keys_file: Path | None = Field(default=None, description="JSON file of hashed API keys, re-read when it changes.")
    oidc_issuer: str | None = Field(
        default=None, description="The provider's issuer, such as https://login.example/realm."
    )
    oidc_audience: str | None = Field(default=None, description="What tokens must be meant for: `aud`.")
    oidc_tenant_claim: str = Field(
        default="", description="Claim with the caller's tenant; empty: everyone is of the tenant `default`."
    )
    oidc_groups_claim: str = Field(
        default="groups", description="Claim with the caller's groups; a dotted path where it lies deeper."
    )
    oidc_keys_url: str | None = Field(
        default=None, description="Where its signing keys are (JWKS); none: where its discovery document says."
    )
    service_key_file: Path | None = Field(default=None, description="This service's own key for calling the others.")

    config_file: Path | None = Field(
        default=None,
        description="YAML file of tunables, watched while running; or a folder such as a mounted ConfigMap: "
        "`config.yaml`, and single tunables by their dotted path.",
    )
    last_good_dir: Path | None = Field(default=None, description="Where the last valid tunables are kept.")
    config_map: str | None = Field(
        default=None, description="ConfigMap that is mounted there: watched by the Kubernetes API as well."
    )
    last_good_config_map: str | None = Field(
        default=None, description="ConfigMap in which the last valid tunables are kept."
    )
    kubernetes_url: str | None = Field(
        default=None, description="Kubernetes API server; none: that of the cluster that this pod runs in."
    )
    kubernetes_account: Path = Field(
        default=ACCOUNT, description="Folder of the service account: token, namespace, ca.crt."
    )

    database_url: SecretStr | None = Field(default=None, description="Postgres as the application role.")
    database_owner_url: SecretStr | None = Field(default=None, description="Postgres as the owner; migrations only.")
    objects_url: str | None = Field(default=None, description="Where file bytes live: file://, s3://, az://, gs://.")
    pool_url: str = Field(default="http://127.0.0.1:8081/v1", description="Base URL of the LLM pool.")

    otlp_endpoint: str | None = Field(default=None, description="Full URL of an OTLP/HTTP trace receiver; none: off.")
    otlp_headers: SecretStr | None = Field(default=None, description="Headers for it: `name=value,name=value`.")
    traces_first_kept: int = Field(
        default=20, ge=0, description="So many traces after a start are stored whatever share of them is otherwise."
    )
    environment: str = Field(default="local", description="dev, test, prod…: on every trace.")
    commit: str = Field(default="unknown", description="Commit that this process was built from.")
    image_digest: str = Field(default="none", description="Digest of the image that this process runs in.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    drain_s: float = Field(default=30.0, ge=0, le=3600, description="Longest wait for open requests at the end.")
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, description="Largest request body but uploads.")

    @model_validator(mode="after")
    def _refuse_open_doors(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host):
            raise ValueError(
                f"FAIRLEAD_AUTH=none is only for loopback addresses, and FAIRLEAD_HOST is {self.host}: "
                "set FAIRLEAD_AUTH=keys with FAIRLEAD_KEYS_FILE, or FAIRLEAD_AUTH=oidc"
            )
        if self.auth == "keys" and self.keys_file is None:
            raise ValueError("FAIRLEAD_AUTH=keys needs FAIRLEAD_KEYS_FILE (make one: python -m common.keys create)")
        if self.auth == "oidc":
            if not (self.oidc_issuer and self.oidc_audience):
                raise ValueError("FAIRLEAD_AUTH=oidc needs FAIRLEAD_OIDC_ISSUER and FAIRLEAD_OIDC_AUDIENCE")
            for name, url in (("ISSUER", self.oidc_issuer), ("KEYS_URL", self.oidc_keys_url or self.oidc_issuer)):
                if not is_trustworthy(url):
                    raise ValueError(f"FAIRLEAD_OIDC_{name}={url}: keys come by https, or by http from this machine")
        if self.config_map is not None and self.config_file is None:
            raise ValueError("FAIRLEAD_CONFIG_MAP needs FAIRLEAD_CONFIG_FILE: the folder that it is mounted at")
        if self.last_good_config_map is not None and self.config_map is None:
            raise ValueError("FAIRLEAD_LAST_GOOD_CONFIG_MAP needs FAIRLEAD_CONFIG_MAP")
        return self

    def api_server(self) -> ApiServer | None:
        """The cluster's API server; None outside a cluster."""
        if self.kubernetes_url is not None:
            return ApiServer(self.kubernetes_url.rstrip("/"), self.kubernetes_account)
        return ApiServer.of_this_pod(account=self.kubernetes_account)

    def service_key(self) -> str | None:
        """This service's own API key, read afresh so that a rotated Secret is used at once."""
        if self.service_key_file is None:
            return None
        return self.service_key_file.read_text(encoding="utf-8").strip() or None

    def database(self) -> str:
        """The application role's database URL; raises ValueError when there is none."""
        if self.database_url is None:
            raise ValueError("FAIRLEAD_DATABASE_URL is not set: give the Postgres URL of the application role")
        return self.database_url.get_secret_value()


def is_loopback(host: str) -> bool:
    """Whether a listening address is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_trustworthy(url: str) -> bool:
    """Whether what is read there is what was sent: over TLS, or from this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
