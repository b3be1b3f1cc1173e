"""What `doctor` finds out about dial tests: one real attempt of each, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from probe.dials.book import Outcome
from probe.dials.config import DialConfig
from probe.dials.dialing import Result, attempt
from probe.doctor import Finding, Status

_SAID = {
    Outcome.REFUSED: "refuses: nobody listens there, or a firewall says so",
    Outcome.TIMED_OUT: "does not answer in time",
    Outcome.UNREACHABLE: "cannot be reached from this host",
    Outcome.ERROR_ANSWER: "answers with an error",
    Outcome.SKIPPED: "could not be tried: this host has no socket left",
}
_HINT = "do firewalls on the way let this host through, and is the address the service's?"


def dial_tests(dials: Sequence[DialConfig]) -> list[Finding]:
    """Whether each service or resolver answers, and how fast. A warning where not: it may be what the test is there to tell."""

    async def make() -> list[Result]:
        return await asyncio.gather(*(attempt(dial) for dial in dials))

    return [_finding(dial, result) for dial, result in zip(dials, asyncio.run(make()), strict=True)]


def _finding(dial: DialConfig, result: Result) -> Finding:
    check = f"dial {dial.id}"
    if result.response_ns is not None:
        response_ms = round(result.response_ns / 1e6, 3)
        text = f"{dial.target} answers in {response_ms:.3f} ms"
        return Finding(check=check, status=Status.OK, text=text, values={"response_ms": response_ms})
    text = f"{dial.target} {_SAID[result.outcome]} ({result.reason})"
    return Finding(check=check, status=Status.WARNING, text=text, hint=_HINT)
