"""The environments and charts that Argo CD deploys, from the one list it reads itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from delivery.commands import DeliveryError

LIST = "argocd/root/values.yaml"


@dataclass(frozen=True)
class Layout:
    """What is deployed where. `environments` are in the order in which images move through them."""

    environments: tuple[str, ...]
    charts: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The charts that an environment leaves out, for it uses another one's."""

    @property
    def first(self) -> str:
        """The environment that a release goes to."""
        return self.environments[0]

    def charts_of(self, environment: str) -> tuple[str, ...]:
        """The charts that are deployed in an environment."""
        return tuple(chart for chart in self.charts if chart not in self.without.get(environment, ()))

    def known(self, environment: str, option: str) -> str:
        """The environment itself; DeliveryError where there is none of this name."""
        if environment not in self.environments:
            raise DeliveryError(
                f"{option}={environment}: no such environment; there are {', '.join(self.environments)}"
            )
        return environment

    def before(self, environment: str) -> str | None:
        """The environment whose images the next one takes."""
        place = self.environments.index(environment)
        return self.environments[place - 1] if place else None


def read(root: Path) -> Layout:
    """The layout of a checkout."""
    try:
        values = yaml.safe_load((root / LIST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeliveryError(f"{root} has no {LIST}: run this in a checkout of the platform") from None
    without = {name: tuple(settings.get("without", ())) for name, settings in values["environments"].items()}
    return Layout(tuple(values["environments"]), tuple(values["charts"]), without)
