"""What the inventory was: every version that an import replaced, and every delta that was applied.

Beside `inventory.yaml` lies `inventory.yaml.history/`: one compressed file a version, named after the moment until which it held,
`written.yaml.gz` with what was written last, and `deltas.jsonl` with one line a delta. Where somebody has edited the file by hand
since it was written, what was written held until then; of several edits in a row the last is known. Knows nothing of what is in
an inventory.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError

_STAMP = "%Y-%m-%dT%H-%M-%S"
_VERSION = re.compile(r"until-(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})-(\d{9})Z\.yaml\.gz")
_NUMBERED = re.compile(r"(?P<series>.*?)[-_. ]?(?P<number>\d+)\.[A-Za-z]+")


@attrs.frozen(slots=True, kw_only=True)
class Delta:
    """A delta file among those of its series: `lines-0041.csv` is number 41 of `lines`."""

    series: str
    number: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> Delta:
        """A file as a delta.

        Raises:
            CommandError: its name has no number.
        """
        match = _NUMBERED.fullmatch(path.name)
        if match is None:
            hint = "deltas come in an order: number their names, e.g. lines-0041.csv"
            raise CommandError(f"{path.name} has no number in its name", hint=hint)
        return cls(series=match["series"], number=int(match["number"]), digest=hashlib.sha256(path.read_bytes()).hexdigest())


class History:
    """The history of an inventory file.

    Args:
        file: the inventory; it need not exist yet.

    Raises:
        CommandError: by every method, where its folder cannot be read or written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.folder = file.with_name(file.name + ".history")

    def keep(self, now_ns: int) -> Path | None:
        """Keep the present version; None when there is none yet."""
        with self._reached():
            if not self._file.exists():
                return None
            present, written = self._file.read_bytes(), self._written()
            if written is not None and written != present:
                edited_ns = max(self._newest.stat().st_mtime_ns, self._file.stat().st_mtime_ns)
                self._put(written, min(edited_ns, now_ns - 1))
            return self._put(present, now_ns)

    def wrote(self) -> None:
        """Remember what the file is now: a later edit by hand is known by it."""
        with self._reached():
            self.folder.mkdir(exist_ok=True)
            _replace(self._newest, self._file.read_bytes())

    def _put(self, octets: bytes, until_ns: int) -> Path:
        self.folder.mkdir(exist_ok=True)
        seconds, rest = divmod(until_ns, SECOND_NS)
        kept = self.folder / f"until-{datetime.fromtimestamp(seconds, tz=UTC).strftime(_STAMP)}-{rest:09d}Z.yaml.gz"
        _replace(kept, octets)
        return kept

    def _written(self) -> bytes | None:
        return gzip.decompress(self._newest.read_bytes()) if self._newest.exists() else None

    @property
    def _newest(self) -> Path:
        return self.folder / "written.yaml.gz"

    def at(self, moment_ns: int) -> bytes | None:
        """The text that held at a moment: the first version replaced after it, else the present one; None without any."""
        with self._reached():
            version = self.version_at(moment_ns)
            if version is not None:
                return gzip.decompress(version.read_bytes())
            return self._file.read_bytes() if self._file.exists() else None

    def version_at(self, moment_ns: int) -> Path | None:
        """The kept version that held at a moment; None: the present file did, or nothing is known of it."""
        return next((version for until_ns, version in self.versions() if until_ns > moment_ns), None)

    def versions(self) -> list[tuple[int, Path]]:
        """(moment until which it held, file) of each kept version, oldest first."""
        with self._reached():
            kept = list(self.folder.iterdir()) if self.folder.is_dir() else []
        found = []
        for version in kept:
            match = _VERSION.fullmatch(version.name)
            if match:
                until = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                found.append((int(until.timestamp()) * SECOND_NS + int(match[2]), version))
        return sorted(found)

    # ---- deltas ----------------------------------------------------------------------------------------------------
    def pending(self, deltas: Iterable[tuple[Path, Delta]], *, accept_gap: bool = False) -> list[tuple[Path, Delta]]:
        """Those to be applied, in their order; repeats of what was applied are left out.

        Raises:
            CommandError: a number came before with other content, or one is missing in between.
        """
        applied = self._applied()
        wanted: list[tuple[Path, Delta]] = []
        for path, delta in sorted(deltas, key=lambda one: (one[1].series, one[1].number)):
            known = applied.get((delta.series, delta.number))
            if known == delta.digest:
                continue
            if known is not None:
                hint = "a corrected delta comes under the next number"
                raise CommandError(f"{path.name}: number {delta.number} was applied before, with other content", hint=hint)
            newest = max((number for series, number in applied if series == delta.series), default=None)
            if newest is not None and delta.number < newest:
                hint = "it is too late for it: its rows may undo newer ones; bring what still holds under the next number"
                raise CommandError(f"{path.name}: number {newest} was applied already", hint=hint)
            if newest is not None and delta.number != newest + 1 and not accept_gap:
                missing = f"{newest + 1}" if delta.number == newest + 2 else f"{newest + 1} to {delta.number - 1}"
                hint = "bring the missing ones too, or go on without them with --accept-gap"
                raise CommandError(f"{path.name}: number {missing} of {delta.series!r} has not come", hint=hint)
            applied[delta.series, delta.number] = delta.digest
            wanted.append((path, delta))
        return wanted

    def note(self, delta: Delta, now_ns: int) -> None:
        """Remember that a delta was applied."""
        line = json.dumps({"series": delta.series, "number": delta.number, "sha256": delta.digest, "applied_ns": now_ns})
        with self._reached():
            self.folder.mkdir(exist_ok=True)
            with (self.folder / "deltas.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _applied(self) -> dict[tuple[str, int], str]:
        file = self.folder / "deltas.jsonl"
        with self._reached():
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        found = {}
        for line in lines:
            try:
                entry = json.loads(line)
                found[str(entry["series"]), int(entry["number"])] = str(entry["sha256"])
            except (ValueError, KeyError, TypeError):  # the torn end of a crash: its inventory was not replaced either
                continue
        return found

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """What the disk refuses, in words."""
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            at, why = getattr(error, "filename", None) or self.folder, getattr(error, "strerror", None) or error
            hint = f"who changes the inventory needs to read and write {self.folder}; a version that is damaged may be taken out"
            raise CommandError(f"{at} cannot be used: {why}", hint=hint) from None


def _replace(path: Path, octets: bytes) -> None:
    """Write a compressed file as a whole; without a time in it: the same version is the same file."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(gzip.compress(octets, 6, mtime=0))
    temporary.replace(path)
