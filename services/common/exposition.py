"""What `/metrics` says: OpenMetrics with exemplars to those who ask for it, the older text to everybody else."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

LONGEST_ACCEPT = 2000


def exposed(accept: str) -> tuple[str, bytes]:
    """Content type and body for a client that sends this `Accept` header."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        # Several workers share the port: whichever is asked answers for all. Exemplars are lost on that way.
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    try:
        encode, content_type = choose_encoder(accept[:LONGEST_ACCEPT])
    except (TypeError, ValueError):
        # A version that is no number; it is the client's text, so it goes nowhere.
        encode, content_type = generate_latest, CONTENT_TYPE_LATEST
    return content_type, encode(registry)
