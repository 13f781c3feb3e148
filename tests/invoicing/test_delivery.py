"""Notices are told once (fault 70): whatever dies, whoever runs again, in whatever order they are found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.storage import Storage, open_storage
from invoicing.delivery import FolderNotifier, Notice, tell
from orchestration.budget_notices import notices_of


def crossing(budget: str, threshold: str, month: date = date(2026, 3, 1), spent: str = "60") -> dict:
    return {
        "billing_period": month,
        "budget_id": budget,
        "party_id": "shop",
        "scope": "party",
        "scope_value": "shop",
        "threshold": Decimal(threshold),
        "crossed_on": month.replace(day=9),
        "actual_to_date": Decimal(spent),
        "currency": "EUR",
    }


class Recorder:
    """A notifier that remembers every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def carry(self, key: str, content: bytes) -> None:
        self.calls.append(key)


def test_a_notice_is_told_once_however_often_it_is_found(storage: Storage) -> None:
    """Fails when a second run, another order, or new figures for the same crossing tell it again."""
    recorder = Recorder()
    found = notices_of([crossing("b1", "0.5"), crossing("b1", "0.8"), crossing("b2", "0.5")], 2)
    assert len(tell(found, storage, recorder)) == 3
    restated = notices_of([crossing("b2", "0.500000", spent="75"), crossing("b1", "0.8"), crossing("b1", "0.5")], 2)
    assert tell(restated, storage, recorder) == []
    assert sorted(recorder.calls) == sorted(notice.key for notice in found)


def test_a_kill_after_carrying_leaves_one_notice(tmp_path) -> None:
    """Fails when a notice carried before a kill appears twice, or one that waited is forgotten."""
    outbox, folder = open_storage(tmp_path / "outbox"), open_storage(tmp_path / "notices")
    found = notices_of([crossing("b1", "0.5"), crossing("b1", "0.8")], 2)

    class Dying(FolderNotifier):
        def carry(self, key: str, content: bytes) -> None:
            super().carry(key, content)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell(found, outbox, Dying(folder))
    assert len(list(folder.files())) == 1
    assert len(tell([], outbox, FolderNotifier(folder))) == 2  # nothing new: what waits is carried
    assert len(list(folder.files())) == 2
    document = json.loads(folder.read_bytes(f"{found[0].key}.json"))
    assert document["recipient"] == "shop" and "50 % of 2026-03" in document["subject"]
    assert tell(found, outbox, FolderNotifier(folder)) == []


KILLED = """
import sys
from ingestion.storage import open_storage
from invoicing.delivery import FolderNotifier, tell
from tests.invoicing.test_delivery import many
tell(many(), open_storage(sys.argv[1]), FolderNotifier(open_storage(sys.argv[2])))
"""


def many() -> list[Notice]:
    return [Notice("budget_crossing", (str(number),), "shop", "s", {"number": number}) for number in range(300)]


def test_what_was_half_sent_when_the_process_died_is_sent_on_and_nothing_twice(tmp_path: Path) -> None:
    """Faults 69, 70. Fails when 3 of 300 were carried, the third not yet marked, and the next run leaves one out,
    carries one under another key, or changes what was carried."""
    outbox, sent = tmp_path / "outbox", tmp_path / "sent"
    environment = os.environ | {"METERHOUSE_FAULT": "notice_carried:3", "PYTHONPATH": str(Path(__file__).parents[2])}
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(outbox), str(sent)], env=environment, capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    first = {path.name: path.stat().st_mtime_ns for path in sent.iterdir()}
    assert len(first) == 3 and len(list((outbox / "carried").iterdir())) == 2
    notices = many()
    notifier = FolderNotifier(open_storage(sent))
    assert len(tell(notices, open_storage(outbox), notifier)) == 298  # the third once more, under the key it had
    assert {path.name: path.read_bytes() for path in sent.iterdir()} == {
        f"{notice.key}.json": notice.content() for notice in notices
    }
    assert first.items() <= {path.name: path.stat().st_mtime_ns for path in sent.iterdir()}.items()
    assert tell(notices, open_storage(outbox), notifier) == []


def test_the_key_names_what_is_told_and_nothing_of_a_party_shows_in_it() -> None:
    """Fails when two crossings share a key, or a name with a slash could lead out of the folder (fault 14)."""
    one, other = (Notice("budget_crossing", ("../x", name), "p", "s", {}) for name in ("a", "b"))
    assert one.key != other.key and "/" not in one.key and "." not in one.key


def test_crossings_of_months_long_past_are_no_news() -> None:
    """Fails when loading a history for the first time tells every crossing in it."""
    history = [crossing("b1", "0.5", date(2026, month, 1)) for month in (1, 2, 3)]
    assert [notice.about[4] for notice in notices_of(history, 2)] == ["2026-02", "2026-03"]
