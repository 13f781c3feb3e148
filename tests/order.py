"""The order in which the suite begins its tests, so that two workers end together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Begun(NamedTuple):
    """What its place depends on."""

    group: str  # whatever one worker runs: an xdist group, or the tests of a file that are in none
    is_slow: bool
    is_longest: bool  # one test as long as a group


def order(tests: Sequence[Begun]) -> list[int]:
    """Places of the tests in the order to begin them: the longest, then groups by how many slow tests they have.

    A group stays together and keeps its own order. One that begins late runs alone at the end, the other worker idle:
    `tiny_world` did for five minutes.
    """
    slow = Counter(test.group for test in tests if test.is_slow)
    first = {test.group: place for place, test in reversed(list(enumerate(tests)))}
    return sorted(
        range(len(tests)),
        key=lambda place: (
            not tests[place].is_longest,
            -slow[tests[place].group],
            first[tests[place].group],
            place,
        ),
    )
