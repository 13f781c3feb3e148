"""Views that a run leaves as they are, told of to Dagster all the same: what is seen through them is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence


class StandingViews:
    """Each is told of once, after the views it reads and before what reads it: Dagster takes assets in no other order.

    parents   unique id -> unique ids of what it reads (`parent_map` of dbt's manifest)
    """

    def __init__(self, parents: Mapping[str, Sequence[str]], views: Iterable[str]) -> None:
        self._parents = parents
        self._untold = set(views)

    def read_by(self, node: str) -> Iterator[str]:
        """Those that a node reads, itself or through one another, and that were not told of before."""
        return self._told(self._parents.get(node, ()))

    def left(self) -> Iterator[str]:
        """Those that nothing read which was told of."""
        return self._told(sorted(self._untold))

    def _told(self, nodes: Iterable[str]) -> Iterator[str]:
        for node in nodes:
            if node in self._untold:
                self._untold.discard(node)
                yield from self.read_by(node)
                yield node
