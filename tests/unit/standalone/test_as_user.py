"""The map of the user namespace gives root another number and loses nobody else's."""

from hypothesis import given
from hypothesis import strategies as st

from standalone.as_user import swapped_map

Line = tuple[int, int, int]


def outside(lines: list[Line], number: int) -> int | None:
    found = [start + number - inside for inside, start, count in lines if inside <= number < inside + count]
    assert len(found) <= 1, "the kernel refuses maps that overlap"
    return found[0] if found else None


def test_the_whole_range_of_an_ordinary_machine() -> None:
    lines = swapped_map([(0, 2**32 - 1)], 0, 65_534)
    assert outside(lines, 65_534) == 0
    assert outside(lines, 0) == 65_534
    assert outside(lines, 1000) == 1000


def test_a_container_that_has_only_root() -> None:
    assert swapped_map([(0, 1)], 0, 65_534) == [(65_534, 0, 1)]


@given(
    cuts=st.lists(st.integers(1, 200), min_size=1, max_size=8, unique=True).map(lambda numbers: [0, *sorted(numbers)]),
    inside=st.integers(1, 200),
)
def test_every_number_keeps_its_place_but_the_two(cuts: list[int], inside: int) -> None:
    extents = [(start, end - start) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    known = {number for start, count in extents for number in range(start, start + count)}
    lines = swapped_map(extents, 0, inside)
    reached = [outside(lines, number) for number in range(202)]
    assert sorted(number for number in reached if number is not None) == sorted(known)
    assert reached[inside] == 0
    assert all(reached[number] == number for number in known - {0, inside})
