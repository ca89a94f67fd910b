"""PromQL in the few shapes that the dashboards need; every selector follows the dashboard's choice of namespaces."""

NAMESPACE = 'namespace=~"$namespace"'
"""Matches everything that is chosen; without namespaces, as on one machine, all there is."""
WINDOW = "$__rate_interval"


def series(name: str, *matchers: str) -> str:
    """A metric in the chosen namespaces."""
    return f"{name}{{{','.join((NAMESPACE, *matchers))}}}"


def rate(name: str, *matchers: str, window: str = WINDOW) -> str:
    """Increase per second."""
    return f"rate({series(name, *matchers)}[{window}])"


def total(inner: str, *labels: str) -> str:
    """The sum, for each value of the labels if there are any."""
    return f"sum by ({', '.join(labels)}) ({inner})" if labels else f"sum({inner})"


def quantile(share: float, name: str, *matchers: str, by: tuple[str, ...] = (), window: str = WINDOW) -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({share:g}, {total(rate(f'{name}_bucket', *matchers, window=window), 'le', *by)})"


def mean(name: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """The mean of a histogram's observations."""
    return f"{total(rate(f'{name}_sum', *matchers), *by)} / {total(rate(f'{name}_count', *matchers), *by)}"


def share(part: str, whole: str) -> str:
    """A part of a whole; nothing while there is no whole."""
    return f"{part} / ({whole} > 0)"


def or_zero(inner: str) -> str:
    """For what is only there once it happened: none is a zero. `on()`: the zero stands alone or not at all."""
    return f"({inner} or on() vector(0))"
