"""`make drill-NAME`: start the platform, provoke the alert, see it fire, mend what was broken, see the alert end."""

import argparse
import asyncio
import re
import sys
import time
from datetime import UTC, datetime

from drills import answers, documents, pool, traces
from drills.drill import Drill
from drills.hurried_rules import FASTER
from drills.stage import ROOT, Stage, set_up

DRILLS = {drill.alert: drill for module in (answers, pool, documents, traces) for drill in module.DRILLS}
FIRE_S = 300
END_S = 420
LOOK_EVERY_S = 1.0


def main() -> int:
    """Hold the drills that are named, one after the other on one platform."""
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("alert", nargs="+", help=f"all, or some of: {', '.join(DRILLS)}")
    parser.add_argument("--record", action="store_true", help="write what was seen into the runbooks")
    arguments = parser.parse_args()
    names = list(DRILLS) if arguments.alert == ["all"] else arguments.alert
    if unknown := set(names) - set(DRILLS):
        parser.error(f"there is no drill for {', '.join(sorted(unknown))}; there are {', '.join(DRILLS)}")
    return asyncio.run(_held([DRILLS[name] for name in names], arguments.record))


async def _held(drills: list[Drill], record: bool) -> int:
    failed = 0
    async with set_up() as stage:
        await stage.hurry({drill.alert: drill.eased for drill in DRILLS.values()})
        for drill in drills:
            try:
                seen = await _hold(stage, drill)
            except TimeoutError as error:
                failed += 1
                print(f"{drill.alert}: {error}", flush=True)
                continue
            print(f"{drill.alert}: {seen}", flush=True)
            if record:
                _note(drill, seen)
    return int(failed > 0)


async def _hold(stage: Stage, drill: Drill) -> str:
    # What another drill provoked beside its own alert would say nothing of this one.
    await _until(stage, drill, "quiet", END_S)
    began = time.monotonic()
    async with drill.provoked(stage):
        provoked = time.monotonic()
        print(f"{drill.alert}: provoked, {provoked - began:.0f} s of preparation", flush=True)
        summary = await _until(stage, drill, "firing", FIRE_S)
        fired_s = time.monotonic() - provoked
    mended = time.monotonic()
    await _until(stage, drill, "quiet", END_S)
    ended_s = time.monotonic() - mended
    return f"fired after {fired_s:.0f} s (“{summary}”), ended {ended_s:.0f} s after the repair"


async def _until(stage: Stage, drill: Drill, wanted: str, longest_s: float) -> str:
    """What the alert says once it is so; raises TimeoutError."""
    doing = asyncio.create_task(_on_and_on(stage, drill, wanted))
    end = time.monotonic() + longest_s
    try:
        while time.monotonic() < end:
            state, summary = await stage.state_of(drill.alert)
            if state == wanted:
                return summary
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
    raise TimeoutError(f"was not {wanted} within {longest_s:.0f} s")


async def _on_and_on(stage: Stage, drill: Drill, wanted: str) -> None:
    while True:
        await (drill.meanwhile if wanted == "firing" else drill.afterwards)(stage)
        await asyncio.sleep(LOOK_EVERY_S)


def _note(drill: Drill, seen: str) -> None:
    """The last drill, in the runbook."""
    runbook = ROOT / "docs" / "runbooks" / f"{drill.alert}.md"
    eased = "".join(f", with `{after}` in the place of `{before}`" for before, after in drill.eased.items())
    line = f"Provoked on {datetime.now(UTC):%Y-%m-%d}, windows {FASTER} times shorter{eased}: {seen}."
    before = re.sub(r"^(Provoked on|Not held) .*\n", "", runbook.read_text(encoding="utf-8"), flags=re.MULTILINE)
    runbook.write_text(f"{before.rstrip()}\n\n{line}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
