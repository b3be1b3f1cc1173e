"""Configuration: strict, and every mistake is named by its key's path."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from faultline.runtime.config import ConfigError, load, structure


@attrs.frozen(slots=True, kw_only=True)
class Inner:
    """A part."""

    port: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    ratio: float = 0.5
    file: Path | None = None


@attrs.frozen(slots=True, kw_only=True)
class Outer:
    """A whole."""

    name: str
    on: bool = False
    inner: Inner = attrs.field(factory=Inner)
    many: list[Inner] = attrs.field(factory=list)


def problems(data: object) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        structure(data, Outer, root="probe", where="file")
    return caught.value.problems


def test_what_is_written_is_what_is_read() -> None:
    """Values keep their types; what is left out has its default."""
    read = structure({"name": "n", "inner": {"port": 5, "ratio": 1, "file": "a/b"}, "many": [{}]}, Outer, root="r", where="w")
    assert read == Outer(name="n", inner=Inner(port=5, ratio=1.0, file=Path("a/b")), many=[Inner()])


def test_every_mistake_is_found_in_one_round() -> None:
    """Unknown key, wrong type, missing key, value out of range: each with its path."""
    found = problems({"title": "x", "inner": {"port": 0}, "many": [{}, {"port": "7"}], "on": 1})
    text = "\n".join(found)
    for path in ("probe.title: unknown key", "probe.name: required", "probe.many[1].port: expected int, got str"):
        assert path in text
    assert "probe.on: expected bool" in text
    assert "probe.inner.port: must be > 0: 0" in found


def test_text_is_never_taken_for_a_number_nor_a_number_for_a_truth() -> None:
    """No silent conversion: `yes` in quotes is text."""
    assert problems({"name": 5}) == ["probe.name: expected str, got int"]
    assert problems({"name": "n", "inner": {"port": True}}) == ["probe.inner.port: expected int, got a boolean"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", "line 1"),
        (b"- a\n- b\n", "expected a mapping, got list"),
        (b"\xff\xfe", "not UTF-8"),
        (b"name: !!python/object:os.system x\n", "constructor"),
    ],
)
def test_a_file_that_is_not_a_configuration_says_where(tmp_path: Path, content: bytes, message: str) -> None:
    """The file and the place in it are named; nothing in it is executed."""
    path = tmp_path / "probe.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path, Outer, root="probe")
    assert str(path) in caught.value.message


def test_a_missing_file_is_said_with_a_hint(tmp_path: Path) -> None:
    """No traceback for a wrong -c."""
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        load(tmp_path / "nothing.yaml", Outer, root="probe")
    assert caught.value.hint == "check the path given with -c"
