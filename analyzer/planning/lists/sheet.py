"""A table of texts out of a spreadsheet or a text table.

Goes in: CSV (UTF-8 or GBK, separated by commas, semicolons or tabulators), XLSX, XLS or ODS. Comes out: column titles and rows of
texts, each row with the number a person sees beside it. Knows nothing of lines and of what the columns mean.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import attrs
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

MOST_OCTETS = 64 << 20
MOST_UNPACKED = 512 << 20
"""A workbook is a ZIP file: what it unpacks to is limited, too."""
MOST_ROWS = 500_000
MOST_COLUMNS = 200
MOST_CELL = 4096
_WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})
_SEPARATORS = (",", ";", "\t")
_TITLE_ROWS = 20
"""Lists begin with a heading, a date, an empty row: the titles are the first row with two texts in it."""


class SheetError(ValueError):
    """The file is no table that can be read; the message says why, and what to do."""


@attrs.frozen(slots=True)
class Row:
    """A row that is not empty."""

    number: int
    """As the spreadsheet shows it, from 1."""
    cells: Mapping[str, str]
    """Title of the column → text; empty cells are not there."""


@attrs.frozen(slots=True)
class Sheet:
    """A table."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_sheet(path: Path, *, name: str | None = None) -> Sheet:
    """The table in a file.

    Args:
        path: the file; what it is follows from its ending.
        name: of the sheet in a workbook; default: the first that is visible and not empty.

    Raises:
        SheetError: it cannot be read.
    """
    try:
        octets = path.read_bytes() if path.stat().st_size <= MOST_OCTETS else None
    except OSError as error:
        raise SheetError(f"{path} cannot be read: {error.strerror or error}; check the path and who may read it") from None
    if octets is None:
        raise SheetError(f"{path} is longer than {MOST_OCTETS >> 20} MiB; split the list")
    if path.suffix.lower() in _WORKBOOKS:
        return table(_workbook_rows(octets, path, name), str(path))
    return table(_text_rows(octets, path), str(path))


def table(rows: Iterable[Sequence[str]], where: str) -> Sheet:
    """The table in rows of texts: its titles are the first row with two texts in it.

    Raises:
        SheetError: there are no titles, two are the same, or there is too much of it.
    """
    columns: tuple[str, ...] = ()
    found: list[Row] = []
    for number, cells in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise SheetError(f"{where} has more than {MOST_ROWS} rows; split the list")
        texts = [cell.strip() for cell in cells]
        if not columns:
            columns = _titles(texts, number, where)
        elif any(texts):
            found.append(Row(number, {title: text for title, text in zip(columns, texts, strict=False) if title and text}))
    if not columns:
        raise SheetError(f"{where} has no row of titles; name the columns in the first row, e.g. code, customer, a_prefixes")
    return Sheet(where, columns, tuple(found))


def _titles(texts: Sequence[str], number: int, where: str) -> tuple[str, ...]:
    if sum(1 for text in texts if text) < 2:  # noqa: PLR2004 - one text alone is a heading
        if number > _TITLE_ROWS:
            raise SheetError(
                f"{where} has no row of titles among its first {_TITLE_ROWS} rows; name the columns in the first row"
            )
        return ()
    if len(texts) > MOST_COLUMNS:
        raise SheetError(f"{where} has more than {MOST_COLUMNS} columns; is it the right file?")
    doubled = sorted({text for text in texts if text and texts.count(text) > 1})
    if doubled:
        raise SheetError(f"{where}, row {number}: two columns are called {doubled[0]!r}; rename one of them")
    return tuple(texts)


def _text_rows(octets: bytes, path: Path) -> Iterable[Sequence[str]]:
    text = _decoded(octets, path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            yield [_short(cell, path, reader.line_num) for cell in row]
    except csv.Error as error:
        raise SheetError(f"{path}, line {reader.line_num}: {error}; save it as CSV again, or as XLSX") from None


def _decoded(octets: bytes, path: Path) -> str:
    """UTF-8 where it is, else GBK, as spreadsheets of Chinese offices are saved."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = octets.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise SheetError(f"{path} is neither UTF-8 nor GBK text; save it as CSV in UTF-8, or as XLSX")


def _workbook_rows(octets: bytes, path: Path, name: str | None) -> Iterable[Sequence[str]]:
    _refuse_bomb(octets, path)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(octets))
        visible = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible is SheetVisibleEnum.Visible]
        names = workbook.sheet_names
        if name is not None and name not in names:
            raise SheetError(f"{path} has no sheet {name!r}; it has {', '.join(names)}")
        for candidate in [name] if name is not None else visible:
            rows = workbook.get_sheet_by_name(candidate).to_python(skip_empty_area=False, nrows=MOST_ROWS + 1)
            if rows or name is not None:
                return [[_short(_text(cell), path, number) for cell in row] for number, row in enumerate(rows, 1)]
    except (CalamineError, OSError, ValueError) as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"{path} is damaged or no workbook ({error}); open it and save it again") from None
    return []


def _refuse_bomb(octets: bytes, path: Path) -> None:
    if not octets.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise SheetError(f"{path} is damaged ({error}); open it and save it again") from None
    if unpacked > MOST_UNPACKED:
        raise SheetError(f"{path} unpacks to more than {MOST_UNPACKED >> 20} MiB; is it the right file?")


def _text(cell: object) -> str:
    """A cell as a person reads it: a whole number without its decimal point, a date as ISO 8601 has it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004 - beyond it digits are already lost
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == cell.min.time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)


def _short(cell: str, path: Path, number: int) -> str:
    if len(cell) > MOST_CELL:
        raise SheetError(f"{path}, row {number}: a cell has more than {MOST_CELL} characters; is it the right file?")
    return cell
