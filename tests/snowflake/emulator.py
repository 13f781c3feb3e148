"""A Snowflake for the tests: fakesnow's server on 127.0.0.1, with the gaps closed that the main job falls into.

Runs in an environment of its own (`requirements/snowflake.lock`: it needs another duckdb than the house), so it imports
nothing of the house. `python emulator.py DESCRIPTOR` serves a bound socket until it is ended. What is closed here, each
because Snowflake itself does it: comments on columns and relations are accepted (and forgotten), temporary relations
may have a schema, a query tag may be set, sums and quotients of NUMBER are exact, ORDER BY ALL is known, a missing
instant is null, and an error ends its transaction and is an answer, not a server failure that the client tries again.
"""

from __future__ import annotations

import re
import socket
import sys
from typing import Any

import pyarrow as pa
import snowflake.connector.errors
import uvicorn
from fakesnow import arrow, transforms
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.server import app
from sqlglot import exp

_COMMENT = re.compile(r"\bcomment\s*=?\s*\$\$.*?\$\$", re.IGNORECASE | re.DOTALL)  # as dbt writes it into a CREATE
_ACCEPTED = re.compile(
    r"\s*(comment\s+on|alter\s+session\s+(un)?set\s+query_tag|alter\s+(table|view)\s+\S+\s+(alter|modify)\s.*?\bcomment)\b",
    re.IGNORECASE | re.DOTALL,
)


def _ordinary(expression: exp.Expression) -> exp.Expression:
    """The statement as DuckDB can take it, with Snowflake's meaning."""
    if isinstance(expression, exp.Create):
        # TEMPORARY with a schema, TRANSIENT, and a list of bare column names before AS are unknown there.
        properties = expression.args.get("properties")
        if properties:
            unwanted = (exp.TemporaryProperty, exp.TransientProperty)
            properties.set("expressions", [p for p in properties.expressions if not isinstance(p, unwanted)])
        schema = expression.this
        if isinstance(schema, exp.Schema) and expression.expression and not schema.find(exp.DataType):
            expression.set("this", schema.this)
    return expression.transform(_order_by_all).transform(_whole_quotient)


def _order_by_all(node: exp.Expression) -> exp.Expression:
    """ALL after ORDER BY is a word, not a column."""
    if isinstance(node, exp.Ordered) and isinstance(node.this, exp.Column) and node.this.name.lower() == "all":
        node.set("this", exp.Var(this="ALL"))
    return node


def _whole_quotient(node: exp.Expression) -> exp.Expression:
    """NUMBER / NUMBER is exact in Snowflake and a DOUBLE in DuckDB: `cast(a / b as decimal(38, 0))` divides whole
    numbers that leave no rest (macro whole_quotient)."""
    division = node.this if isinstance(node, exp.Cast) else None
    if not isinstance(division, exp.Div) or node.to.sql() != "DECIMAL(38, 0)":
        return node
    sides = [exp.cast(exp.paren(side.copy()), "hugeint") for side in (division.left, division.right)]
    return exp.cast(exp.IntDiv(this=sides[0], expression=sides[1]), "decimal(38, 0)")


def _timestamps(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Instants as the client reads them; a missing one stays missing instead of becoming 1970."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    struct = _timestamp_to_sf_struct(whole)
    fields = [struct.type.field(i) for i in range(struct.type.num_fields)]
    return pa.StructArray.from_arrays(struct.flatten(), fields=fields, mask=whole.is_null())


_timestamp_to_sf_struct = arrow.timestamp_to_sf_struct
_execute, _transform = FakeSnowflakeCursor.execute, FakeSnowflakeCursor._transform


def execute(self: FakeSnowflakeCursor, command: str, *arguments: Any, **options: Any) -> FakeSnowflakeCursor:
    if _ACCEPTED.match(command):
        self._execute(transforms.SUCCESS_NOP, None)
        return self
    try:
        return _execute(self, _COMMENT.sub("", command), *arguments, **options)
    except Exception as error:
        if self._conn._in_transaction:
            self._duck_conn.rollback()
            self._conn._in_transaction = False
        if isinstance(error, snowflake.connector.errors.Error):
            raise
        raise snowflake.connector.errors.ProgrammingError(msg=str(error), errno=1003, sqlstate="42000") from error


def transform(self: FakeSnowflakeCursor, expression: exp.Expression, parameters: Any) -> exp.Expression:
    return _transform(self, _ordinary(expression), parameters)


# Sums of NUMBER stay NUMBER, and NUMBER(38, 0) has 38 digits: the emulator would sum doubles and count in 64 bits.
transforms.numeric_agg_implicit_cast = transforms.integer_precision = lambda expression: expression
arrow.timestamp_to_sf_struct = _timestamps
FakeSnowflakeCursor.execute = execute
FakeSnowflakeCursor._transform = transform

if __name__ == "__main__":
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
