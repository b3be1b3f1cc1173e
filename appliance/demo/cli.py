"""`faultline demo`: its options, and who does what in which order. The course of a run is in `drive`, its ground in a world."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from appliance.demo.faults import Fault, Way, choose
from appliance.demo.kinds import RANDOM, Kind, kinds_text
from appliance.demo.probing import Probes
from appliance.demo.separable import listing
from faultline.runtime import console

_REPORT = Path("build/demo/report.html")
_SEEDS = 1_000_000


class Network(StrEnum):
    """The ground of a run."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    SIMULATED = "simulated"


class Direction(StrEnum):
    """Both spellings of a direction."""

    FORWARD = "forward"
    REVERSE = "reverse"
    BOTH = "both"
    A_TO_Z = "a_to_z"
    Z_TO_A = "z_to_a"

    @property
    def way(self) -> Way:
        """Forward is from A to Z."""
        return {"a_to_z": Way.FORWARD, "z_to_a": Way.REVERSE}.get(self.value) or Way(self.value)


app = typer.Typer(name="demo", add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="\n\n".join(["Kinds of fault:", *kinds_text()]))
def demo(
    *,
    fault: Annotated[
        str,
        typer.Option("--fault", metavar="KIND[,KIND]", help=f"{', '.join(Kind)}, or {RANDOM}; see below.", show_default=True),
    ] = RANDOM,
    segment: Annotated[
        str | None, typer.Option("--segment", help="Component that fails (a,b: one for each kind); default: from the seed.")
    ] = None,
    direction: Annotated[
        Direction | None, typer.Option("--direction", help="Direction that fails; default: both, or from the seed with random.")
    ] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="How bad, in the kind's unit; default: from the seed.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Repeats a run's choices; default: drawn.")] = None,
    probes: Annotated[
        Probes,
        typer.Option(
            "--probes", help="full: mirrors at the provider edges; ends: both ends only, reporting over the lines themselves."
        ),
    ] = Probes.FULL,
    network: Annotated[Network, typer.Option("--network", help="Real packets in namespaces, or simulated ones.")] = Network.AUTO,
    report: Annotated[Path, typer.Option("--report", help="Where the report goes.")] = _REPORT,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
    show_list: Annotated[
        bool, typer.Option("--list", help="What can fail, and what the probes can tell apart; runs nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """The whole product on one machine: real packets, a real fault, and the verdict beside the truth. Takes about 90 s."""
    if show_list:
        _show_list(as_json=as_json)
        return
    seed = secrets.randbelow(_SEEDS) if seed is None else seed
    faults = choose(
        [kind.strip() for kind in fault.split(",")],
        segment=segment,
        way=direction.way if direction else None,
        rate=rate,
        seed=seed,
    )
    _run(_world(network, faults, probes, seed), faults, probes, seed=seed, report=report, keep=keep, as_json=as_json)


def _world(network: Network, faults: Sequence[Fault], probes: Probes, seed: int) -> Any:
    """Real packets where they can be had."""
    from appliance.demo.namespaces.spaces import why_not  # noqa: PLC0415 - --list needs none of this
    from appliance.demo.namespaces.world import Namespaces  # noqa: PLC0415

    reason = None if network is Network.SIMULATED else why_not()
    if network is not Network.SIMULATED and reason is None:
        return Namespaces(faults=faults, probes=probes, seed=seed)
    if network is Network.NAMESPACES:
        raise console.CommandError(f"no namespaces: {reason}", hint="run as root, or with --network simulated")
    if reason is not None:
        console.say(f"no real packets: {reason}; going on with the simulated network")
    from appliance.simnet.demo import Simulated  # noqa: PLC0415

    return Simulated(faults=faults, probes=probes, seed=seed)


def _run(world: Any, faults: Sequence[Fault], probes: Probes, *, seed: int, report: Path, keep: bool, as_json: bool) -> None:
    from appliance.demo.drive import Drive  # noqa: PLC0415
    from appliance.demo.telling import Timeline  # noqa: PLC0415
    from appliance.demo.world import WorldError  # noqa: PLC0415

    timeline = Timeline(sys.stderr if as_json else sys.stdout)
    drive = Drive(world, faults=faults, teller=timeline, report=report.absolute())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        timeline.opening(probes)
        outcome = drive.run()
        timeline.verdict(outcome, probes)
        outcome = drive.account(outcome, final=not keep)
        timeline.truth(outcome)
        if as_json:
            sys.stdout.write(json.dumps(outcome.document | {"seed": seed}, ensure_ascii=False, indent=2) + "\n")
            sys.stdout.flush()
        if keep:
            _stay(world, timeline)
    except WorldError as error:
        raise console.CommandError(str(error), hint="run it again; with --network simulated it needs no namespaces") from None
    except KeyboardInterrupt:
        timeline.text(["interrupted: cleaning up"])
        raise typer.Exit(130) from None
    finally:
        _tear_down(world, timeline)
    if not (outcome.correct.everything and outcome.balance.lost == outcome.balance.doubled == 0):
        raise typer.Exit(console.FAILED)


def _stay(world: Any, timeline: Any) -> None:
    timeline.text(["It stays up until Ctrl-C:", *(f"  {what}: {where}" for what, where in world.places().items())])
    try:
        while True:
            world.wait(1.0)
            timeline.waiting(f"running: {world.traffic()}; Ctrl-C ends it")
    except KeyboardInterrupt:
        timeline.quiet()


def _tear_down(world: Any, timeline: Any) -> None:
    """To its end, whatever the person presses meanwhile."""
    timeline.quiet()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    world.tear_down()


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _show_list(*, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(listing(), ensure_ascii=False, indent=2) + "\n")
        return
    typer.echo(f"{'component':11} {'kind':8} {'owner':13} {'told apart with full probes':28} with probes at the ends")
    for row in listing()["segments"]:
        full, ends = (", ".join(row["class"][mode.value]) for mode in Probes)
        typer.echo(f"{row['id']:11} {row['kind']:8} {row['owner']:13} {full:28} {ends}")


def main() -> NoReturn:
    """Entry point of `python -m appliance.demo.cli`."""
    console.run(app)


if __name__ == "__main__":
    main()
