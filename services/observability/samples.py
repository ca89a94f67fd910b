"""Counters over a time window, exactly: from the samples in Prometheus, not from its extrapolated `increase`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aiohttp

TIMEOUT_S = 30.0
# Between two scrapes of a service, at most; what counts within this time may not be seen everywhere yet.
SCRAPE_S = 15.0


class Unreachable(Exception):
    """Prometheus or the trace store does not give an answer; the message says which and why."""


@dataclass(frozen=True)
class Series:
    """One series over the window. `total` is how much a counter grew, or what a gauge shows now.

    `at_begin` and `at_end` are how much it grew within a scrape of the window's begin and end: counters of two services
    are read a moment apart, so that what moves then may be missing in one of them.
    """

    name: str
    labels: Mapping[str, str]
    total: float
    at_begin: float = 0.0
    at_end: float = 0.0
    process_ended: bool = False
    """Whether a process that counted here ended in the window: it counts from zero again, or no more."""


@dataclass(frozen=True)
class Reading:
    """All series that were asked for."""

    series: Sequence[Series]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels."""
        return sum(each.total for each in self.of(name, **labels))

    def of(self, name: str, **labels: str) -> list[Series]:
        """The series that have these labels."""
        wanted = labels.items()
        return [each for each in self.series if each.name == name and wanted <= each.labels.items()]

    def values(self, name: str, label: str) -> list[str]:
        """The values that the label has there."""
        return sorted({each.labels.get(label, "") for each in self.of(name)})

    def motion(self, measure: Callable[[Series], float]) -> float:
        """The largest growth of any counter by that measure."""
        return max((measure(each) for each in self.series), default=0.0)


class Prometheus:
    """The metrics at `url`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._session = session

    async def read(self, counters: Sequence[str], gauges: Sequence[str], window_s: float) -> Reading:
        """Everything of these names over the last `window_s`; raises Unreachable."""
        found = [
            grown(result["metric"], result["values"], window_s, now)
            for now, result in await self._query(f'{{__name__=~"{"|".join(counters)}"}}[{int(window_s)}s]')
        ]
        for _, result in await self._query(f'{{__name__=~"{"|".join(gauges)}"}}'):
            labels = result["metric"]
            found.append(Series(labels["__name__"], labels, float(result["value"][1])))
        return Reading(found)

    async def _query(self, query: str) -> list[tuple[float, Any]]:
        try:
            async with self._session.post(f"{self._url}/api/v1/query", data={"query": query}) as response:
                answer = await response.json(content_type=None)
            async with self._session.post(f"{self._url}/api/v1/query", data={"query": "time()"}) as response:
                now = float((await response.json(content_type=None))["data"]["result"][0])
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError) as error:
            raise Unreachable(f"Prometheus at {self._url} does not answer ({type(error).__name__})") from None
        if answer.get("status") != "success":
            raise Unreachable(f"Prometheus at {self._url} refuses the query: {answer.get('error')}")
        return [(now, result) for result in answer["data"]["result"]]


def grown(labels: Mapping[str, str], samples: Sequence[tuple[float, str]], window_s: float, now: float) -> Series:
    """A counter over the window, from its raw samples (Unix seconds, value).

    A process that began within the window counted its first sample in it, and so did one that starts again from zero.
    """
    begin = now - window_s
    times = [float(time) for time, _ in samples]
    values = [float(value) for _, value in samples]
    first = values[0] if times[0] > begin + SCRAPE_S else 0.0
    steps = [first, *(later - before if later >= before else later for before, later in pairwise(values))]
    return Series(
        labels["__name__"],
        labels,
        sum(steps),
        sum(step for time, step in zip(times, steps, strict=True) if time <= begin + SCRAPE_S),
        sum(step for time, step in zip(times, steps, strict=True) if time > now - SCRAPE_S),
        times[-1] < now - SCRAPE_S or any(later < before for before, later in pairwise(values)),
    )
