"""Runs probe and collector as real processes and does to them what happens in the field; says which promises did not hold.

    python -m tests.faults.run --seeds 1-40

A seed draws what is done, to whom and in which order, so a seed tells the same story again; the moments within it are the
processes' own. The first act of run n dies at the nth point, so that as many runs as there are points pass all of them.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import attrs
import httpx

from tests.e2e.ground import TOKEN, Ground, acknowledged, end, eventually
from tests.faults.accounts import violations
from tests.faults.points import COLLECTOR_POINTS, PROBE_POINTS
from tests.faults.victim import wall_ns

POINTS = (*COLLECTOR_POINTS, *PROBE_POINTS)
WAYS = ("drop", "twice", "again", "late")
OTHER_ACTS = (
    "step-probe",
    "step-collector",
    "poison",
    "clone",
    "flip-spool",
    "lose-spool",
    "tear-spool",
    "flip-payload",
    "lose-payload",
)
ACTS_A_RUN = 4
POINT_S = 15.0
"""A point that was not passed within this is not passed: the process is killed where it is."""
FRESH = 10
PATIENCE_S = 240.0
"""How long a busy machine may take until fresh batches are taken."""
HOUR_S = 3600


@attrs.define
class Told:
    """What a run came to."""

    seed: int
    acts: list[str] = attrs.field(factory=list)
    hit: list[str] = attrs.field(factory=list)
    wrong: list[str] = attrs.field(factory=list)


class Run:
    """One seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.told = Told(seed)
        self._seed = seed
        self._chance = random.Random(seed)
        self._begun_ns = time.time_ns()
        self._ground = Ground(folder)
        self._acknowledged = folder / "acknowledged.txt"
        self._acknowledged.touch()
        self._way = self._chance.choice(WAYS)
        self._offsets = {"probe": 0, "collector": 0}
        self._spoiled = 0

    def go(self) -> Told:
        """All acts, then the account."""
        settings = {"payload_s": 60, "limits": {"min_free_octets": 1 << 20}}
        self._ground.write(collector_settings=settings)
        try:
            self._collector = self._start_collector()
            eventually(self._ground.listens, ground=self._ground, within_s=PATIENCE_S)
            self._feeder = self._start_feeder()
            eventually(lambda: acknowledged(self._ground) > FRESH, ground=self._ground, within_s=PATIENCE_S)
            self._die(POINTS[self._seed % len(POINTS)])
            for _ in range(ACTS_A_RUN - 1):
                self._act()
            self._settle()
        except AssertionError as error:
            self.told.wrong.append(f"fresh batches are not taken: {str(error)[-600:]}")
        finally:
            self._ground.end_all()
        if not self.told.wrong:
            later_ns = wall_ns(self._begun_ns, HOUR_S)
            self.told.wrong += violations(self._ground, self._acknowledged, later_ns, spoiled=self._spoiled)
        return self.told

    def _settle(self) -> None:
        """Everything runs again: what is new is taken, and both end well."""
        before = self._count()
        eventually(lambda: self._count() > before + FRESH, ground=self._ground, within_s=PATIENCE_S)
        for who, process in (("probe", self._feeder), ("collector", self._collector)):
            if end(process, signal.SIGTERM) != 0:
                self.told.wrong.append(f"the {who} did not end well: {self._ground.log()[-600:]}")

    def _count(self) -> int:
        return len(set(self._acknowledged.read_text().splitlines()))

    def _act(self) -> None:
        if self._chance.random() < 0.5:
            self._die(self._chance.choice(POINTS))
            return
        act = self._chance.choice(OTHER_ACTS)
        self.told.acts.append(act)
        what, _, whom = act.partition("-")
        if what == "step":
            self._step(whom)
        elif what == "poison":
            self._poison()
        elif what == "clone":
            self._clone()
        elif whom == "spool":
            self._spoil_spool(what)
        else:
            self._spoil_payload(what)

    # ---- processes
    def _orders(self, who: str, point: str = "") -> dict[str, str]:
        orders = {
            "begun_ns": self._begun_ns,
            "offset_s": self._offsets[who],
            "point": point,
            "nth": self._chance.randint(1, 4),
            "link": self._way,
            "seed": self._seed,
            "acknowledged": str(self._acknowledged),
        }
        return {"FAULTLINE_VICTIM": json.dumps(orders)}

    def _start_collector(self, point: str = "") -> subprocess.Popen[bytes]:
        config = str(self._ground.folder / "collector.yaml")
        return self._ground.start("tests.faults.victim", "collector", config, environment=self._orders("collector", point))

    def _start_feeder(self, point: str = "", *, folder: Path | None = None) -> subprocess.Popen[bytes]:
        folder = folder or self._ground.folder
        files = (str(folder / "probe.yaml"), str(folder / "tally.txt"))
        return self._ground.start("tests.faults.victim", "feeder", *files, environment=self._orders("probe", point))

    def _die(self, point: str) -> None:
        """A life with the point armed, its end, and a life without."""
        collectors = point in COLLECTOR_POINTS
        end(self._collector if collectors else self._feeder, signal.SIGKILL)
        victim = self._start_collector(point) if collectors else self._start_feeder(point)
        try:
            victim.wait(timeout=POINT_S)
            self.told.hit.append(point)
        except subprocess.TimeoutExpired:
            self.told.acts.append(f"killed before {point}")
            end(victim, signal.SIGKILL)
        if collectors:
            self._collector = self._start_collector()
        else:
            self._feeder = self._start_feeder()

    # ---- what else happens
    def _step(self, whom: str) -> None:
        """The clock of a host is an hour off from its next start on, or right again."""
        self._offsets[whom] = self._chance.choice((-HOUR_S, 0, HOUR_S))
        if whom == "probe":
            end(self._feeder, signal.SIGKILL)
            self._feeder = self._start_feeder()
        else:
            end(self._collector, signal.SIGKILL)
            self._collector = self._start_collector()
        time.sleep(2)

    def _poison(self) -> None:
        """A body that is no batch, under a good token."""
        eventually(self._ground.listens, ground=self._ground, within_s=PATIENCE_S)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/ipfix"}
        body = self._chance.randbytes(2000)
        with httpx.Client(verify=False, headers=headers) as client:  # noqa: S501 - a poisoner trusts anybody
            status = client.post(f"https://127.0.0.1:{self._ground.port}/v1/batches", content=body).status_code
        if status != httpx.codes.BAD_REQUEST:
            self.told.wrong.append(f"a body that is no batch was answered {status}")

    def _clone(self) -> None:
        """A second machine begins with a copy of the disk of the first."""
        copy = self._ground.folder / f"clone-{len(self.told.acts)}"
        end(self._feeder, signal.SIGKILL)
        copy.mkdir()
        shutil.copytree(self._ground.folder / "probe", copy / "probe")
        for name in ("probe.yaml", "token"):
            shutil.copy(self._ground.folder / name, copy / name)
        (copy / "tally.txt").write_text("0 500000000 1\n")
        (copy / "collector").symlink_to(self._ground.folder / "collector")
        self._feeder = self._start_feeder()
        other = self._start_feeder(folder=copy)
        time.sleep(3)
        end(other, signal.SIGTERM)

    def _spoil_spool(self, what: str) -> None:
        """Some batch that waits is flipped, lost or cut; the collector is away, so that something waits."""
        end(self._collector, signal.SIGKILL)
        time.sleep(0.5)
        end(self._feeder, signal.SIGKILL)
        files = sorted(self._ground.spool.glob("*/flows/*.ipfix"))
        if files:
            _spoil(self._chance.choice(files), what, self._chance)
        self._collector = self._start_collector()
        self._feeder = self._start_feeder()

    def _spoil_payload(self, what: str) -> None:
        """A batch that was acknowledged is damaged by the collector's own disk: told, and nothing else suffers."""
        end(self._collector, signal.SIGKILL)
        files = sorted((self._ground.folder / "collector" / "payloads").glob("*/*/flows/*.ipfix"))
        if files:
            _spoil(files[-1], what, self._chance)
            self._spoiled += 1
        self._collector = self._start_collector()


def _spoil(path: Path, what: str, chance: random.Random) -> None:
    octets = bytearray(path.read_bytes())
    if what == "lose":
        path.unlink()
    elif what == "tear":
        path.write_bytes(octets[: len(octets) // 2])
    else:
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        path.write_bytes(octets)


def run_seed(seed: int) -> Told:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faultline-faults-", ignore_cleanup_errors=True) as folder:
        return Run(seed, Path(folder)).go()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-9", help="FIRST-LAST")
    first, _, last = parser.parse_args().seeds.partition("-")
    runs = []
    for seed in range(int(first), int(last or first) + 1):
        runs.append(run_seed(seed))
        sys.stdout.write(_line(runs[-1]))
        sys.stdout.flush()
    hit = Counter(point for told in runs for point in told.hit)
    others = sum(len(told.acts) for told in runs)
    wrong = sum(bool(told.wrong) for told in runs)
    sys.stdout.write(
        f"{len(runs)} runs, {hit.total()} deaths at {len(hit)} of {len(POINTS)} points, {others} other acts; {wrong} runs wrong\n"
    )
    sys.exit(1 if wrong else 0)


def _line(told: Told) -> str:
    done = f"seed {told.seed}: died at {', '.join(told.hit) or 'no point'}; {', '.join(told.acts) or 'nothing else'}\n"
    return done + "".join(f"  WRONG: {sentence}\n" for sentence in told.wrong)


if __name__ == "__main__":
    main()
