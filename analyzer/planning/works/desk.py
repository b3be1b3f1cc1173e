"""Planned work of a running service: what the interface and the page declare, take out and ask.

Goes in: the inventory in use, its file, and what a caller wrote. Comes out: records; every refusal is an exception that says what
to do. The file is changed as the command changes it, so both may be used side by side; one change at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs

from analyzer.planning.changing import present
from analyzer.planning.works import declaring
from analyzer.planning.works.affected import Impact, Period, impact
from analyzer.planning.works.declaring import Window, period, plain
from analyzer.planning.works.notices import Notice, notices
from analyzer.planning.works.telling import document
from analyzer.planning.works.windows import Declared, components_of, reference, with_freeze, with_works, without
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.reports.words import Language
from faultline.runtime.clock import Clock
from faultline.runtime.log import logger


class PlanDesk:
    """Over one inventory file. Safe from several threads.

    Args:
        file: what is changed.
        inventory: what it holds; replaced whole when the service takes up another.
        clock: wall time.
    """

    def __init__(self, file: Path, *, inventory: Inventory, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._log = logger("plan")
        self.inventory = inventory

    def declared(self) -> list[Declared]:
        """Windows and freezes, by their beginning."""
        known = self.inventory
        return sorted([*known.planned, *known.freezes], key=lambda one: (one.start_ns, one.end_ns))

    def declare(self, components: Sequence[str], start: str, end: str, *, reason: str, despite_freeze: bool) -> Window:
        """A window; one that is there already changes nothing.

        Raises:
            UnusableError: a name or a time means nothing.
            FrozenError: lines are frozen then.
            CommandError: the file cannot be read or written.
        """
        with self._one_at_a_time:
            here = present(self._file)
            found = declaring.window(here.inventory, components, start, end, reason=reason, despite_freeze=despite_freeze)
            if not found.known:
                changed = with_works(here.document, here.inventory, [found.work], [found.zone])
                here.replace(changed, self._clock.wall_ns(), tell=self._tell)
                # Told from now on, and not only when the file is looked at again.
                self.inventory = attrs.evolve(here.inventory, planned=(*here.inventory.planned, found.work))
        return found

    def freeze(self, start: str, end: str, *, tenants: Collection[str], lines: Collection[str], reason: str) -> Freeze:
        """A freeze.

        Raises:
            UnusableError: a name or a time means nothing.
            CommandError: the file cannot be read or written.
        """
        with self._one_at_a_time:
            here = present(self._file)
            made, tz = declaring.freeze(here.inventory, start, end, tenants=tenants, lines=lines, reason=reason)
            here.replace(with_freeze(here.document, made, tz), self._clock.wall_ns(), tell=self._tell)
            self.inventory = attrs.evolve(here.inventory, freezes=(*here.inventory.freezes, made))
        return made

    def remove(self, reference: str) -> list[Declared]:
        """Take out what is called so; nothing is, when it is empty.

        Raises:
            CommandError: the file cannot be read or written.
        """
        with self._one_at_a_time:
            here = present(self._file)
            changed, gone = without(here.document, here.inventory, [reference])
            if gone:
                here.replace(changed, self._clock.wall_ns(), tell=self._tell)
                known = here.inventory
                self.inventory = attrs.evolve(
                    known,
                    planned=tuple(work for work in known.planned if work not in gone),
                    freezes=tuple(freeze for freeze in known.freezes if freeze not in gone),
                )
        return gone

    def declared_impact(self, name: str, language: Language) -> tuple[PlannedWork, Impact, list[Notice]] | None:
        """Whom a declared window hits, with the notices; None when no window has this reference."""
        known = self.inventory
        work = next((work for work in known.planned if reference(work) == name), None)
        if work is None:
            return None
        found = impact(known, work.components, Period(start_ns=work.start_ns, end_ns=work.end_ns))
        return work, found, notices(found, known, language=language, reason=work.reason)

    def impact(
        self, components: Sequence[str], at: str | None, to: str | None, *, reason: str, language: Language
    ) -> dict[str, Any]:
        """Whom work hits, with the notices, as the command's `--json` has it.

        Raises:
            UnusableError: a name or a time means nothing.
        """
        known = self.inventory
        named = components_of(known, components, sites=True)
        declared, when = period(known, named, at, to, now_ns=self._clock.wall_ns())
        found = impact(known, declared.components if declared else named, when)
        why = plain(reason) or (declared.reason if declared else "")
        return document(found, notices(found, known, language=language, reason=why))

    def _tell(self, text: str) -> None:
        self._log.info("inventory changed", told=text)
