"""A line as a picture and as a list: both directions, equal paths, hosts, sites, probes, suspicion."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs
import pytest

from faultline.reports.lettering import text_width
from faultline.reports.material import LinePath
from faultline.reports.path_figure import path_figure
from faultline.reports.path_layout import SEGMENT_WIDTH, layout
from faultline.reports.path_list import path_list
from faultline.reports.path_picture import path_svg
from faultline.reports.sentences import Speaker
from faultline.reports.suspicion import arrow_of, suspects_of


def blamed(*candidates: tuple[str, float]) -> dict[str, object]:
    """A verdict entry with these candidates, the first reported."""
    listed = [{"id": name, "probability": p} for name, p in candidates]
    return {"components": [candidates[0][0]], "confidence": candidates[0][1], "candidates": listed}


def test_everything_that_can_fail_is_in_the_picture_and_in_the_list(line_path: LinePath, speaker: Speaker) -> None:
    """Elements, members of equal paths, hosts and services; a site only when it is suspected."""
    svg, listed = path_svg(speaker, line_path), path_list(speaker, line_path)
    sites = {site.base for site in line_path.sites}
    for element in line_path.every():
        assert (f'data-component="{element.base}"' in svg) is (element.base not in sites)
        assert (f"<b>{element.name}</b>" in listed) is (element.base not in sites)


def test_equal_paths_are_drawn_beside_each_other(line_path: LinePath) -> None:
    """Each alternative has a row of its own, both begin and end at the same place, and nothing leaves the picture."""
    frame = layout(line_path)
    upper, lower = frame.branches[line_path.elements[4].base]
    assert upper[0].y < frame.line_y < lower[0].y
    assert (upper[0].left, upper[-1].right) == (lower[0].left, lower[-1].right)
    places = [*frame.elements, *frame.hosts, *upper, *lower]
    assert all(0 <= p.left < p.right <= frame.width and 0 < p.y < frame.band_y < frame.height for p in places)
    for left, right in zip(frame.elements, frame.elements[1:], strict=False):
        assert left.right == right.left


def test_hosts_behind_z_stand_below_each_other(line_path: LinePath) -> None:
    """They begin where the path ends, and none touches the next, with its services."""
    frame = layout(line_path)
    first, second = frame.hosts
    assert first.left == second.left == frame.ends[1]
    assert second.y - first.y >= 40


def test_a_suspicion_of_one_direction_marks_one_lane(line_path: LinePath, speaker: Speaker) -> None:
    """The other direction stays as it is, and the arrow of the pill says which one it is."""
    one = path_svg(speaker, line_path, suspects=suspects_of([blamed(("loop>", 0.93))]))
    both = path_svg(speaker, line_path, suspects=suspects_of([blamed(("loop>", 0.6), ("loop<", 0.55))]))
    assert (one.count('class="hot"'), both.count('class="hot"')) == (1, 2)
    assert "→ 93 %" in one
    assert "↔ 60 %" in both


def test_a_suspected_member_is_marked_and_the_other_path_is_not(line_path: LinePath, speaker: Speaker) -> None:
    """Probability stands at the member alone."""
    svg = path_svg(speaker, line_path, suspects=suspects_of([blamed(("pe-p1>", 0.7))]))
    assert re.findall(r'class="element suspect" data-component="([^"]+)"', svg) == ["pe-p1"]


def test_a_suspected_bundle_is_marked_as_a_whole(line_path: LinePath, speaker: Speaker) -> None:
    """Without traces nobody knows which of the paths it is."""
    svg = path_svg(speaker, line_path, suspects=suspects_of([blamed(("core>", 0.8))]))
    assert re.findall(r'class="element suspect" data-component="([^"]+)"', svg) == ["core"]


def test_a_suspected_site_is_drawn_around_what_stands_in_it(line_path: LinePath, speaker: Speaker) -> None:
    """A power cut is of a building, not of a router."""
    suspects = suspects_of([blamed(("branch", 0.9))])
    svg, listed = path_svg(speaker, line_path, suspects=suspects), path_list(speaker, line_path, suspects=suspects)
    assert 'class="hot-site"' in svg
    assert "Branch 90 %" in svg
    assert "<b>Branch</b>" in listed


def test_the_list_says_in_words_what_the_picture_says_in_colour(
    line_path: LinePath, speaker: Speaker, plain: Callable[[str], str]
) -> None:
    """Owners in order, equal paths, where probes look and which is silent, suspicion with its direction."""
    words = plain(path_list(speaker, line_path, suspects=suspects_of([blamed(("loop<", 0.93))])))
    assert [o for o in ("customer side", "access network", "carrier core", "destination") if o in words] == sorted(
        ("customer side", "access network", "carrier core", "destination"), key=words.index
    )
    for expected in ("2 equal paths", "probe ce-wan", "probe fw-wan, it is silent", "suspect 93 % Z → A", "behind the Z end"):
        assert expected in words, expected


def test_a_figure_has_both_forms_and_says_when_the_line_is_unknown(line_path: LinePath, speaker: Speaker) -> None:
    """The style sheet shows one of them."""
    figure = path_figure(speaker, line_path)
    assert "<svg" in figure
    assert 'class="stations"' in figure
    assert "does not have this line" in path_figure(speaker, LinePath())


@pytest.mark.parametrize(("there", "back", "arrow"), [(0.9, 0.0, "→"), (0.0, 0.9, "←"), (0.9, 0.5, "↔"), (0.9, 0.01, "→")])
def test_an_arrow_leaves_out_a_direction_that_is_hardly_suspected(there: float, back: float, arrow: str) -> None:
    """A tenth of the stronger one is the limit."""
    (suspect,) = suspects_of(
        [blamed(("loop>", there or 0.006), ("loop<", back or 0.006))]
        if there and back
        else [blamed(("loop>", there) if there else ("loop<", back))]
    ).values()
    assert arrow_of(suspect) == arrow


def test_a_long_name_ends_before_its_neighbour(line_path: LinePath, speaker: Speaker) -> None:
    """Whatever the inventory calls an element, no line of its name is wider than its room; ideographs are twice as wide."""
    long = attrs.evolve(line_path.elements[0], name="A name that nobody would ever call a network by in earnest")
    svg = path_svg(speaker, attrs.evolve(line_path, elements=(long, *line_path.elements[1:])))
    names = [name for name in re.findall(r'class="name">([^<]+)<', svg) if name.endswith("…")]
    assert names
    assert all(text_width(name) <= SEGMENT_WIDTH for name in names)
    assert text_width("光纤") == 2 * text_width("ab")
