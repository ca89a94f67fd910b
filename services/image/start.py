"""The entrypoint of every service's image: `python -m <its package>`, with the arguments that are given.

`-m PACKAGE …` as arguments runs another package of the image, such as `-m vector_store migrate`.
"""

import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Become the process that is asked for."""
    package = Path(__file__).with_name("package").read_text(encoding="utf-8").strip()
    command = arguments if arguments[:1] == ["-m"] else ["-m", package, *arguments]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
