"""`faultline backup`: everything an installation keeps, copied while it runs, and put back into an empty folder.

A backup is one tar: first `backup.json` with the name, octets and SHA-256 of each file, then the files below `appliance.data`.
The state store is copied first, as it is at one moment; what it names is immutable files, and the embedded roll-ups are copied
last: they may be newer than the state, whose next revision writes whole rows, never older. Not in it: the local probe's spool (a
copy of it would be a clone), what `faultline up` makes at each start, and what lies in an InfluxDB.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import attrs
import typer

from appliance.settings import read_settings
from faultline.runtime import console
from faultline.runtime.console import CommandError
from faultline.store.archive import FlowArchive
from faultline.store.disk import SystemDisk
from faultline.store.state import StateStore

app = typer.Typer(
    name="backup",
    help="Copy what a running installation keeps; put it back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FORMAT = "faultline-backup/1"
LEFT_OUT = frozenset({"probe", "run", "lock"})
"""First names below the data folder: the probe's spool, and what each start makes."""
_STATE, _METRICS = PurePosixPath("store/state.db"), PurePosixPath("store/metrics.db")
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")
_SQLITE = b"SQLite format 3\x00"
_UNFINISHED = ".part"
_CHUNK = 1 << 20
_LARGEST_LIST = 256 << 20
_Config = Annotated[Path, typer.Option("--config", "-c", help="appliance.yaml of the installation.")]


@attrs.frozen(slots=True, kw_only=True)
class Kept:
    """One file of a backup."""

    name: str
    octets: int
    sha256: str


@app.command()
def create(config: _Config, output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]) -> None:
    """Copy a running installation into one file, readable by you only: it holds keys and customers' addresses."""
    kept = make(read_settings(config).data, output)
    console.say(f"{output}: {len(kept)} files, {sum(file.octets for file in kept)} octets")


@app.command()
def restore(config: _Config, backup: Annotated[Path, typer.Argument(help="A file that `create` made.")]) -> None:
    """Put a backup into the data folder of a configuration, which must not exist yet; then `faultline up`."""
    data = read_settings(config).data
    kept = put_back(backup, data)
    console.say(f"{data}: {len(kept)} files; start it with: faultline up -c {config}")


def make(data: Path, output: Path) -> list[Kept]:
    """The backup of a data folder, complete under its name or not there at all.

    Raises:
        CommandError: there is nothing to copy, or a file cannot be read or written.
    """
    if not (data / _STATE).is_file():
        raise CommandError(f"{data}: holds no stores", hint="appliance.data names the folder of an installation that has run")
    unfinished = output.with_name(output.name + _UNFINISHED)
    try:
        with tempfile.TemporaryDirectory(prefix=".faultline-backup-", dir=output.resolve().parent) as folder:
            kept = _collect(data, Path(folder))
            _pack(Path(folder), kept, unfinished)
        unfinished.replace(output)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise CommandError(
            f"{getattr(error, 'filename', None) or output}: {getattr(error, 'strerror', None) or error}",
            hint="run it as the installation's user, with room for a copy of everything beside the output",
        ) from None
    return kept


def put_back(backup: Path, data: Path) -> list[Kept]:
    """A backup's files under a folder that does not exist yet; each checked before the folder has its name.

    Raises:
        CommandError: the folder exists, or the backup is not whole.
    """
    if data.exists() and any(data.iterdir()):
        raise CommandError(f"{data}: is not empty", hint="stop the installation and move the folder away, or restore elsewhere")
    unfinished = data.with_name(data.name + _UNFINISHED)
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700, parents=True)
        with tarfile.open(backup, mode="r:") as tar:  # as it was written: nothing is unpacked that could grow
            kept = _unpack(tar, unfinished)
        if data.exists():
            data.rmdir()
        unfinished.rename(data)
    except (OSError, tarfile.TarError, ValueError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CommandError(
            f"{backup}: {getattr(error, 'strerror', None) or error}",
            hint="is it whole? take another backup; nothing was restored",
        ) from None
    return kept


def _collect(data: Path, folder: Path) -> list[Kept]:
    """Copies under a folder: the state first, the roll-ups last. A payload that went meanwhile was needed by nobody any more."""
    copied = []
    for name in _names(data):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy = _snapshot if _is_database(data / name) else shutil.copyfile
            copy(data / name, target)
        except FileNotFoundError:
            continue
        copied.append(name)
    _check_archive(folder)
    return [Kept(name=str(name), octets=(folder / name).stat().st_size, sha256=_digest(folder / name)) for name in copied]


def _check_archive(folder: Path) -> None:
    """Compaction leaves replaced files for ten minutes: a copy that took longer may lack some."""
    state = StateStore(folder / _STATE)
    with contextlib.closing(state):
        flows = folder / "store" / "flows"
        files = FlowArchive(flows, state=state, disk=SystemDisk()).files(tenant=None, start_ns=0, end_ns=1 << 62)
    absent = [file.path for file in files if not (flows / file.path).exists()]
    if absent:
        raise CommandError(
            f"{absent[0]}: went while it was copied, and {len(absent) - 1} more files of the archive",
            hint="take the backup again, on a quicker disk or with fewer flows kept",
        )


def _names(data: Path) -> Iterator[PurePosixPath]:
    yield _STATE
    for root, folders, files in os.walk(data):
        folders.sort()
        for file in sorted(files):
            name = PurePosixPath((Path(root) / file).relative_to(data))
            passing = file.endswith((*_BESIDE_SQLITE, _UNFINISHED)) or name.name == "lock" or name.parts[0] in LEFT_OUT
            if not passing and name not in {_STATE, _METRICS}:
                yield name
    if (data / _METRICS).exists():
        yield _METRICS


def _is_database(path: Path) -> bool:
    """By its first octets: whatever a service calls its SQLite file, part of it may lie in the log beside it."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _snapshot(source: Path, target: Path) -> None:
    """SQLite's own copy of one moment; writers go on."""
    with contextlib.closing(sqlite3.connect(source)) as live, contextlib.closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(folder: Path, kept: list[Kept], output: Path) -> None:
    listing = json.dumps({"format": FORMAT, "files": [attrs.asdict(file) for file in kept]}, indent=1).encode()
    number = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as sink:
        with tarfile.open(fileobj=sink, mode="w") as tar:
            head = tarfile.TarInfo("backup.json")
            head.size = len(listing)
            tar.addfile(head, io.BytesIO(listing))
            for file in kept:
                tar.add(folder / file.name, arcname=file.name, recursive=False)
        sink.flush()
        os.fsync(sink.fileno())


def _unpack(tar: tarfile.TarFile, folder: Path) -> list[Kept]:
    """Every file of the listing and no other.

    Raises:
        ValueError: it is no backup, or a file is not what the listing says.
    """
    kept = _listing(tar)
    for file in kept:
        member = tar.next()
        source = tar.extractfile(member) if member is not None and member.isfile() else None
        if member is None or source is None or member.name != file.name:
            raise ValueError(f"{file.name} is missing")
        if _write(source, folder / file.name) != file.sha256:
            raise ValueError(f"{file.name} is damaged")
    return kept


def _listing(tar: tarfile.TarFile) -> list[Kept]:
    head = tar.next()
    source = tar.extractfile(head) if head is not None and head.isfile() and head.size <= _LARGEST_LIST else None
    if head is None or source is None or head.name != "backup.json":
        raise ValueError("it is not a backup")
    document: Any = json.loads(source.read())
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is not a {FORMAT}")
    try:
        kept = [Kept(**entry) for entry in document["files"]]
        names = [PurePosixPath(file.name) for file in kept]
    except (KeyError, TypeError):
        raise ValueError("its list of files cannot be read") from None
    if any(name.is_absolute() or ".." in name.parts for name in names):
        raise ValueError("it names files outside its folder")
    return kept


def _write(source: Any, target: Path) -> str:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as sink:
        while octets := source.read(_CHUNK):
            digest.update(octets)
            sink.write(octets)
        sink.flush()
        os.fsync(sink.fileno())
    return digest.hexdigest()
