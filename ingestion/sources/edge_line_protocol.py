"""Line protocol, exactly: bytes -> entries, each with the line and byte at which it starts. No frames here.

Our own strict grammar, because integers keep 64 bits and floats their text here; the quick reader for whole files is
`edge_line_batches.py` and comes here for every line it does not know at a glance.
A malformed entry ends at the next line break after the fault; a quote counts as closed only when a comma, a blank or
the end of the line follows, so one lost quote costs its own line and not those up to the next quote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_KEY = rb"(?:\\[,= ]|[^,= \x00-\x1f\x7f])++"
_TAGS = rb"(?:," + _KEY + rb"=(?:\\[,= ]|[^,= \r\n])++)*+"
_TEXT = rb'"(?:\\["\\]|[^"])*+"(?=[, \r\n]|\Z)'
_FIELD = _KEY + rb"=(?:" + _TEXT + rb"|[-0-9.tTfF][^, \r\n]*+)"
_HEAD = rb" *+((?:\\[ ,]|[^, \x00-\x1f\x7f])++)(" + _TAGS + rb") ++"
_END = rb"(?:\r?\n|\r?\Z)"

_BLANK = re.compile(rb" *+(?:#[^\x00-\x1f\x7f]*+)?" + _END)
_ENTRY = re.compile(_HEAD + rb"(" + _FIELD + rb"(?:," + _FIELD + rb")*+)(?: ++([-0-9]++))? *+" + _END)
_AS_FAR = re.compile(rb"(?:" + _HEAD + rb"(?:" + _FIELD + rb",)*+(?:" + _FIELD + rb")?+)?+")
_OPEN_TEXT = re.compile(_KEY + rb'="(?:\\["\\]|[^"])*+\Z')
_NOT_FINITE = re.compile(_KEY + rb"=[-+]?(?:nan|inf(?:inity)?)(?![^, \r\n])", re.IGNORECASE)
_TAG = re.compile(rb",(" + _KEY + rb")=((?:\\[,= ]|[^,= \r\n])++)")
_ONE_FIELD = re.compile(rb"(" + _KEY + rb")=(" + _TEXT + rb"|[^, \r\n]++)")
_INTEGER = re.compile(rb"-?[0-9]+")
_FLOAT = re.compile(rb"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_BOOLEANS = dict.fromkeys((b"t", b"T", b"true", b"True", b"TRUE"), "true") | dict.fromkeys(
    (b"f", b"F", b"false", b"False", b"FALSE"), "false"
)
_ESCAPED = re.compile(rb"\\([,= ])")
_ESCAPED_NAME = re.compile(rb"\\([, ])")
_ESCAPED_TEXT = re.compile(rb'\\(["\\])')
_LONGEST_INTEGER = 400  # digits; nobody writes a number to be converted at length


class Field(NamedTuple):
    key: str
    kind: str  # int, uint, float, bool, string
    text: str  # numbers without their suffix; booleans true or false; strings without quotes and escapes


@dataclass(slots=True)
class Entry:
    """A line that was understood. `start` and `end` are bytes, the line break included."""

    start: int
    end: int
    measurement: str
    tags: list[tuple[str, str]]
    fields: list[Field]
    nanoseconds: int | None


@dataclass(slots=True)
class Malformed:
    """One or several physical lines that were not, and why."""

    start: int
    end: int
    reason: str
    column: str | None = None


class Unfinished(NamedTuple):
    """A text opened here is not closed in the bytes at hand: more of the file is needed to judge."""

    start: int
    end: int


class DuplicateTag(Exception):
    """Two tags of one line have one key: it is not known which of them names the series."""


class _Fault(Exception):
    """Reason and column of a line that has the right shape and the wrong content."""


def parse(data: bytes) -> Iterator[Entry | Malformed]:
    """All entries of a whole file, in order; blank lines and comments give nothing."""
    position = 0
    while position < len(data):
        entry = parse_entry(data, position, last=True)
        if isinstance(entry, (Entry, Malformed)):
            yield entry
        position = entry.end if entry else data.find(b"\n", position) + 1 or len(data)


def parse_entry(data: bytes, start: int, last: bool) -> Entry | Malformed | Unfinished | None:
    """The entry that starts at byte `start`, the first of a line; None for a blank line or a comment.

    `last` says that the file ends where `data` does; otherwise data ends with a line break.
    """
    if _BLANK.match(data, start):
        return None
    found = _ENTRY.match(data, start)
    if not found:
        return _malformed(data, start, last)
    try:
        return Entry(start, found.end(), *_contents(found))
    except _Fault as fault:
        return Malformed(start, found.end(), *fault.args)
    except UnicodeDecodeError:
        return Malformed(start, found.end(), "bad_text")


def tags_of(blob: bytes) -> list[tuple[str, str]]:
    """`,key=value,…` as pairs without escapes; raises DuplicateTag where a key is there twice."""
    tags = [(_plain(key), _plain(value)) for key, value in _TAG.findall(blob)]
    if len(dict(tags)) < len(tags):
        raise DuplicateTag
    return tags


def _contents(found: re.Match[bytes]) -> tuple[str, list[tuple[str, str]], list[Field], int | None]:
    name, tag_blob, field_blob, time = found.groups()
    if name.startswith(b"#"):
        raise _Fault("malformed_line", None)
    measurement = (_ESCAPED_NAME.sub(rb"\1", name) if b"\\" in name else name).decode("utf-8")
    try:
        tags = tags_of(tag_blob)
    except DuplicateTag:
        raise _Fault("duplicate_tag", "labels") from None
    fields = [_field(key, token) for key, token in _ONE_FIELD.findall(field_blob)]
    return measurement, tags, fields, None if time is None else _nanoseconds(time)


def _plain(token: bytes) -> str:
    return (_ESCAPED.sub(rb"\1", token) if b"\\" in token else token).decode("utf-8")


def _field(key: bytes, token: bytes) -> Field:
    name = _plain(key)
    if token[:1] == b'"':
        text = token[1:-1]
        return Field(name, "string", (_ESCAPED_TEXT.sub(rb"\1", text) if b"\\" in text else text).decode("utf-8"))
    if token[:1] in b"tTfF":
        if token not in _BOOLEANS:
            raise _Fault("malformed_line", "value")
        return Field(name, "bool", _BOOLEANS[token])
    if token[-1:] in b"iu":
        signed = token[-1:] == b"i"
        return Field(name, "int" if signed else "uint", _integer(token[:-1], signed))
    if not _FLOAT.fullmatch(token):
        raise _Fault("not_finite" if _NOT_FINITE.match(b"v=" + token) else "malformed_line", "value")
    if math.isinf(float(token)):  # 1e400: no agent could have held it
        raise _Fault("not_finite", "value")
    return Field(name, "float", token.decode())


def _integer(digits: bytes, signed: bool) -> str:
    if not _INTEGER.fullmatch(digits) or (digits[:1] == b"-" and not signed):
        raise _Fault("malformed_line", "value")
    lowest, highest = (-(2**63), 2**63 - 1) if signed else (0, 2**64 - 1)
    if len(digits) > _LONGEST_INTEGER or not lowest <= int(digits) <= highest:
        raise _Fault("too_many_digits", "value")
    return digits.decode()


def _nanoseconds(digits: bytes) -> int:
    if not _INTEGER.fullmatch(digits) or len(digits) > _LONGEST_INTEGER or not -(2**63) <= int(digits) < 2**63:
        raise _Fault("bad_timestamp", "sampled_at")
    return int(digits)


def _malformed(data: bytes, start: int, last: bool) -> Malformed | Unfinished:
    reached = _AS_FAR.match(data, start)
    fault = reached.end() if reached else start
    if not last and _OPEN_TEXT.match(data, fault):
        return Unfinished(start, len(data))
    end = data.find(b"\n", fault) + 1 or len(data)
    if _NOT_FINITE.match(data, fault):
        return Malformed(start, end, "not_finite", "value")
    return Malformed(start, end, "malformed_line")
