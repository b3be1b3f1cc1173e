"""When a window is final: every live stream has passed its end, or 15 s have gone by since.

Pure. A stream is live when it was heard within 30 s; of a probe only its newest incarnation counts. A window whose first data
come later than those 15 s (a probe hands in what waited in its spool) stays open for as long again, so that one window does not
become many revisions.
"""

from __future__ import annotations

import attrs

from faultline.records.terms import SECOND_NS, Stream


@attrs.frozen(slots=True, kw_only=True)
class FinalityRules:
    """The two times of model.md."""

    live_s: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    """A stream that was not heard for so long is not waited for."""
    wait_s: float = attrs.field(default=15.0, validator=attrs.validators.ge(0))
    """Nor is any stream for longer than this after a window's end."""

    @property
    def live_ns(self) -> int:
        """In nanoseconds."""
        return int(self.live_s * SECOND_NS)

    @property
    def wait_ns(self) -> int:
        """In nanoseconds."""
        return int(self.wait_s * SECOND_NS)


@attrs.define(slots=True, kw_only=True)
class _Heard:
    incarnation: int
    watermark_ns: int
    heard_ns: int


class Finality:
    """Watermarks of all streams."""

    def __init__(self, rules: FinalityRules) -> None:
        self.rules = rules
        self._streams: dict[tuple[str, Stream], _Heard] = {}

    @property
    def any_heard(self) -> bool:
        """Whether any stream was ever heard."""
        return bool(self._streams)

    def hear(self, probe: str, incarnation: int, stream: Stream, *, watermark_ns: int | None, heard_ns: int) -> None:
        """A batch was worked through; its watermark by corrected time. None: heard, but nothing is known of its time."""
        known = self._streams.get((probe, stream))
        if known is None or (known.incarnation != incarnation and heard_ns >= known.heard_ns):
            self._streams[probe, stream] = _Heard(
                incarnation=incarnation, watermark_ns=-1 if watermark_ns is None else watermark_ns, heard_ns=heard_ns
            )
        elif known.incarnation == incarnation:
            known.heard_ns = max(known.heard_ns, heard_ns)
            known.watermark_ns = max(known.watermark_ns, -1 if watermark_ns is None else watermark_ns)

    def is_final(self, end_ns: int, *, first_data_ns: int | None, now_ns: int) -> bool:
        """Whether a window that ends at `end_ns`, whose first data were worked through at `first_data_ns`, is final."""
        if now_ns < end_ns:
            return False  # a probe's clock may be ahead by up to 2 s: ours decides that a window is over
        late = first_data_ns is not None and first_data_ns > end_ns + self.rules.wait_ns
        since_ns = first_data_ns if late and first_data_ns is not None else end_ns
        if now_ns >= since_ns + self.rules.wait_ns:
            return True
        live = [heard for heard in self._streams.values() if now_ns - heard.heard_ns <= self.rules.live_ns]
        return bool(live) and all(heard.watermark_ns >= end_ns for heard in live)
