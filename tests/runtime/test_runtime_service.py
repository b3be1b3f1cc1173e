"""Life of a service, counters, logs, messages to the person."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.runtime import console, log
from faultline.runtime.clock import VirtualClock
from faultline.runtime.counters import Stage
from faultline.runtime.lifecycle import Service


class Part:
    """A component that writes down what happens to it."""

    def __init__(self, name: str, diary: list[str], *, fails: str = "") -> None:
        self.name = name
        self.diary = diary
        self.fails = fails

    def start(self) -> None:
        if self.fails == "start":
            raise RuntimeError(self.name)
        self.diary.append(f"+{self.name}")

    def stop(self) -> None:
        self.diary.append(f"-{self.name}")
        if self.fails == "stop":
            raise RuntimeError(self.name)


def service(*parts: Part) -> Service:
    """A service of these parts."""
    return Service("test", [(part.name, part) for part in parts])


def test_components_start_in_order_and_stop_in_reverse() -> None:
    """What feeds others, joined last, stops first."""
    diary: list[str] = []
    made = service(Part("a", diary), Part("b", diary))
    made.start()
    made.stop()
    made.stop()
    assert diary == ["+a", "+b", "-b", "-a"]


def test_a_start_that_fails_stops_what_had_started() -> None:
    """No half-started service stays behind."""
    diary: list[str] = []
    with pytest.raises(RuntimeError, match="b"):
        service(Part("a", diary), Part("b", diary, fails="start"), Part("c", diary)).start()
    assert diary == ["+a", "-a"]


def test_a_component_that_fails_to_stop_does_not_keep_the_others() -> None:
    """Every component is stopped."""
    diary: list[str] = []
    made = service(Part("a", diary), Part("b", diary, fails="stop"))
    made.start()
    made.stop()
    assert diary == ["+a", "+b", "-b", "-a"]


def test_a_termination_signal_stops_gracefully() -> None:
    """SIGTERM makes run return after every stop; the signal handlers are put back."""
    diary: list[str] = []
    made = service(Part("a", diary))
    before = signal.getsignal(signal.SIGTERM)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    made.run()
    assert diary == ["+a", "-a"]
    assert signal.getsignal(signal.SIGTERM) == before


@given(st.lists(st.tuples(st.sampled_from(["take", "done", "quota", "corrupt"]), st.integers(0, 50))))
def test_a_stage_always_balances(moves: list[tuple[str, int]]) -> None:
    """In = out + dropped by reason + held, whatever moves."""
    stage = Stage("s")
    for move, count in moves:
        if move == "take":
            stage.take(count)
        elif move == "done":
            stage.done(count)
        else:
            stage.drop(move, count)
    shot = stage.snapshot()
    assert shot.balanced
    assert shot.document()["balanced"]


def test_secrets_are_hidden_in_logs(capsys: pytest.CaptureFixture[str]) -> None:
    """A value under a name that sounds like a secret is never written, in either format."""
    event = log._hide_secrets(None, "", {"event": "e", "token": "abc", "Authorization": "Bearer abc", "user": "u"})
    assert event == {"event": "e", "token": "***", "Authorization": "***", "user": "u"}
    assert capsys.readouterr().out == ""


def test_bursts_are_logged_a_few_times_then_summed_up() -> None:
    """Five a minute a key; the next minute says how many were held back; other keys are not touched."""
    quiet = log.QuietBursts(limit=5, period_s=60)
    assert [quiet.allow("a", 0)[0] for _ in range(8)] == [True] * 5 + [False] * 3
    assert quiet.allow("b", 0) == (True, 0)
    assert quiet.allow("a", 60 * 10**9) == (True, 3)


def test_bursts_remember_a_bounded_number_of_keys() -> None:
    """A stranger who invents keys does not fill our memory."""
    quiet = log.QuietBursts(max_keys=3)
    allowed = [quiet.allow(f"k{number}", 0)[0] for number in range(10)]
    assert allowed == [True] * 3 + [False] * 7


def test_a_virtual_clock_steps_the_wall_and_not_the_monotonic_time() -> None:
    """What a bad time server does."""
    clock = VirtualClock(wall_ns=100)
    clock.advance(10)
    clock.step(-50)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (60, 10)


def test_an_error_for_the_person_is_two_lines_and_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What went wrong, what to do; data on standard output stays clean."""

    def fail() -> None:
        raise console.CommandError("no such line", hint="see `inventory check`", code=console.BAD_USAGE)

    with pytest.raises(SystemExit) as caught:
        console.run(fail)
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: no such line\nhint: see `inventory check`\n"


def test_a_reader_that_goes_away_is_no_error_of_ours() -> None:
    """`faultline ... | head -1` ends without a traceback."""
    program = (
        "from faultline.runtime import console\ndef main():\n    for _ in range(200000): print('x' * 50)\nconsole.run(main)\n"
    )
    command = f'{sys.executable} -c "{program}" | head -1'
    began = time.monotonic()
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=20)
    assert done.stderr == b""
    assert done.stdout.startswith(b"xxx")
    assert time.monotonic() - began < 15
