"""The golden world delivered, run and issued, once for all tests of this folder."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestration.issuing import close_months
from orchestration.settings import Settings
from tests.golden_month.world import CLOSES, PERIODS, SELLERS, deliver
from tests.invoicing.worlds import House


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The house after three months were delivered, run and issued one after the other."""
    folder = tmp_path_factory.mktemp("golden")
    for period in PERIODS:
        house = House(deliver(folder, period), folder / "home")
        house.run(CLOSES[period], period)
        # As the command does it, but that the next run shows what was issued: it makes the month anew anyway.
        settings = Settings(home=house.home, now=datetime.fromisoformat(f"{CLOSES[period]}T12:00:00+00:00"))
        # January's sellers one after the other: what one issued may not hold the next.
        for sellers in (SELLERS[:1], SELLERS[1:]) if period == PERIODS[0] else (SELLERS,):
            closings = close_months(settings, sellers, period, {}, show=False)
            assert {closing.status for closing in closings} == {"issued"}, closings
    return house
