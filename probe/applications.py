"""The user's own names of applications: a file in, its checked rules out.

What rules mean is the business of `native/flowmeter`.
"""

from __future__ import annotations

from pathlib import Path

from faultline.runtime.console import BAD_USAGE, CommandError

_MAX_OCTETS = 4 << 20


def read_applications(path: Path, *, option: str) -> str:
    """The rules in a file; `option` is what named it.

    Raises:
        CommandError: it cannot be read, or a line of it is no rule.
    """
    from faultline.native import check_applications  # noqa: PLC0415 - a probe without rules does without it

    try:
        with path.open("rb") as file:
            rules = _within_bounds(file.read(_MAX_OCTETS + 1)).decode("utf-8")
        check_applications(rules)
    except OSError as error:
        raise CommandError(
            f"{option}: {path}: {error.strerror or error}", hint="name a file of rules that can be read", code=BAD_USAGE
        ) from None
    except ValueError as error:
        raise CommandError(
            f"{option}: {path}: {error}",
            hint="a line is a name and its rules, e.g. `core-banking tcp/9100-9110 host/core.bank.example`",
            code=BAD_USAGE,
        ) from None
    return rules


def _within_bounds(octets: bytes) -> bytes:
    if len(octets) > _MAX_OCTETS:
        raise ValueError(f"larger than {_MAX_OCTETS >> 20} MiB")
    return octets
