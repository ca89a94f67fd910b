"""What knowing the caller costs a request in processor time: by an API key, by a token at first and again.

    make bench-auth ARGS="--requests 20000"

The best of five rounds, as neighbours on the machine only ever make a round slower.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import key_file
from common.authenticator import Authenticator
from common.settings import ServiceSettings
from fakes.identity_provider import AUDIENCE, EC_KEY, Provider

ROUNDS = 5


def measure(check: Authenticator, credential: str, requests: int, before_each: Callable[[], object]) -> float:
    """Microseconds of processor time for one request."""
    headers = {"authorization": f"Bearer {credential}"}
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(requests):
            before_each()
            check.authenticate(headers)
        best = min(best, (time.process_time() - began) / requests)
    return best * 1e6


def main(requests: Annotated[int, typer.Option(min=1)] = 20_000) -> None:
    """Measure and print."""
    provider = Provider()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.json"
        key, _ = key_file.create(path)
        given = {"auth": "oidc", "keys_file": path, "oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
        check = Authenticator(ServiceSettings.model_validate(given))
        table = Table("caller", "µs of processor time")
        with check.running():
            tokens = check.tokens
            assert tokens is not None
            while tokens.problem():
                time.sleep(0.05)
            for name, credential, forget in (
                ("API key", key, False),
                ("token signed by RSA, seen before", provider.token(), False),
                ("token signed by RSA, first time", provider.token(), True),
                ("token signed by an elliptic curve, first time", provider.token(EC_KEY, "two", "ES256"), True),
            ):
                before: Callable[[], object] = tokens.forget if forget else object
                spent = measure(check, credential, requests // 10 if forget else requests, before)
                table.add_row(name, f"{spent:.1f}")
        Console().print(table)
    provider.close()


if __name__ == "__main__":
    typer.run(main)
