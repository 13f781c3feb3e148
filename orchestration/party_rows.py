"""Which rows of the exported marts a site may hold: all of them, or one party's and those of the parties below it.

The only place that decides it. A mart says in its YAML (`config.meta.party_rows`) how a row belongs to a party:

    seller, buyer       a row of an edge: the party or one below it sells, or the party itself buys
    party               the column names the party the row belongs to
    account, day        the column (or several) names an account; its owner on that day, else the month's last, counts
    vendor              column with the vendor: parties reached through agreements for other vendors do not count
    sellers_only        columns a mere buyer must not see (what its seller pays): null
    undisclosed         columns that may name a stranger's account (itself or in an ARN): shown where it is an own one
    any_month           of what has a validity of its own: a party below in any month counts
    nobody              why no party's site has any row of it

What says nothing is shown to nobody. "Below" is by month: an agreement counts in the months in which it is valid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from iso4217 import Currency

from orchestration.dbt import is_line_level, layer
from orchestration.parsing import parse_if_changed
from orchestration.periods import BadSetting
from orchestration.settings import Settings

HIDDEN = "undisclosed"

# Who is below the party, by month and vendor; '' stands for all vendors. A supplier sells to the party itself.
SCOPE = """
create table scope as
with recursive

edges as (
    select distinct months.billing_period, agreements.seller_id, agreements.buyer_id, agreements.vendor
    from all_dim_agreement as agreements
    join months
        on agreements.valid_from <= last_day(months.billing_period) and agreements.valid_to > months.billing_period
),

vendors as (
    select '' as vendor
    union
    select vendor from edges where vendor <> 'ANY'
),

reached as (
    select months.billing_period, vendors.vendor, cast($party as varchar) as party_id
    from months
    cross join vendors
    union
    select edges.billing_period, reached.vendor, edges.buyer_id
    from reached
    join edges
        on reached.billing_period = edges.billing_period
        and reached.party_id = edges.seller_id
        and (reached.vendor = '' or edges.vendor in ('ANY', reached.vendor))
)

select * from reached
"""
OWN_ACCOUNTS = """
create table own_accounts as
select distinct
    scope.billing_period, scope.vendor, owners.resource_id as account_id, owners.valid_from, owners.valid_to,
    case owners.resource_kind
        when 'azure_subscription' then 'azure'
        when 'gcp_project' then 'gcp'
        else regexp_replace(owners.resource_kind, '_account$', '')
    end as account_vendor
from all_dim_resource_owner as owners
join scope on owners.party_id = scope.party_id
where owners.resource_kind in ('azure_subscription', 'gcp_project') or ends_with(owners.resource_kind, '_account')
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """A mart as its dbt contract has it: columns with types, and how its rows belong to parties."""

    name: str
    columns: Mapping[str, str]
    rule: Mapping[str, Any]


def exported_marts(settings: Settings) -> list[Exported]:
    """Every exported mart of the project, by name."""
    nodes = json.loads(parse_if_changed(settings).read_text("utf-8"))["nodes"].values()
    return sorted(
        (
            Exported(
                node["name"],
                {name: column["data_type"] for name, column in node["columns"].items()},
                node["config"].get("meta", {}).get("party_rows") or {"nobody": "it does not say"},
            )
            for node in nodes
            if node["resource_type"] == "model" and layer(node) == "marts" and not is_line_level(node)
        ),
        key=lambda mart: mart.name,
    )


def open_marts(exports: Path, marts: Sequence[Exported], party: str | None) -> duckdb.DuckDBPyConnection:
    """A database in memory in which each mart is a view of the rows of the party, of all rows where it is None.

    Beside the marts stand `site_party` (one row) and `money_formats` (currency, and how its amounts are shown).
    Raises BadSetting where nothing is exported or nobody has the party's id.
    """
    connection = duckdb.connect(config={"threads": 2, "autoinstall_known_extensions": False})
    for mart in marts:
        _show_all(connection, exports, mart)
    connection.execute("create table site_party as select cast(? as varchar) as party_id", [party])
    formats = [
        (each.code, "#,##0" + f".{'0' * each.exponent}".rstrip(".")) for each in Currency if each.exponent is not None
    ]
    connection.execute("create table money_formats (currency varchar, fmt varchar)")
    connection.executemany("insert into money_formats values (?, ?)", formats)
    if party is not None:
        _find_scope(connection, marts, party)
    for mart in marts:
        query = f"select * from all_{mart.name}" if party is None else selection(mart, party)
        connection.execute(f"create view {mart.name} as {query}")
    return connection


def _show_all(connection: duckdb.DuckDBPyConnection, exports: Path, mart: Exported) -> None:
    """`all_<mart>`: what was exported, in the contract's columns; a month of an older export may lack some."""
    files = sorted(str(path) for path in (exports / mart.name).glob("*.parquet"))
    present: set[str] = set()
    if files:
        source = f"read_parquet({_texts(files)}, union_by_name = true)"
        present = {row[0] for row in connection.execute(f"describe select * from {source}").fetchall()}
    columns = ", ".join(
        f"cast({_name(name) if name in present else 'null'} as {kind}) as {_name(name)}"
        for name, kind in mart.columns.items()
    )
    connection.execute(
        f"create view all_{mart.name} as select {columns}" + (f" from {source}" if files else " limit 0")
    )


def _find_scope(connection: duckdb.DuckDBPyConnection, marts: Sequence[Exported], party: str) -> None:
    known = connection.execute("select 1 from all_dim_party where party_id = ?", [party]).fetchone()
    if not known:
        raise BadSetting(f"--party {party}: no such party in dim_party; `parties` of the catalog lists them")
    monthly = [
        f"select billing_period from all_{mart.name}"
        for mart in marts
        if "billing_period" in mart.columns and not mart.rule.get("any_month")
    ]
    connection.execute(
        f"create table months as select distinct billing_period from ({' union all '.join(monthly)})"
        " where billing_period is not null"
    )
    connection.execute(SCOPE, {"party": party})
    connection.execute(OWN_ACCOUNTS)


def selection(mart: Exported, party: str) -> str:
    """The rows of a mart that the site of a party holds, as a query over `all_<mart>`, `scope` and `own_accounts`."""
    rule = mart.rule
    dated = "billing_period" in mart.columns and not rule.get("any_month")
    month = "and scope.billing_period = mart.billing_period" if dated else ""
    vendor = f"coalesce(mart.{_name(rule['vendor'])}, '')" if "vendor" in rule else "''"

    def below(column: str, vendor: str = "''") -> str:
        # A vendor that no agreement names is sold under those for any vendor: then all vendors' scope holds for it.
        return (
            f"exists (select 1 from scope where scope.party_id = mart.{_name(column)} {month} and scope.vendor ="
            f" case when {vendor} in (select vendor from scope) then {vendor} else '' end)"
        )

    def own(account: str, day: str) -> str:
        # Two vendors may use one id: where a mart says whose the account is, its owner is that of the vendor's account.
        same = f"and scope.account_vendor = {vendor}" if "vendor" in rule else ""
        return (
            f"exists (select 1 from own_accounts as scope where scope.account_id = mart.{_name(account)} {month}"
            f" and scope.vendor = case when {vendor} in (select vendor from scope) then {vendor} else '' end"
            f" and {day} >= scope.valid_from and {day} < scope.valid_to {same})"
        )

    conditions: list[str] = []
    if "seller" in rule:
        conditions.append(below(rule["seller"]))
    if "buyer" in rule:
        conditions.append(f"mart.{_name(rule['buyer'])} = {_text(party)}")
    if "party" in rule:
        conditions.append(below(rule["party"], vendor))
    if "account" in rule:
        day = f"mart.{_name(rule['day'])}" if "day" in rule else "last_day(mart.billing_period)"
        accounts = [rule["account"]] if isinstance(rule["account"], str) else rule["account"]
        conditions += [own(account, day) for account in accounts]
    shown = []
    for name in mart.columns:
        column = f"mart.{_name(name)}"
        if name in rule.get("sellers_only", ()):
            column = f"case when {below(rule['seller'])} then {column} end"
        if name in rule.get("undisclosed", ()):
            column = (
                f"case when {column} is null or {column} = '-' or exists (select 1 from own_accounts as scope"
                f" where list_contains(string_split_regex({column}, '[:/]'), scope.account_id) {month})"
                f" then {column} else '{HIDDEN}' end"
            )
        shown.append(f"{column} as {_name(name)}")
    return f"select {', '.join(shown)} from all_{mart.name} as mart where " + (
        "false" if "nobody" in rule or not conditions else " or ".join(conditions)
    )


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
