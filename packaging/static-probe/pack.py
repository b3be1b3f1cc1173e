"""Appends to the launcher what it runs: the standard library, the probe's modules and the packages these import, as one zip.

What goes in: the program, the folder of the standard library, this checkout and the environment that runs this script (the
locked versions). What comes out: one executable file, the same for the same inputs. What is packed is found by following
the import statements from `probe.cli`; compiled extension modules are left out, a static program cannot load them.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import io
import marshal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
START = "probe.cli"
OURS = {"probe", "faultline"}
# Parts of the standard library that a probe has no use for.
LEFT_OUT = {
    "__phello__", "ctypes/test", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "msilib", "pydoc_data",
    "site-packages", "sqlite3/test", "test", "tkinter", "turtledemo", "unittest/test", "venv",
}  # fmt: skip
METADATA = {"METADATA", "entry_points.txt", "top_level.txt"}
NOT_PACKED = {".so", ".pyi", ".pyc", ".h", ".c", ".exe"}
SAME_TIME = (1980, 1, 1, 0, 0, 0)


def imports(source: str) -> Iterator[str]:
    """Every module a source may import; for `from a import b` both `a` and `a.b`. Imports for type checkers do not count."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def source_of(module: str) -> Path | None:
    """The file of one of our own modules."""
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def reachable() -> tuple[set[Path], set[str]]:
    """Our own files that the probe may import, and the packages of others that these import."""
    files, others, seen, waiting = set(), set(), set(), [START]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        parent, _, _ = module.rpartition(".")
        if parent:
            waiting.append(parent)
        top = module.partition(".")[0]
        if top not in OURS:
            if top not in sys.stdlib_module_names:
                others.add(top)
        elif file := source_of(module):
            files.add(file)
            waiting.extend(imports(file.read_text(encoding="utf-8")))
    return files, others


def distributions(packages: set[str]) -> dict[str, importlib.metadata.Distribution]:
    """The installed distributions that have these packages, with everything they require."""
    of_package = importlib.metadata.packages_distributions()
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [name for package in sorted(packages) for name in of_package[package]]
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        if distribution.name not in found:
            found[distribution.name] = distribution
            required = map(Requirement, distribution.requires or ())
            waiting.extend(each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""}))
    return found


def compiled(file: Path, name: str) -> bytes:
    """The file's byte code, marked as never to be compared with a source."""
    source = file.read_bytes()
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source) + marshal.dumps(code)


def standard_library(folder: Path) -> Iterator[tuple[str, Path]]:
    """Modules only: nothing in it reads data files that a probe needs."""
    for file in folder.rglob("*.py"):
        name = file.relative_to(folder).as_posix()
        if not any(name.startswith(f"{part}/") for part in LEFT_OUT):
            yield name, file


def ours(files: set[Path]) -> Iterator[tuple[str, Path]]:
    """Our modules, and the data files beside them."""
    for file in files:
        yield file.relative_to(ROOT).as_posix(), file
    for folder in {file.parent for file in files}:
        for file in folder.iterdir():
            if file.is_file() and file.suffix not in NOT_PACKED | {".py"}:
                yield file.relative_to(ROOT).as_posix(), file


def of_others(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """What a distribution installed: modules, data, and the metadata that is looked up at run time."""
    for entry in distribution.files or ():
        if entry.parts[0] == ".." or entry.suffix in NOT_PACKED or "__pycache__" in entry.parts:
            continue
        if entry.parts[0].endswith(".dist-info") and entry.name not in METADATA:
            continue
        yield entry.as_posix(), Path(str(entry.locate()))


def main() -> None:
    """Packs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--standard-library", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    files, others = reachable()
    packages = distributions(others)
    members = dict(standard_library(arguments.standard_library))
    for found in (ours(files), *map(of_others, packages.values())):
        for name, file in found:
            if members.setdefault(name, file) != file:
                sys.exit(f"error: {name} is in {members[name]} and in {file}\nhint: leave one of them out")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, file in sorted(members.items()):
            module = name.endswith(".py")
            member = zipfile.ZipInfo(f"{name}c" if module else name, SAME_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            packed.writestr(member, compiled(file, name) if module else file.read_bytes())
    unfinished = arguments.output.with_suffix(".unfinished")
    unfinished.write_bytes(arguments.program.read_bytes() + archive.getvalue())
    unfinished.chmod(0o755)
    unfinished.replace(arguments.output)
    print(f"{len(members)} members, {len(archive.getvalue())} octets, with {', '.join(sorted(packages))}")


if __name__ == "__main__":
    main()
