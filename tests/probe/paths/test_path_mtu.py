"""The search for the largest packet: paths that say why they are narrow, and paths that do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.terms import SECOND_NS
from probe.paths.path_mtu import MtuSearch, Narrowing
from probe.paths.terms import MILLISECOND_NS, Answer, Arrival, Kind, Method

Path = Callable[[int, int], Answer | None]
"""(size, time in ns) → what comes back, without its number."""


def reply(kind: Kind = Kind.REACHED, address: str = "end", mtu: int | None = None) -> Answer:
    """What comes back."""
    return Answer(kind=kind, address=address, ident=None, mtu_octets=mtu)


def run(
    path: Path, *, largest: int = 1500, version: int = 4, refused_above: int | None = None
) -> tuple[MtuSearch, list[int], int]:
    """Search to the end: the search, the sizes tried, and how long it took."""
    search = MtuSearch(
        method=Method.ICMP, version=version, small=36, largest=largest, timeout_ns=300 * MILLISECOND_NS, first_ident=100
    )
    now_ns, sizes = 1, []
    for _ in range(2000):
        probe = search.next_probe(now_ns)
        if probe is not None:
            assert probe.size is not None
            sizes.append(probe.size)
            if refused_above is not None and probe.size > refused_above:
                search.refuse(probe.ident)
            elif (answer := path(probe.size, now_ns)) is not None:
                now_ns += MILLISECOND_NS
                search.receive(Arrival(answer=answer, received_ns=now_ns))
        if search.finished:
            return search, sizes, now_ns
        now_ns = max(now_ns + 1, search.next_ns(now_ns))
    raise AssertionError("the search does not end")


def black_hole(mtu: int) -> Path:
    """Larger packets vanish."""
    return lambda size, _: reply() if size <= mtu else None


def test_a_path_as_wide_as_the_first_link_takes_two_packets() -> None:
    """A small one and the largest."""
    search, sizes, _ = run(lambda *_: reply())
    assert (search.path_mtu, search.narrowing, sizes) == (1500, None, [36, 1500])


def test_a_router_that_names_its_links_size_is_believed_when_that_size_passes() -> None:
    """Each narrower link on the way is asked in turn; the last one is named."""

    def path(size: int, _: int) -> Answer:
        if size > 1480:
            return reply(Kind.TOO_BIG, "r1", 1480)
        return reply(Kind.TOO_BIG, "r2", 1400) if size > 1400 else reply()

    search, sizes, _ = run(path)
    assert (search.path_mtu, search.narrowing) == (1400, Narrowing(address="r2", silent=False))
    assert sizes == [36, 1500, 1480, 1400]


def test_a_router_that_names_no_size() -> None:
    """As before RFC 1191: the size is found by trying, and who said so is told."""
    search, _, _ = run(lambda size, _: reply() if size <= 1337 else reply(Kind.TOO_BIG, "r1"))
    assert (search.path_mtu, search.narrowing) == (1337, Narrowing(address="r1", silent=False))


@given(mtu=st.integers(68, 8999))
def test_a_black_hole_is_found_to_the_octet(mtu: int) -> None:
    """Whatever its size, and not one packet larger than the first link carries is sent."""
    search, sizes, _ = run(black_hole(mtu), largest=9000)
    assert search.path_mtu == mtu
    assert search.narrowing == Narrowing(address=None, silent=True)
    assert max(sizes) == 9000


def test_a_common_size_is_found_soon() -> None:
    """Sizes that links and tunnels have are tried first."""
    _, sizes, took_ns = run(black_hole(1400))
    assert len(set(sizes)) <= 8
    assert took_ns < 6 * SECOND_NS


@given(seed=st.integers(0, 50))
def test_chance_loss_is_no_narrow_path(seed: int) -> None:
    """Every fifth packet is lost, whatever its size: a size counts as lost only after a small one was answered, twice."""
    count = {"at": seed}

    def path(*_: int) -> Answer | None:
        count["at"] += 1
        return reply() if count["at"] % 5 else None

    search, _, _ = run(path)
    assert (search.path_mtu, search.narrowing) == (1500, None)


@pytest.mark.parametrize("mtu", [1500, 1400])
def test_a_destination_that_answers_seldom_is_asked_slowly(mtu: int) -> None:
    """Six answers at once and then one a second, as Linux limits its ICMP errors: the size is right all the same."""
    state = {"tokens": 6.0, "at": 0}

    def path(size: int, now_ns: int) -> Answer | None:
        if size > mtu:
            return None
        state["tokens"] = min(6.0, state["tokens"] + (now_ns - state["at"]) / SECOND_NS)
        state["at"] = now_ns
        if state["tokens"] < 1:
            return None
        state["tokens"] -= 1
        return reply()

    assert run(path)[0].path_mtu == mtu


def test_a_destination_that_never_answers_has_no_known_size() -> None:
    """It gives up after four small packets, in little time, and says nothing of the size."""
    search, sizes, took_ns = run(lambda *_: None)
    assert (search.path_mtu, search.answered, sizes) == (None, False, [36] * 4)
    assert took_ns < 6 * SECOND_NS


def test_what_this_hosts_own_link_refuses_is_not_the_paths_doing() -> None:
    """The kernel takes no larger packet: the size is found, and nobody is blamed."""
    search, _, _ = run(lambda *_: reply(), refused_above=1472)
    assert search.path_mtu == 1472
    assert search.narrowing is None


def test_ipv6_never_goes_below_its_smallest_link() -> None:
    """1280 octets pass every link by definition; they are where the search begins."""
    search, sizes, _ = run(black_hole(1300), version=6)
    assert search.path_mtu == 1300
    assert min(size for size in sizes if size != 36) >= 1280


def test_a_router_that_contradicts_itself_ends_the_search() -> None:
    """Too big for the smallest packet as well: nothing is known, and it does not go on for ever."""
    assert run(lambda *_: reply(Kind.TOO_BIG, "r1", 60))[0].path_mtu is None
