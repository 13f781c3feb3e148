"""A seed stands for one inbox, byte for byte."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from samples.__main__ import main


def _written(out: Path, *options: str) -> dict[str, tuple[str, float]]:
    """Every file below `out`: name -> (sha256, time)."""
    assert main(["--out", str(out / "inbox"), "--months", "2026-01", *options]) == 0
    return {
        path.relative_to(out).as_posix(): (
            sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime if "inbox" in path.relative_to(out).parts else 0,
        )
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    """Fails when a clock, a hash order or a random number without the seed gets into a file, its time or the truth."""
    assert _written(tmp_path / "a", "--seed", "3") == _written(tmp_path / "b", "--seed", "3")


def test_another_seed_tells_the_same_story_with_other_quantities(tmp_path):
    """Fails when the seed moves nothing, or moves which files there are."""
    first, second = _written(tmp_path / "a", "--seed", "3"), _written(tmp_path / "b", "--seed", "4")
    assert first.keys() == second.keys()
    bills = [name for name in first if name.endswith(".csv.gz")]
    assert len(bills) == 6
    assert all(first[name][0] != second[name][0] for name in bills)


def test_the_truth_lies_outside_the_inbox(tmp_path):
    """Fails when the answers are delivered with the questions."""
    written = _written(tmp_path, "--truth", str(tmp_path / "answers" / "known.json"))
    assert [name for name in written if name.endswith("known.json")] == ["answers/known.json"]
    assert not [name for name in written if "truth" in name]
