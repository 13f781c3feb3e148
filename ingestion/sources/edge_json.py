"""JSON that agents write -> rows of a sample frame: what Telegraf's and Vector's readers share.

Numbers stay the text they were delivered as.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from ingestion.sources.edge_samples import identity, instant, moment_of

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONSTANTS = {"NaN", "Infinity", "-Infinity"}


class Number(str):
    """A JSON number as its text (or NaN, Infinity: what JSON forbids and some producers write)."""


class Unreadable(Exception):
    """Reason and column of a metric that is not one."""


def decode(raw: bytes) -> Any:
    """JSON with numbers as text; raises ValueError for whatever is not JSON, two equal keys in an object included."""
    try:
        document = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _SURROGATE.search(raw):
        try:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair") from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has one key twice")
    return found


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object)


identity_of = lru_cache(maxsize=65536)(identity)


def tag_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    raise Unreadable("malformed_metric", "labels")


def microseconds(stamp: Any) -> int:
    """Telegraf writes seconds by default and ms, us or ns if told so: the magnitude tells (seconds until 5138)."""
    if stamp is None:
        raise Unreadable("no_timestamp", "sampled_at")
    moment = _microseconds(stamp) if isinstance(stamp, str) else None
    if moment is None:
        raise Unreadable("bad_timestamp", "sampled_at")
    return moment


@lru_cache(maxsize=4096, typed=True)  # "1767225600" in quotes is a text, and no answer for the number of that spelling
def _microseconds(stamp: str) -> int | None:
    if not isinstance(stamp, Number):
        return instant(stamp)
    try:
        return None if stamp in _CONSTANTS else moment_of(Decimal(stamp))
    except InvalidOperation:  # an exponent that no decimal can hold
        return None


def append(
    columns: dict[str, list], number: int, offset: int, source: str, series: str, labels: str, moment: int, value: Any
) -> None:
    is_number = isinstance(value, Number)
    reason = "no_value" if value is None else "not_finite" if is_number and value in _CONSTANTS else None
    columns["line"].append(number)
    columns["offset"].append(offset)
    columns["source"].append(source)
    columns["series"].append(series)
    columns["labels"].append(labels)
    columns["microseconds"].append(moment)
    columns["number"].append(str(value) if is_number else None)
    columns["text_value"].append(None if is_number or value is None else tag_text(value))
    columns["reason"].append(reason)
    columns["column_name"].append(reason and "value")
    columns["payload"].append(None)
