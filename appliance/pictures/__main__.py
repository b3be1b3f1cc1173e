"""`python -m appliance.pictures [FOLDER]`: one simulated run with a fixed seed, and README's pictures of it.

The run is the same every time, to the octet; how letters are drawn is the machine's fonts' and Chromium's.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from appliance.demo import remains
from appliance.demo.drive import Drive
from appliance.demo.faults import Fault, Way
from appliance.demo.kinds import Kind
from appliance.demo.probing import Probes
from appliance.demo.telling import truth_lines
from appliance.pictures.browser import Browser, Look
from appliance.pictures.terminal import drawing, recording, timeline
from appliance.simnet.demo import Simulated
from faultline.runtime import console

SEED = 1
FAULT = Fault(kind=Kind.LOSS, component="loop-1", way=Way.FORWARD, rate=0.02)
AFTER_S = 60.0
"""The pages are looked at a minute after the verdict: their plots show a course, not a point."""
AT_ONCE = 1e6
"""Virtual seconds in a second: nobody watches."""
DESK, PHONE = (1180, 1240), (360, 1350)
"""Width and greatest height in CSS pixels."""
SHOTS = (
    ("page", "/", DESK, 1.0),
    ("phone", "/incidents/{incident}", PHONE, 2.0),
)
JUDGED = 2
"""Lines of the truth: what was injected, and whether the verdict is right. The rest differs from run to run."""
MOST_OCTETS = 150_000

app = typer.Typer(add_completion=False)


@app.command()
def pictures(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("docs/pictures"),
) -> None:
    """Make README's pictures: the verdict in a terminal, and the pages, light and dark, at a desk and on a phone."""
    signal.signal(signal.SIGTERM, _ended)
    remains.clean_crashed_runs()  # now, so that no picture tells of them
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        world = Simulated(faults=[FAULT], probes=Probes.FULL, seed=SEED, faster=AT_ONCE)
        try:
            _run(world, folder, Path(scratch) / "report.html")
        finally:
            world.tear_down()


def _run(world: Simulated, folder: Path, report: Path) -> None:
    screen = recording()
    teller = timeline(screen)
    teller.opening(Probes.FULL)
    outcome = Drive(world, faults=[FAULT], teller=teller, report=report).run()
    if not outcome.correct.everything:
        raise console.CommandError("the run's verdict is wrong: no picture is made of it", hint="see the accuracy table")
    teller.verdict(outcome, Probes.FULL)
    teller.text(truth_lines(outcome)[:JUDGED])
    _keep(folder / "verdict.svg", drawing(screen, title="faultline demo --fault loss --segment loop-1").encode())
    incident = str(world.answers().incidents[0]["id"])
    world.wait(AFTER_S)
    address = world.places()["status page"].rstrip("/")
    with Browser() as browser:
        for name, path, (width, height), scale in SHOTS:
            for dark in (False, True):
                look = Look(width=width, height=height, dark=dark, scale=scale, phone=scale > 1)
                browser.open(f"{address}{path.format(incident=incident)}", look)
                _keep(folder / f"{name}-{'dark' if dark else 'light'}.webp", browser.picture(most_height=height, form="webp"))


def _ended(*_: object) -> NoReturn:
    """Leave the way out to whoever must clean up."""
    raise SystemExit(128 + signal.SIGTERM)


def _keep(path: Path, octets: bytes) -> None:
    """Write a picture that is small enough for a repository."""
    if len(octets) > MOST_OCTETS:
        raise console.CommandError(f"{path.name} has {len(octets)} octets, more than {MOST_OCTETS}", hint="show less of the page")
    path.write_bytes(octets)
    sys.stdout.write(f"{path} {len(octets)}\n")


if __name__ == "__main__":
    console.run(app)
