"""Vendors' bills, map columns: attributes, tags and discounts as JSON objects of non-empty texts.

Stands between `bill_columns.py`, which says which delivered columns go into which map, and the lake, where a map
is text. Keys are sorted, so neither the order of columns nor the producer's spelling of the JSON shows. Work is done
once per distinct combination: 50,000 real lines with 60 product columns hold 178 of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import polars as pl

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'  # what RFC 8259 does not allow bare inside a string


def _dump(entries: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(entries.items())), ensure_ascii=False, separators=(",", ":"))


def escaped(texts: pl.Series) -> pl.Series:
    """The texts as they stand between the quotes of a JSON string."""
    unsafe = texts.filter(texts.str.contains(_NEEDS_ESCAPE)).unique().to_list()
    if not unsafe:
        return texts
    return texts.replace({text: json.dumps(text, ensure_ascii=False)[1:-1] for text in unsafe})


def collect(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.Series:
    """One JSON object per row out of text columns (`columns`: key -> column); null cells have no key, empty is null."""
    live = {key: columns[key] for key in sorted(columns) if frame[columns[key]].null_count() < frame.height}
    if not live:
        return pl.Series([None] * frame.height, dtype=pl.String)
    # By place: a delivered name may be one of ours, or a pattern to Polars (`*`, `^.*$`).
    places = {f"{place}": column for place, column in enumerate(live.values())}
    texts = pl.DataFrame([frame[column].alias(place) for place, column in places.items()])
    groups = texts.with_row_index("row of the batch").group_by(list(places)).agg(pl.col("row of the batch"))
    parts = [
        pl.concat_str(pl.lit(json.dumps(key, ensure_ascii=False) + ':"'), escaped(groups[place]), pl.lit('"'))
        for key, place in zip(live, places, strict=True)
    ]
    objects = groups.select(
        pl.col("row of the batch"),
        pl.when(pl.any_horizontal(pl.col(place).is_not_null() for place in places))
        .then(pl.concat_str(pl.lit("{"), pl.concat_str(parts, separator=",", ignore_nulls=True), pl.lit("}")))
        .alias("object"),
    )
    return objects.explode("row of the batch").sort("row of the batch")["object"]


def per_distinct(texts: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """`function` of each text, called once per distinct one; null stays null."""
    distinct = texts.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series(texts.name, [None] * texts.len(), dtype=pl.String)
    results = pl.Series([function(text) for text in distinct.to_list()], dtype=pl.String)
    return texts.replace_strict(distinct, results, default=None, return_dtype=pl.String)


def _entries(text: str) -> dict[str, str] | None:
    """The non-empty texts of a JSON object; None where it is none, or names a key twice."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        loaded = json.loads(text, object_pairs_hook=unique, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    entries = {}
    for key, value in loaded.items():
        if isinstance(value, bool | list | dict):
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        if value is not None and value != "":
            entries[key] = str(value)
    return entries


def from_json(texts: pl.Series, taken: Sequence[str] = ()) -> tuple[pl.Series, dict[str, pl.Series], pl.Series]:
    """A delivered JSON map -> (normalised without `taken`, the taken keys' texts, texts that are no JSON object)."""
    read = {text: _entries(text) for text in texts.drop_nulls().unique().to_list()}

    def rest(text: str) -> str | None:
        left = {key: value for key, value in (read[text] or {}).items() if key not in taken}
        return _dump(left) if left else None

    keys = {key: per_distinct(texts, lambda text, key=key: (read[text] or {}).get(key)) for key in taken}
    return per_distinct(texts, rest), keys, per_distinct(texts, lambda text: text if read[text] is None else None)


def merged(first: pl.Series, second: pl.Series) -> pl.Series:
    """Two normalised maps as one; where both name a key the first one's value stays."""
    both = pl.DataFrame({"first": first, "second": second})
    pairs = both.drop_nulls().unique()
    if pairs.is_empty():
        return both.select(pl.coalesce("first", "second"))["first"]
    joined = [_dump(json.loads(two) | json.loads(one)) for one, two in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("joined", joined, dtype=pl.String))
    return both.join(pairs, on=["first", "second"], how="left", maintain_order="left").select(
        pl.coalesce("joined", "first", "second")
    )["joined"]
