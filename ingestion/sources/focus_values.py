"""FOCUS, values: what providers write for the same thing -> the one spelling `cast` reads. Nothing is guessed here.

Databases print a missing value as NULL, quoted or not; spreadsheets leave blanks beside numbers; Azure and Oracle leave
the seconds out of an instant. Stands between `bill_columns.py` and `contracts.cast`.
"""

from __future__ import annotations

import polars as pl

from ingestion.contracts import Contract

MINUTES = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?$"  # ISO 8601 without seconds
LENGTHS = [16, 17, 22]  # of such texts; looked at first, as most instants have seconds


def without_null_texts(delivered: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The contract's `nullTexts` are missing values, in columns it does not know as well."""
    null_texts = list(contract.properties["nullTexts"])

    def missing(texts: pl.Series) -> pl.Series:
        nulls = texts.is_in(null_texts).fill_null(False)
        return texts.set(nulls, None) if nulls.any() else texts

    return pl.DataFrame([missing(texts) for texts in delivered])


def _with_seconds(texts: pl.Series) -> pl.Series:
    if not texts.str.len_bytes().is_in(LENGTHS).any():
        return texts
    return texts.str.replace(MINUTES, "${1}:00${2}")


def one_spelling(lines: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Numbers without blanks around them, instants with seconds; all other texts as they are."""
    columns = {column.name: column.type for column in contract.columns}

    def spelled(texts: pl.Series) -> pl.Series:
        type_ = columns[texts.name]
        if type_.startswith("decimal"):
            return texts.str.strip_chars(" ")
        return _with_seconds(texts) if type_ == "timestamp" else texts

    return pl.DataFrame([spelled(texts) for texts in lines])
