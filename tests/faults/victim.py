"""A process that may die: the collector, or a probe's spool and uploader, with a point armed, a clock and a way that may be bad.

    python -m tests.faults.victim collector collector.yaml
    python -m tests.faults.victim feeder probe.yaml tally.txt

`FAULTLINE_VICTIM` is a JSON object: `point` and `nth`, `begun_ns` and `offset_s` of the clock, `link` (drop, twice, again, early,
late) and `acknowledged`, the file that gets a line for each acknowledgement that came.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from faultline.runtime.clock import SystemClock
from probe.export.link import Answer, HttpsLink, LinkError
from probe.spool.batch import read_header
from probe.spool.spool import Spool
from tests.faults.points import Points, arm, around

PACE = 10
"""Time passes so many times faster than it does: windows become final and flows are archived within a run of seconds."""
_LATE_S = 0.3
_KEPT = 8


def wall_ns(begun_ns: int, offset_s: int = 0) -> int:
    """The quick clock of a run, by a host whose clock may be off."""
    return begun_ns + (time.time_ns() - begun_ns) * PACE + offset_s * 1_000_000_000


def _quicken(begun_ns: int, offset_s: int) -> None:
    real_ns = time.monotonic_ns
    SystemClock.wall_ns = lambda _: wall_ns(begun_ns, offset_s)  # type: ignore[assignment,method-assign]
    SystemClock.monotonic_ns = lambda _: real_ns() * PACE  # type: ignore[assignment,method-assign]


def _bad_way(kind: str, acknowledged: Path, points: Points, seed: int) -> None:
    """Answers that are lost, batches that come twice, late or once more after later ones."""
    chance = random.Random(seed)
    send = HttpsLink.send
    earlier: list[bytes] = []

    def sent(link: HttpsLink, batch: bytes) -> Answer:
        answer = send(link, batch)
        if answer.status == 200:
            header = read_header(batch)
            with acknowledged.open("a") as file:
                file.write(f"{header.probe} {header.incarnation} {header.stream} {header.seq}\n")
        return answer

    def over(link: HttpsLink, batch: bytes) -> Answer:
        points.passed("send.before")
        hit = chance.random() < 0.3
        if hit and kind == "late":
            time.sleep(_LATE_S)
        if hit and kind == "again" and earlier:
            sent(link, chance.choice(earlier))
        answer = sent(link, batch)
        if hit and kind == "twice":
            answer = sent(link, batch)
        earlier[:] = [*earlier, batch][-_KEPT:]
        points.passed("send.after")
        if hit and kind == "drop":
            raise LinkError("the answer was lost on its way")
        return answer

    HttpsLink.send = over  # type: ignore[assignment,method-assign]


def _collector(config: Path, points: Points) -> None:
    from fastapi import Response  # noqa: PLC0415 - a probe does without

    from collector import cli, pipeline  # noqa: PLC0415
    from collector.intake import edge  # noqa: PLC0415

    class Dying(Response):
        async def __call__(self, *args: Any) -> None:
            points.passed("answer.before")
            await super().__call__(*args)
            points.passed("answer.after")

    edge.Response = Dying  # type: ignore[attr-defined]
    pipeline.ARCHIVE_AFTER_NS = 10_000_000_000
    sys.argv = ["collector", "run", "-c", str(config)]
    cli.main()


def _feeder(config: Path, tally: Path, points: Points, orders: dict[str, Any]) -> None:
    from tests.e2e import feeder  # noqa: PLC0415 - after the clocks are changed

    _bad_way(orders.get("link", ""), Path(orders["acknowledged"]), points, int(orders.get("seed", 0)))
    Spool.release = around(points, "release", Spool.release)  # type: ignore[method-assign]
    sys.argv = ["feeder", str(config), str(tally), "--pause", "0.03"]
    feeder.main()


def main() -> None:
    """The command."""
    orders = json.loads(os.environ["FAULTLINE_VICTIM"])
    points = Points(armed=orders.get("point", ""), left=int(orders.get("nth", 1)))
    _quicken(orders["begun_ns"], int(orders.get("offset_s", 0)))
    arm(points)
    if sys.argv[1] == "collector":
        _collector(Path(sys.argv[2]), points)
    else:
        _feeder(Path(sys.argv[2]), Path(sys.argv[3]), points, orders)


if __name__ == "__main__":
    main()
