"""How commands end: what a person reads and the exit code."""

from __future__ import annotations

import errno
import os

import pytest

from faultline.runtime.console import BAD_USAGE, CommandError, run


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (CommandError("no line 'X'", hint="look", code=BAD_USAGE), 2, "error: no line 'X'\nhint: look\n"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/etc/keys"), 1, "error: /etc/keys: Permission denied\nhint: "),
        (PermissionError("no right to"), 1, "error: no right to\nhint: "),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_an_end_that_a_person_can_act_on(raised: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines and a code instead of a trace of calls."""

    def app() -> None:
        raise raised

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(told)


def test_a_defect_keeps_its_trace() -> None:
    """What nobody foresaw is shown whole."""

    def app() -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        run(app)
