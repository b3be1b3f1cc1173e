"""One probe a state directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultline.runtime.console import BAD_USAGE, CommandError
from probe.lock import StateLock


def test_two_probes_cannot_share_a_state_directory(tmp_path: Path) -> None:
    """The second says so in one line and leaves the first alone; when the first has stopped, it may have it."""
    first, second = StateLock(tmp_path / "state"), StateLock(tmp_path / "state")
    first.start()
    with pytest.raises(CommandError, match="in use by another probe") as caught:
        second.start()
    assert caught.value.code == BAD_USAGE
    first.stop()
    second.start()
    second.stop()
    second.stop()


def test_a_state_directory_that_cannot_be_made_is_said_with_its_key(tmp_path: Path) -> None:
    """A file stands in the way: the key, the path and the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"probe\.state_dir: .*/file/state: Not a directory"):
        StateLock(tmp_path / "file" / "state").start()
