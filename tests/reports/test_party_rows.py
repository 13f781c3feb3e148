"""Fault 80: which rows of which mart a party's site may hold, on small marts written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.party_rows import HIDDEN, Exported, open_marts
from orchestration.periods import BadSetting

JANUARY, FEBRUARY, ALWAYS, NEVER = "2026-01-01", "2026-02-01", "1900-01-01", "9999-12-31"
EDGE = {"seller": "seller_id", "buyer": "buyer_id"}
PARTY = Exported(
    "dim_party",
    {"billing_period": "date", "party_id": "varchar", "name": "varchar"},
    {"party": "party_id", "any_month": True},
)
AGREEMENT = Exported(
    "dim_agreement",
    {"seller_id": "varchar", "buyer_id": "varchar", "vendor": "varchar", "valid_from": "date", "valid_to": "date"},
    EDGE,
)
OWNER = Exported(
    "dim_resource_owner",
    {
        "resource_kind": "varchar",
        "resource_id": "varchar",
        "party_id": "varchar",
        "valid_from": "date",
        "valid_to": "date",
    },
    {"party": "party_id"},
)
CHARGES = Exported(
    "charges",
    {"billing_period": "date", "seller_id": "varchar", "buyer_id": "varchar", "cost": "decimal(38,12)"},
    EDGE | {"sellers_only": ["cost"]},
)
COSTS = Exported(
    "costs",
    {
        "billing_period": "date",
        "charge_date": "date",
        "account": "varchar",
        "vendor": "varchar",
        "other": "varchar",
        "commitment": "varchar",
    },
    {"account": "account", "day": "charge_date", "vendor": "vendor", "undisclosed": ["other", "commitment"]},
)
USAGE = Exported("usage", {"billing_period": "date", "party_id": "varchar"}, {"party": "party_id"})
SECRET = Exported("secret", {"billing_period": "date", "text": "varchar"}, {"nobody": "it is secret"})
SILENT = Exported("silent", {"billing_period": "date", "text": "varchar"}, {"nobody": "it does not say"})
MARTS = [PARTY, AGREEMENT, OWNER, CHARGES, COSTS, USAGE, SECRET, SILENT]

# top sells to left and right; client moved from left to right in February, and buys from third for vendor gcp alone.
WORLD: dict[str, Sequence[Sequence[Any]]] = {
    "dim_party": [("2025-06-01", name, name.title()) for name in ("top", "left", "right", "third", "client", "loner")],
    "dim_agreement": [
        ("top", "left", "ANY", ALWAYS, NEVER),
        ("top", "right", "ANY", ALWAYS, NEVER),
        ("left", "client", "aws", ALWAYS, FEBRUARY),
        ("right", "client", "aws", FEBRUARY, NEVER),
        ("third", "client", "gcp", ALWAYS, NEVER),
        ("left", "loner", "ANY", ALWAYS, NEVER),
    ],
    "dim_resource_owner": [
        ("aws_account", "a1", "client", ALWAYS, "2026-02-15"),
        ("aws_account", "a1", "loner", "2026-02-15", NEVER),
        ("aws_account", "a2", "left", ALWAYS, NEVER),
        ("gcp_project", "g1", "client", ALWAYS, NEVER),
        ("device", "a2", "loner", ALWAYS, NEVER),  # called like the account of another
    ],
    "charges": [
        (JANUARY, "top", "left", 1),
        (JANUARY, "left", "client", 2),
        (JANUARY, "third", "client", 3),
        (JANUARY, "left", "loner", 4),
        (FEBRUARY, "top", "right", 5),
        (FEBRUARY, "right", "client", 6),
    ],
    "costs": [
        (JANUARY, "2026-01-31", "a1", "aws", "a2", "arn:aws:ec2:eu:a1:ri/1"),
        (FEBRUARY, "2026-02-14", "a1", "aws", "a2", "arn:aws:ec2:eu:a2:ri/2"),
        (FEBRUARY, "2026-02-15", "a1", "aws", "-", "-"),
        (JANUARY, "2026-01-05", "g1", "gcp", None, None),
        (JANUARY, "2026-01-06", "a2", "aws", "a1", "a11"),
    ],
    "usage": [(JANUARY, "client"), (FEBRUARY, "client"), (JANUARY, "loner")],
    "secret": [(JANUARY, "of everybody")],
    "silent": [(JANUARY, "of everybody")],
}


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    with duckdb.connect() as connection:
        for mart in MARTS:
            columns = ", ".join(f"{name} {kind}" for name, kind in mart.columns.items())
            connection.execute(f"create table {mart.name} ({columns})")
            places = ", ".join("?" * len(mart.columns))
            connection.executemany(f"insert into {mart.name} values ({places})", WORLD[mart.name])
            folder = tmp_path / mart.name
            folder.mkdir()
            if "billing_period" in mart.columns and not mart.rule.get("any_month"):
                for month in (JANUARY, FEBRUARY):
                    connection.execute(
                        f"copy (from {mart.name} where billing_period = '{month}') to '{folder}/{month[:7]}.parquet'"
                    )
            else:
                connection.execute(f"copy {mart.name} to '{folder}/all.parquet'")
    return tmp_path


def rows(exports: Path, party: str | None, query: str) -> list[tuple[Any, ...]]:
    with open_marts(exports, MARTS, party) as connection:
        return connection.execute(query).fetchall()


SEEN: Mapping[str | None, list[int]] = {
    None: [1, 2, 3, 4, 5, 6],
    "top": [1, 2, 4, 5, 6],
    "left": [1, 2, 4],
    "right": [5, 6],
    "third": [3],
    "client": [2, 3, 6],
    "loner": [4],
}


@pytest.mark.parametrize("party", SEEN)
def test_a_party_sees_the_edges_it_buys_on_and_those_it_or_one_below_sells_on(exports: Path, party: str | None) -> None:
    """Fails when an edge of a neighbour shows, such as what a shared customer buys from another seller."""
    edges = {(date.fromisoformat(period), seller, buyer): name for period, seller, buyer, name in WORLD["charges"]}
    seen = rows(exports, party, "select billing_period, seller_id, buyer_id from charges")
    assert sorted(edges[row] for row in seen) == SEEN[party]


def test_a_buyer_does_not_see_what_its_seller_pays(exports: Path) -> None:
    """Fails when the cost of an edge shows to the party that merely buys on it."""
    query = "select seller_id, cost from charges order by 1"
    assert rows(exports, "left", query) == [("left", 2), ("left", 4), ("top", None)]
    assert rows(exports, "loner", query) == [("left", None)]


def test_a_party_is_below_in_the_months_of_its_agreement_only(exports: Path) -> None:
    """Fails when a former seller sees what came after, or the new one what was before."""
    query = "select billing_period from usage where party_id = 'client'"
    january, february = date(2026, 1, 1), date(2026, 2, 1)
    assert rows(exports, "left", query) == [(january,)]
    assert rows(exports, "right", query) == [(february,)]


def test_an_accounts_costs_belong_to_its_owner_of_the_day(exports: Path) -> None:
    """Fails when a day is shown to who owns the account now and not to who owned it then."""
    query = "select charge_date from costs where account = 'a1' order by 1"
    assert rows(exports, "client", query) == [(date(2026, 1, 31),), (date(2026, 2, 14),)]
    assert rows(exports, "loner", query) == [(date(2026, 2, 15),)]
    assert rows(exports, "right", query) == [(date(2026, 2, 14),)]


def test_a_thing_that_is_called_like_an_account_does_not_open_it(exports: Path) -> None:
    """Fails when the owner of a device, server or application sees the costs of an account of the same name."""
    assert rows(exports, "loner", "select account from costs where account = 'a2'") == []
    assert rows(exports, "left", "select charge_date from costs where account = 'a2'") == [(date(2026, 1, 6),)]


def test_a_seller_for_one_vendor_does_not_see_the_costs_of_another(exports: Path) -> None:
    """Fails when who sells gcp to a customer sees its aws accounts."""
    assert rows(exports, "third", "select account from costs") == [("g1",)]
    assert rows(exports, "left", "select distinct account from costs order by 1") == [("a1",), ("a2",)]


def test_strangers_accounts_and_commitments_are_not_named(exports: Path) -> None:
    """Fails when a row of one's own names an account of somebody else, also as a part of a longer number."""
    query = "select other, commitment from costs order by charge_date"
    assert rows(exports, "client", query) == [
        (None, None),
        (HIDDEN, "arn:aws:ec2:eu:a1:ri/1"),
        (HIDDEN, HIDDEN),
    ]
    # a11 is not a1
    assert rows(exports, "left", query)[0] == ("a1", HIDDEN)


@pytest.mark.parametrize("party", ["top", "client"])
def test_what_says_nothing_is_shown_to_nobody(exports: Path, party: str) -> None:
    """Fails when a mart without a rule, or one that is nobody's, has rows on a party's site."""
    assert rows(exports, party, "from secret union all from silent") == []
    assert len(rows(exports, None, "from secret union all from silent")) == 2


def test_who_is_below_in_any_month_is_named(exports: Path) -> None:
    """Fails when a dimension's own month (of its delivery) decides whether a party is seen."""
    assert rows(exports, "right", "select party_id from dim_party order by 1") == [("client",), ("right",)]


def test_an_unknown_party_is_told_so(exports: Path) -> None:
    """Fails when a misspelt party gets an empty site, or text in its name reaches a query."""
    for name in ("nobody", "x' or 'a' = 'a"):
        with pytest.raises(BadSetting, match=re.escape(name)):
            rows(exports, name, "from usage")
