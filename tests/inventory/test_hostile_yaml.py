"""Texts that are no inventory: an error at once, never a hang and never a surprise."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faultline import inventory
from faultline.inventory import InventoryError
from faultline.inventory import document as document_module
from faultline.inventory.document import MOST_OCTETS, compose
from faultline.inventory.problems import Problems

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join('*' + before for _ in range(9))}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty"),
    "comments alone": ("# nothing\n", "empty"),
    "a word": ("inventory", "not a mapping"),
    "a list": ("- a\n- b\n", "not a mapping"),
    "tab": ("format: x\n\tlines: []\n", "never with tabs"),
    "unclosed": ("format: [a, b", "not YAML"),
    "two documents": ("---\na: 1\n---\nb: 2\n", "a second document"),
    "aliases": (BOMB, "anchors and aliases"),
    "an alias of itself": ("a: &a [*a]", "anchors and aliases"),
    "tag": ("a: !!python/object/apply:os.system [id]", "a tag"),
    "deep lists": ("[" * 200_000, "levels deep"),
    "deep blocks": ("- " * 200_000, "levels deep"),
    "deep mappings": ("a: " + "{b: " * 200_000, "levels deep"),
    "a list as a key": ("? [a, b]\n: c\n", "used as a key"),
    "not UTF-8": (b"format: \xff\xfe", "not UTF-8"),
    "control characters": ("a: \x00", "not YAML"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("loader", ["the compiled parser", "pure Python"])
def test_what_is_no_inventory_is_one_error(name: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken and hostile texts are refused within a second with a reason, with either parser."""
    if loader == "pure Python":
        monkeypatch.setattr(document_module, "_Loader", yaml.SafeLoader)
    text, reason = TEXTS[name]
    begun = time.monotonic()
    with pytest.raises(InventoryError, match=reason) as caught:
        inventory.parse(text, "inv.yaml")
    assert len(caught.value.problems) == 1
    assert time.monotonic() - begun < 5


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    """More octets than any operator's network needs are refused by their number alone."""
    with pytest.raises(InventoryError, match="larger than 64 MiB"):
        inventory.parse(b"a" * (MOST_OCTETS + 1), "inv.yaml")


def test_data_that_refers_to_itself_is_refused() -> None:
    """A structure made by a program that contains itself ends at the depth limit."""
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InventoryError, match="levels deep"):
        inventory.parse({"format": "faultline-inventory/1", "lines": loop}, "made")


def test_a_byte_order_mark_is_no_mistake(example_text: str) -> None:
    """Files saved on Windows begin with one."""
    assert inventory.parse(b"\xef\xbb\xbf" + example_text.encode(), "x").lines


def test_keys_know_their_lines() -> None:
    """The tree has the line of every key and value."""
    problems = Problems("x")
    tree = compose("a: 1\nb:\n  - c\n", problems)
    assert isinstance(tree, document_module.Table)
    assert tree.key_lines == {"a": 1, "b": 2}
    assert not problems.found


@given(st.text(max_size=200))
def test_any_text_is_an_inventory_or_an_error(text: str) -> None:
    """No text raises anything but `InventoryError`."""
    with pytest.raises(InventoryError):
        inventory.parse(text, "x")


@given(st.data())
def test_any_damage_to_a_sound_file_is_an_inventory_or_an_error(example_text: str, data: st.DataObject) -> None:
    """Cutting a piece out of a sound file, or putting text in, raises nothing but `InventoryError`."""
    start = data.draw(st.integers(0, len(example_text)))
    end = data.draw(st.integers(start, min(len(example_text), start + 40)))
    text = example_text[:start] + data.draw(st.text(max_size=10)) + example_text[end:]
    try:
        found = inventory.parse(text, "x")
    except InventoryError:
        return
    assert all(base in found.components for line in found.lines.values() for base in line.path)
