"""Vendors' bills, Parquet files: batches of text under the delivered names, as the CSV reader gives them.

Legacy CUR writes doubles and `timestamp[ms, UTC]`, CUR 2.0 also maps. A double becomes its shortest text (0.1, not
0.1000000000000000055), a map a JSON object. Read in batches of rows, so memory follows the row group, not the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.deliveries import Refused, delivered_name
from ingestion.sources.bill_maps import escaped

BATCH_ROWS = 50_000
MAGIC = b"PAR1"


def _map_as_json(pairs: pl.Series) -> pl.Series:
    """A map column (polars: list of key and value) as JSON objects; empty and null values have no key."""
    rows = pl.DataFrame({"row": pl.int_range(pairs.len(), eager=True), "pair": pairs})
    entries = rows.filter(pl.col("pair").list.len() > 0).explode("pair").unnest("pair")
    entries = entries.with_columns(_text(entries["value"]).alias("value")).drop_nulls("value")
    if entries.is_empty():
        return pl.Series(pairs.name, [None] * pairs.len(), dtype=pl.String)
    objects = (
        entries.select(
            "row",
            "key",
            pl.concat_str(
                pl.lit('"'),
                escaped(entries["key"].cast(pl.String)),
                pl.lit('":"'),
                escaped(entries["value"]),
                pl.lit('"'),
            ).alias("entry"),
        )
        .group_by("row")
        .agg(pl.col("entry").sort_by("key").str.join(","))
        .select("row", pl.concat_str(pl.lit("{"), "entry", pl.lit("}")).alias("object"))
    )
    return rows.join(objects, on="row", how="left", maintain_order="left")["object"].alias(pairs.name)


def _series(column: pa.Array) -> pl.Series:
    """The column in Polars. Texts come as a dictionary: decoding it here is three times as fast as plain strings."""
    if pa.types.is_decimal256(column.type):  # wider than Polars' decimals
        column = column.cast(pa.string())
    if pa.types.is_dictionary(column.type):
        return pl.Series(pl.from_arrow(column.dictionary)).gather(pl.Series(pl.from_arrow(column.indices)))
    return pl.Series(pl.from_arrow(column))


def _is_map(dtype: pl.DataType) -> bool:
    return (
        isinstance(dtype, pl.List)
        and isinstance(dtype.inner, pl.Struct)
        and [field.name for field in dtype.inner.fields] == ["key", "value"]
    )


def _instants_as_text(values: pl.Series, with_zone: bool) -> pl.Series:
    """Each instant written out once: a bill's are hours, and few beside its lines."""
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series(values.name, [None] * values.len(), dtype=pl.String)
    utc = distinct.dt.convert_time_zone("UTC") if with_zone else distinct
    texts = utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if with_zone else ""))
    return values.replace_strict(distinct, texts, default=None, return_dtype=pl.String)


def _text(values: pl.Series) -> pl.Series:
    """Any delivered type as text; an empty one is missing."""
    dtype = values.dtype
    if dtype == pl.String:
        empty = values.str.len_bytes() == 0
        return values.set(empty, None) if empty.any() else values
    if _is_map(dtype):
        return _map_as_json(values)
    if isinstance(dtype, pl.Datetime):
        return _instants_as_text(values, dtype.time_zone is not None)
    if dtype == pl.Float32:  # its own shortest text, not that of the double it widens to
        return values.cast(pl.String)
    if dtype == pl.Binary:
        return values.cast(pl.String)
    if dtype.is_nested():
        texts = [None if value is None else json.dumps(value, default=str) for value in values.to_list()]
        return pl.Series(values.name, texts, dtype=pl.String)
    return values.cast(pl.String)


def read_parquet(stream: BinaryIO, name: str) -> Iterator[tuple[pl.DataFrame, frozenset[str]]]:
    """Batches of text and the names of the columns that are doubles; raises Refused where it is no whole Parquet file.

    A file without rows gives one empty batch, so that its columns are still judged. `stream` must be seekable.
    """
    try:
        schema = pq.read_schema(stream)
        stream.seek(0)
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        file = pq.ParquetFile(stream, read_dictionary=texts, pre_buffer=False)
        doubled = sorted({field.name for field in schema if schema.names.count(field.name) > 1})
        if doubled:
            raise Refused(f"{name}: column {doubled[0]!r} stands twice in the Parquet schema.")
        floats = frozenset(delivered_name(field.name) for field in schema if pa.types.is_floating(field.type))
        if file.metadata.num_rows == 0:
            yield pl.DataFrame(schema={delivered_name(field.name): pl.String for field in schema}), floats
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            if batch.num_rows:
                columns = zip(map(delivered_name, batch.schema.names), batch.columns, strict=True)
                yield pl.DataFrame({column: _text(_series(values)) for column, values in columns}), floats
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise Refused(
            f"{name}: the Parquet file cannot be read to its end ({type(error).__name__}). It is cut or damaged: "
            "deliver it again."
        ) from error
