"""Alarms as a receiver gets them: the whole service behind a real rsyslogd, from windows that become final to the log's lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from analyzer.config import EvaluationConfig
from analyzer.notify.syslog_channel import SyslogTarget, Transport
from analyzer.service import join
from faultline.reports.words import Language

World = Any
Rsyslogd = Any
"""Classes of fixtures live in conftest.py, which tests cannot import."""


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


@pytest.mark.sample
@pytest.mark.e2e
def test_raise_revise_and_clear_arrive_in_order(world: World, make_fault: Any, rsyslogd: Rsyslogd) -> None:
    """Loss that becomes an outage and ends: three messages of one incident, with severity, facts and text in both languages."""
    targets = tuple(
        SyslogTarget(name=lang.value, address=f"127.0.0.1:{rsyslogd.tcp}", transport=Transport.TCP, language=lang)
        for lang in Language
    )
    config = attrs.evolve(
        world.config, syslog=targets, hostname="noc-1", public_url="https://noc.example", evaluation=EvaluationConfig(poll_s=0.02)
    )
    joined = join(config, clock=world.clock)
    joined.service.start()
    try:
        both = ("loop-a>", "loop-a<")
        world.feed(60)
        world.feed(30, {"loop-a>": make_fault(loss=0.02)})
        wait_until(lambda: len(rsyslogd.lines()) == 2)
        world.feed(40, {place: make_fault(loss=1.0) for place in both})
        wait_until(lambda: len(rsyslogd.lines()) == 4)
        world.feed(90)
        wait_until(lambda: len(rsyslogd.lines()) == 6)
    finally:
        joined.service.stop()
    told = [line.split("|") for line in rsyslogd.lines()]
    english = [fields for fields in told if fields[-1].removeprefix("\ufeff").startswith(("FAULT", "REVISED", "CLEARED"))]
    assert [(fields[0], fields[4]) for fields in english] == [("163", "RAISE"), ("162", "REVISE"), ("165", "CLEAR")]
    assert len({fields[5].split('incident="')[1].split('"')[0] for fields in told}) == 1
    assert all('line="CN-NB-0017"' in fields[5] and 'owner="access"' in fields[5] for fields in told)
    assert "down instead of packet loss" in english[1][-1]
    assert "First Bank" in english[0][-1]
    assert "https://noc.example/incidents/" in english[0][-1]
    assert sum("接入网" in fields[-1] for fields in told) == 3
    for target in targets:
        shot = joined.counters.stage(f"notify_{target.name}").snapshot()
        assert (shot.out, shot.held, shot.balanced) == (3, 0, True)
