"""Vendors' bills, columns: any delivered header -> the contract's columns, still as text.

Stands between the readers, which yield text under delivered names, and `cast`, which makes types of it. Three spellings
meet here: `lineItem/UnblendedCost` (legacy CSV), `line_item_unblended_cost` (CUR 2.0 and legacy Parquet) and whatever
differs from these by case or punctuation. What the contract does not know is kept in `extra`, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise

import polars as pl

from ingestion.contracts import Column, Contract
from ingestion.deliveries import Refused
from ingestion.sources.bill_maps import collect, from_json, merged, per_distinct

LEGACY_NAME = re.compile(r"^([a-z][A-Za-z]*)/([A-Za-z][A-Za-z0-9]*)$")
PLACES = 18  # decimal places of a vendor amount in the lake
TINY = rf"^-?[0-9]\.?[0-9]*e-[0-9]+$|\.[0-9]{{{PLACES + 1},}}$"  # what may not fit the lake's scale


def snake(name: str) -> str:
    """`UnblendedCost` -> `unblended_cost`; an acronym's letters stand alone, as Athena spells them (`a_r_n`)."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def squashed(name: str) -> str:
    """The name without case and punctuation: what all spellings of a column share."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def extra_key(name: str) -> str:
    """Key of an unknown column in `extra`: the report's own names in snake case, any other as delivered."""
    parts = LEGACY_NAME.match(name)
    return f"{snake(parts[1])}_{snake(parts[2])}" if parts else name


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each delivered column of one file goes."""

    typed: Mapping[str, tuple[str, ...]]  # contract column -> delivered columns, the preferred one first
    collected: Mapping[str, Mapping[str, str]]  # map column -> {key: delivered column}
    maps: Mapping[str, str]  # map column -> delivered column that holds the map itself
    taken: Mapping[str, Mapping[str, str]]  # map column -> {key: contract column filled from that key}
    unknown: tuple[str, ...]  # delivered columns that only `extra` keeps


def _key(prefix: str, name: str) -> str:
    """Key of a collected column: product attributes meet in snake case, tags keep their exact case."""
    rest = name.removeprefix(prefix)
    return snake(rest) if prefix == "product/" else rest


def _add(keys: dict[str, str], key: str, delivered: str) -> None:
    keys[delivered if key in keys else key] = delivered


def _both(one: str, two: str, column: str, file: str, what: str) -> Refused:
    return Refused(
        f"{file}: columns {one!r} and {two!r} are both {column} ({what}). Ask the producer for a file that has the "
        "column once."
    )


def _maps(header: Sequence[str], columns: Sequence[Column], file: str, what: str) -> dict[str, str]:
    """Map column -> delivered column that holds the map: by its own name, or an alias in any case and punctuation."""
    exact = {column.name: column.name for column in columns}
    loose = {squashed(alias): column.name for column in columns for alias in column.aliases}
    maps: dict[str, str] = {}
    for name in header:
        if column := exact.get(name) or loose.get(squashed(name)):
            if column in maps:
                raise _both(maps[column], name, column, file, what)
            maps[column] = name
    return maps


def plan(header: Sequence[str], contract: Contract, file: str) -> Plan:
    """Decides by name alone where each delivered column goes; raises Refused on doubled or missing columns."""
    what = f"contract {contract.id} {contract.version}"
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise Refused(
            f"{file}: column {doubled[0]!r} stands twice in the header ({what}). Ask the producer for a file whose "
            "columns have names of their own."
        )
    map_columns = [c for c in contract.columns if "collects" in c.properties and c.properties["collects"] != ["*"]]
    prefixes = {prefix: column.name for column in map_columns for prefix in column.properties["collects"]}
    typed_columns = [column for column in contract.columns if "collects" not in column.properties]
    exact = {name: column.name for column in typed_columns for name in (column.name, *column.aliases)}
    loose = {squashed(name): column for name, column in exact.items()}
    rank = {
        squashed(name): position
        for column in typed_columns
        for position, name in reversed(list(enumerate((column.name, *column.aliases))))
    }

    typed: dict[str, list[str]] = {}
    collected: dict[str, dict[str, str]] = {}
    extra: dict[str, str] = {}
    maps = _maps(header, map_columns, file, what)
    for name in header:
        if name in maps.values():
            continue
        column = exact.get(name) or loose.get(squashed(name))
        if column:
            typed.setdefault(column, []).append(name)
        elif prefix := next((prefix for prefix in prefixes if name.startswith(prefix) and name != prefix), None):
            _add(collected.setdefault(prefixes[prefix], {}), _key(prefix, name), name)
        else:
            _add(extra, extra_key(name), name)

    for column, names in typed.items():
        names.sort(key=lambda name: rank[squashed(name)])
        for one, two in pairwise(names):
            if squashed(one) == squashed(two):
                raise _both(one, two, column, file, what)
        for name in names[1:]:  # the less preferred alias may say something else: it stays visible
            prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
            keys = collected.setdefault(prefixes[prefix], {}) if prefix else extra
            _add(keys, _key(prefix, name) if prefix else extra_key(name), name)

    taken: dict[str, dict[str, str]] = {column: {} for column in maps}
    for column in typed_columns:
        holder = next((name for name in maps if column.name.startswith(f"{name}_")), None)
        if holder and "mapKey" in column.properties and column.name not in typed:
            taken[holder][column.properties["mapKey"]] = column.name

    if not typed:
        raise Refused(
            f"{file}: none of its {len(header)} columns is one of {what}: another vendor's file, an error page or no "
            "table at all. Put the report itself into the inbox."
        )
    for column in contract.columns:
        if column.required and column.name not in typed:
            raise Refused(
                f"{file}: required column {column.name} (also spelt {', '.join(column.aliases)}) is missing; it is "
                f"required by {what}. Switch it on in the export's settings and deliver the month again."
            )
    frozen = {column: tuple(names) for column, names in typed.items()}
    return Plan(frozen, {**collected, "extra": extra}, maps, taken, tuple(extra.values()))


def _at_scale(text: str) -> str | None:
    """A double's text rounded to the lake's scale; None where it has no more places than that."""
    value = Decimal(text)
    if -int(value.as_tuple().exponent) <= PLACES:
        return None
    with localcontext(prec=60):
        rounded = value.quantize(Decimal(1).scaleb(-PLACES), rounding=ROUND_HALF_UP)
    return format(rounded, "f") if rounded else "0"


def _shortened(texts: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """Doubles' texts at no more than the lake's scale, and the texts that lost places by that."""
    long = texts.set(~texts.str.contains(TINY).fill_null(False), None)
    if long.null_count() == long.len():
        return texts, None
    short = per_distinct(long, _at_scale)
    return short.zip_with(short.is_not_null(), texts), long.set(short.is_null(), None)


def canonical(
    frame: pl.DataFrame, plan: Plan, contract: Contract, floats: frozenset[str] = frozenset()
) -> pl.DataFrame:
    """Text under delivered names -> text under the contract's names, one row per row.

    Missing texts are null, never empty. `floats`: delivered columns that are Parquet doubles.
    """
    columns = {
        column: frame.select(pl.coalesce(names))[names[0]] if len(names) > 1 else frame[names[0]]
        for column, names in plan.typed.items()
    }
    misfits: dict[str, pl.Series] = {}
    for column in {*plan.maps, *plan.collected} - {"extra"}:
        columns[column] = collect(frame, plan.collected.get(column, {}))
        if column in plan.maps:
            rest, taken, wrong = from_json(frame[plan.maps[column]], tuple(plan.taken[column]))
            columns[column] = merged(rest, columns[column])
            columns |= {plan.taken[column][key]: texts for key, texts in taken.items()}
            misfits[column] = wrong

    for column in contract.columns:
        delivered = plan.typed.get(column.name)
        if delivered and column.type.startswith("decimal") and floats.issuperset(delivered):
            columns[column.name], lossy = _shortened(columns[column.name])
            if lossy is not None:
                misfits[column.name] = lossy

    originals = {name: texts.alias(f"\0{name}") for name, texts in misfits.items() if texts.null_count() < len(texts)}
    extra = {**plan.collected["extra"], **{name: texts.name for name, texts in originals.items()}}
    columns["extra"] = collect(frame.with_columns(originals.values()), extra)
    order = [column.name for column in contract.columns if column.name in columns]
    return pl.DataFrame([columns[name].alias(name) for name in order])
