"""The alerting rules with time running faster, so that a drill takes minutes instead of hours."""

import re
from collections.abc import Mapping
from pathlib import Path

FASTER = 30
# At a scrape every 5 s a rate needs this long, and a `for` is to be seen pending once.
LEAST_WINDOW_S = 30
LEAST_FOR_S = 10
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WINDOW = re.compile(r"(\[|offset )(\d+)([smhdw])\b")
_FOR = re.compile(r"^(\s*for: )(\d+)([smhdw])$", re.MULTILINE)


def hurried(text: str, eased: Mapping[str, str]) -> str:
    """A rule file with every window, offset and `for` divided by FASTER, and the replacements of `eased`.

    Names of recorded series stay what they are. Raises ValueError for a replacement of what is not there.
    """
    for before, after in eased.items():
        if before not in text:
            raise ValueError(f"the rule no longer says {before!r}: look at the drill that eases it")
        text = text.replace(before, after)
    text = _WINDOW.sub(lambda found: f"{found[1]}{_shorter(found[2], found[3], LEAST_WINDOW_S)}s", text)
    return _FOR.sub(lambda found: f"{found[1]}{_shorter(found[2], found[3], LEAST_FOR_S)}s", text)


def write(root: Path, folder: Path, eased: Mapping[str, Mapping[str, str]]) -> list[Path]:
    """Every rule file of the checkout, hurried, in `folder`; `eased` by the name of the alert."""
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    for path in sorted(root.glob("charts/*/alerts/*.yaml")):
        target = folder / path.name
        target.write_text(hurried(path.read_text(encoding="utf-8"), eased.get(path.stem, {})), encoding="utf-8")
        written.append(target)
    return written


def _shorter(number: str, unit: str, least_s: int) -> int:
    seconds = int(number) * UNITS[unit]
    return max(seconds // FASTER, min(seconds, least_s))
