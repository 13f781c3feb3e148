"""Which of dbt's events are told: those its logs keep and those for users, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager_client import add_callback_to_manager, add_logger_to_manager, get_event_manager
from dbt_common.events.functions import fire_event
from dbt_common.events.logger import LoggerConfig
from dbt_common.events.types import Note

from orchestration import dbt_runner
from orchestration.dbt_events import told
from orchestration.parsing import parsed
from orchestration.settings import Settings


def heard_beside(level: EventLevel | None, log: Path) -> list[str]:
    """What a callback hears of one event of each level beside a log of this level."""
    heard: list[str] = []
    with told():
        add_callback_to_manager(lambda message: heard.append(message.info.level))
        if level:
            add_logger_to_manager(LoggerConfig(name="kept", level=level, output_file_name=str(log)))
        for each in EventLevel:
            fire_event(Note(msg="said"), level=each)
    return heard


def test_what_no_log_keeps_is_not_told(tmp_path: Path) -> None:
    former, for_users = get_event_manager(), ["info", "warn", "error"]
    assert heard_beside(None, tmp_path / "log") == for_users
    assert heard_beside(EventLevel.ERROR, tmp_path / "log") == for_users
    assert heard_beside(EventLevel.DEBUG, tmp_path / "log") == ["debug", "test", *for_users]
    assert get_event_manager() is former


@pytest.mark.dbt
def test_dbts_log_keeps_what_it_is_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when dbt's own log loses what is for users, or does not show statements to who asks for them."""

    def log(name: str) -> str:
        ended = dbt_runner.run(settings, parsed(settings), ["show", "--inline", "select 41 + 1"], tmp_path / name)
        ended.raise_on_failure()
        return (tmp_path / name / "dbt.log").read_text("utf-8")

    settings = Settings(home=tmp_path)
    settings.warehouse_path.parent.mkdir()
    usual = log("usual")
    assert "Running with dbt" in usual and "[debug]" not in usual
    monkeypatch.setenv("DBT_LOG_LEVEL_FILE", "debug")
    asked = log("asked")
    assert "Running with dbt" in asked and "[debug]" in asked and "select 41 + 1" in asked
