"""A service's configuration: a YAML file structured into frozen attrs classes; every mistake is named by its key's path.

A component's configuration is an attrs class with defaults and a docstring per field. `load` refuses unknown keys (a typo must
not silently become a default) and collects all mistakes, so a person fixes a file in one round.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs
import yaml
from cattrs.errors import (
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.v import format_exception

from faultline.runtime.console import BAD_USAGE, CommandError

T = TypeVar("T")


class ConfigError(CommandError):
    """The configuration cannot be used; the message lists each key's path and what is wrong with it."""

    def __init__(self, problems: list[str], *, where: str, hint: str | None = None) -> None:
        super().__init__(
            f"{where}: " + "; ".join(problems),
            hint=hint or "compare with the annotated example configuration in packaging/examples/",
            code=BAD_USAGE,
        )
        self.problems = problems


def converter() -> cattrs.Converter:
    """Structures strictly: no unknown keys, and no silent conversion between text, numbers and booleans."""
    made = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)

    def exactly(kind: type[Any], *also: type[Any]) -> Any:
        def structure(value: Any, _: Any) -> Any:
            if isinstance(value, bool) and kind is not bool:
                raise TypeError(f"expected {kind.__name__}, got a boolean")
            if not isinstance(value, (kind, *also)):
                raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
            return kind(value)

        return structure

    made.register_structure_hook(str, exactly(str))
    made.register_structure_hook(int, exactly(int))
    made.register_structure_hook(float, exactly(float, int))
    made.register_structure_hook(bool, exactly(bool))
    # The hook for `str` would also catch every StrEnum and let values outside its closed list through.
    made.register_structure_hook(StrEnum, lambda value, into: into(exactly(str)(value, str)))
    made.register_structure_hook(Path, lambda value, _: Path(exactly(str)(value, str)).expanduser())
    return made


def structure(data: Any, into: type[T], *, root: str, where: str) -> T:
    """Structure plain data into `into`.

    Args:
        data: mappings, lists and scalars as YAML gives them; None (an empty file) means all defaults.
        into: an attrs class.
        root: first element of every key path in messages, e.g. `probe`.
        where: what to call the source in messages, e.g. the file's name.

    Raises:
        ConfigError: with every problem found.
    """
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError([f"{root}: expected a mapping, got {type(data).__name__}"], where=where)
    try:
        return converter().structure(data, into)
    except (ClassValidationError, IterableValidationError) as error:
        raise ConfigError(_problems(error, root), where=where) from None
    except (ValueError, TypeError) as error:
        raise ConfigError([f"{root}: {error}"], where=where) from None


def load(path: Path, into: type[T], *, root: str) -> T:
    """Read a YAML file into an attrs class.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror}"], where=str(path), hint="check the path given with -c") from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"not UTF-8 at octet {error.start}"], where=str(path)) from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError([f"{place}{getattr(error, 'problem', None) or 'not YAML'}"], where=str(path)) from None
    return structure(data, into, root=root, where=str(path))


def _problems(error: BaseException, path: str) -> list[str]:
    if isinstance(error, ClassValidationError):
        noted, bare = error.group_exceptions()
        fields = {field.name for field in attrs.fields(error.cl)} if attrs.has(error.cl) else set()
        found = [problem for inner, note in noted for problem in _problems(inner, f"{path}.{note.name}")]
        return found + [problem for inner in bare for problem in _of_whole(inner, path, fields)]
    if isinstance(error, IterableValidationError):
        listed, bare = error.group_exceptions()
        found = [problem for inner, index in listed for problem in _problems(inner, f"{path}[{index.index}]")]
        return found + [problem for inner in bare for problem in _problems(inner, path)]
    if isinstance(error, ForbiddenExtraKeysError):
        return [f"{path}.{key}: unknown key" for key in sorted(map(str, error.extra_fields))]
    if isinstance(error, KeyError):
        key = str(error.args[0])
        return [f"{path}: required" if path.endswith(f".{key}") else f"{path}.{key}: required"]
    if isinstance(error, (TypeError, ValueError)):
        return [f"{path}: {error.args[0] if error.args else error}"]
    return [f"{path}: {format_exception(error, None)}"]


def _of_whole(error: BaseException, path: str, fields: set[str]) -> list[str]:
    """Problems found when the parts were right and the whole was made: a validator's message starts with its field."""
    if isinstance(error, ValueError) and not isinstance(error, ForbiddenExtraKeysError) and error.args:
        name, _, rest = str(error.args[0]).partition(" ")
        if name.strip("'") in fields:
            return [f"{path}.{name.strip(chr(39))}: {rest}"]
    return _problems(error, path)
