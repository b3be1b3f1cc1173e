"""Requests that failed, as observations: those that nobody answered, and those that were answered with a refusal.

The two are told one after the other, as a request meets them. Did any answer come back? That exposes the way there and back and
the endpoint. And of those that were answered, how many were answered with a refusal or an error? That exposes the endpoint alone:
the way has just shown that it works. So no request counts twice, and an endpoint that refuses everything is not held to be well
because it answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from faultline.inference.observations_rows import Observation, UsualValues
from faultline.inference.observations_ways import Way, told
from faultline.records.incident import Base

USUAL_LEAK = 0.002
"""Share of a healthy service's requests that fail: the localiser's default."""
LEAK_WEIGHT = 100
"""Requests that the default weighs when a leak is learned: a few clean minutes do not prove a service perfect."""


@attrs.frozen(slots=True, kw_only=True)
class Outcome:
    """One way to fail."""

    name: str
    failed: int
    usual: UsualValues | None = None
    """Of a view whose values are 1 for a failed request and 0 for another."""
    missed: float = 0.0
    """Share of answers that whoever looked did not see."""

    @property
    def leak(self) -> float:
        """Share that fails so, or seems to, when all is well."""
        usually = USUAL_LEAK
        if self.usual is not None:
            usually = (self.usual.mean * self.usual.n + USUAL_LEAK * LEAK_WEIGHT) / (self.usual.n + LEAK_WEIGHT)
        return round(1 - (1 - usually) * (1 - self.missed), 6)


@attrs.frozen(slots=True, kw_only=True)
class Requests:
    """What was asked of an endpoint, and what became of it."""

    view: str
    protocol: str
    endpoint: Base
    ways: Sequence[Way]
    """To it and back."""
    attempts: int
    unanswered: Outcome
    declined: Sequence[Outcome]


def failures(requests: Requests) -> list[Observation]:
    """One observation of the answers, and one for each refusal that occurred."""
    declined = [outcome for outcome in requests.declined if outcome.failed > 0]
    answered = requests.attempts - requests.unanswered.failed
    found = [_failure(requests, requests.unanswered, requests.attempts, told(requests.ways), exposed=not declined)]
    return found + [_failure(requests, outcome, answered, {}, exposed=True) for outcome in declined if answered > 0]


def _failure(requests: Requests, outcome: Outcome, attempts: int, crossed: Observation, *, exposed: bool) -> Observation:
    return {
        "kind": "failure",
        "view": f"{requests.view} {outcome.name}",
        "protocol": requests.protocol,
        **crossed,
        **({"endpoint": requests.endpoint} if exposed else {}),
        "attempts": attempts,
        "failed": min(outcome.failed, attempts),
        "outcome": outcome.name,
        "leak": outcome.leak,
    }
