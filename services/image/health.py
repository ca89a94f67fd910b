"""HEALTHCHECK of the images: whether the service's event loop ticks. (Kubernetes has probes of its own.)"""

import json
import os
import sys
import urllib.request
from pathlib import Path


def main() -> None:
    """Exit 0 when /livez answers."""
    port = os.environ.get("FAIRLEAD_PORT") or Path(__file__).with_name("port").read_text(encoding="utf-8")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2) as answer:
        json.load(answer)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"not alive: {error}")
