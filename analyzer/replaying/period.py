"""A stretch of time as people name it: from an instant or so long ago, until another or now.

Goes in: `2026-12-01T02:00:00+08:00` or `2h`, and the present. Comes out: nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC

from analyzer.planning.works.times import UnusableError, instant_ns
from faultline.records.terms import SECOND_NS

_AGO = re.compile(r"(\d{1,6})\s?([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment_ns(text: str, now_ns: int) -> int:
    """The moment; without an offset from UTC, UTC is meant.

    Raises:
        UnusableError: it is neither a time nor a number of seconds, minutes, hours or days.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now_ns - int(ago[1]) * _SECONDS[ago[2]] * SECOND_NS
    try:
        return instant_ns(text, UTC)
    except UnusableError as error:
        raise UnusableError(error.wrong, f"{error.remedy}, or 90m, 2h, 1d for so long ago") from None
