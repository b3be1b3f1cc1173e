"""`faultline up`: the whole product on one machine for real use. One command, one file, one status address."""

from __future__ import annotations

import datetime as dt
import fcntl
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from appliance.settings import Part, Settings, read_settings, unusable, write_files
from appliance.supervisor import Child, Supervisor
from faultline.runtime import console, log
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.runtime.status import Address, StatusServer
from faultline.runtime.systemd import notify

app = typer.Typer(name="up", add_completion=False, pretty_exceptions_enable=False)

EXAMPLE = "packaging/examples/appliance.yaml"
_WATCH_S = 0.5
_START_S = {Part.COLLECTOR: 60.0, Part.ANALYZER: 60.0, Part.PROBE: 30.0}
_STOP_S = {Part.COLLECTOR: 30.0, Part.ANALYZER: 20.0, Part.PROBE: 10.0}
"""A minute together; a probe drains for 3 s, an analyzer finishes a step, a collector finishes requests and archives."""


@app.command()
def up(
    config: Annotated[Path | None, typer.Option("--config", "-c", help=f"appliance.yaml; start from {EXAMPLE}.")] = None,
    *,
    interface: Annotated[
        list[str] | None, typer.Option("--interface", help="Capture this interface with a probe on this machine; repeatable.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read everything, say whether it is right, and exit.")] = False,
) -> None:
    """Collector and analyzer (and a probe on this machine, when it has interfaces) until SIGTERM or Ctrl-C."""
    if config is None:
        raise CommandError(
            "no configuration given",
            hint=f"copy {EXAMPLE} and packaging/examples/inventory.yaml, then: faultline up -c appliance.yaml",
            code=BAD_USAGE,
        )
    settings = read_settings(config, interfaces=interface or ())
    if check:
        console.say(f"{config}: right")
        return
    log.configure(level=settings.log.level, json=settings.log.json, service="up")
    with alone(settings.data):
        write_files(settings)
        run(settings)


def run(settings: Settings) -> None:
    """Until a stop is asked for.

    Raises:
        CommandError: a service or the status address cannot be started.
    """
    stopping = threading.Event()

    def on_signal(number: int, _: object) -> None:
        if stopping.is_set():
            console.say(f"stopping already; SIGKILL ends it at once (signal {number} ignored)")
        stopping.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    counters = Counters()
    supervisor = Supervisor(children_of(settings), counters=counters, sleep=stopping.wait)
    status = StatusServer(settings.status, counters=counters, problems=Remembered(supervisor.problems))
    said = logger("up")
    try:
        make_authority(settings)
        status.start()
        if supervisor.start():
            notify("READY=1")
            for line in welcome(settings):
                console.say(line)
        while not stopping.wait(_WATCH_S):
            supervisor.watch()
    finally:
        notify("STOPPING=1")
        begun_s = time.monotonic()
        supervisor.stop()
        status.stop()
        said.info("stopped", seconds=round(time.monotonic() - begun_s, 1))
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Holds a folder: two collectors on one store would roll up over each other.

    Raises:
        CommandError: another installation runs on it, or it cannot be used.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data / "lock").open("a")
    except OSError as error:
        raise unusable(data, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"appliance.data: another `faultline up` runs on {data}",
                hint="stop it, or give this one a folder of its own",
                code=BAD_USAGE,
            ) from None
        yield


class Remembered:
    """Answers from a moment ago: asking every service takes a while, and anybody may ask us as often as they like."""

    def __init__(self, ask: Callable[[], Sequence[str]], *, for_s: float = 1.0) -> None:
        self._ask = ask
        self._for_s = for_s
        self._lock = threading.Lock()
        self._asked_s: float | None = None
        self._answer: Sequence[str] = ()

    def __call__(self) -> Sequence[str]:
        """What `ask` says, or said a moment ago."""
        with self._lock:
            if self._asked_s is None or time.monotonic() - self._asked_s >= self._for_s:
                self._answer = self._ask()
                self._asked_s = time.monotonic()
            return self._answer


def children_of(settings: Settings) -> list[Child]:
    """The services of an installation, in the order they start."""
    from appliance.services import services_of  # noqa: PLC0415 - an HTTP client is not needed to refuse a configuration

    return [
        Child(
            name=service.part.value,
            arguments=[service.part.value, "run", "-c", str(settings.file(service.part))],
            problems=service.problems,
            start_s=_START_S[service.part],
            stop_s=_STOP_S[service.part],
        )
        for service in services_of(settings)
    ]


def make_authority(settings: Settings) -> None:
    """The collector's authority, before anybody needs it: the local probe reads it at its start."""
    from collector.intake.authority import Authority  # noqa: PLC0415 - cryptography, only to run

    names = [*settings.collector.names, socket.gethostname(), "localhost", "127.0.0.1", "::1"]
    Authority(settings.collector.data / "tls", names).ensure(dt.datetime.now(tz=dt.UTC))


def welcome(settings: Settings) -> list[str]:
    """What a person wants to know once everything runs."""
    listen = Address.parse(settings.analyzer.listen)
    return [
        f"status page: http://{listen}/",
        f"probes report to https://<this machine>:{Address.parse(settings.collector.listen).port}",
        f"each needs {settings.authority} and its token from {settings.data / 'tokens'}",
        f"health of the whole: http://{settings.status}/healthz; `faultline doctor -c` walks every stage",
        "Ctrl-C stops it",
    ]


def main() -> NoReturn:
    """Entry point of `python -m appliance.up`."""
    console.run(app)


if __name__ == "__main__":
    main()
