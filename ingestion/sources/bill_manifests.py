"""AWS manifests: what a producer's manifest says was delivered, and whether the inbox holds it.

Legacy CUR: `<report>/<YYYYMMDD-YYYYMMDD>/<report>-Manifest.json` points to the current assembly, each assembly's folder
has a copy of its own. CUR 2.0: `<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json`, and one below it per
execution where the export makes new files each time. A manifest's paths are looked up among the files the inbox lists;
none of them is ever opened as a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.deliveries import File

MANIFEST_NAME = re.compile(r"(^|-)manifest\.json$", re.IGNORECASE)
YEAR, MONTH = r"(?!0000)([0-9]{4})", r"(0[1-9]|1[0-2])"  # as the calendar has them
PLAIN_PERIOD = re.compile(f"{YEAR}-{MONTH}")
LEGACY_PERIOD = re.compile(f"{YEAR}{MONTH}[0-9]{{2}}-[0-9]{{8}}")
EXPORT_PERIOD = re.compile(f"BILLING_PERIOD={YEAR}-{MONTH}")
STATED_START = re.compile(f"{YEAR}-?{MONTH}-?[0-9]{{2}}T")
EXECUTION = re.compile(r"^(\d{4}-\d{2}-\d{2}T[0-9:.]+Z)-(.+)$")
DATA_FILE = re.compile(r"\.(csv|csv\.gz|csv\.zip|zip|gz|parquet)$", re.IGNORECASE)
PATH_NAMES = ("path", "key", "uri", "url", "file")
SIZE_NAMES = ("size", "sizeBytes", "contentLength", "bytes")


@dataclass(frozen=True, slots=True)
class Manifest:
    key: str
    root: str  # folder of the report or export, without trailing slash
    report: str
    period: str | None  # YYYY-MM
    assembly: str  # assembly id, or execution id
    account: str  # "" where it names none
    points: bool  # the producer's pointer to the current assembly, not an assembly's own copy
    written_at: str  # sortable instant, UTC: of the execution, else when the storage received the manifest
    listed: tuple[tuple[str, int | None], ...]  # path as the producer wrote it, size where it says one
    scope: str = ""  # what the export covers, where its producer lets two exports of one name write to one folder


def is_manifest(key: str) -> bool:
    return MANIFEST_NAME.search(key.rsplit("/", 1)[-1]) is not None


def sortable(instant: str) -> str:
    """An ISO instant in one spelling, so that texts sort as instants; what is no instant stays as it is."""
    try:
        parsed = datetime.fromisoformat(instant)
    except ValueError:
        return instant
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def period_in(path: str) -> str | None:
    """The month a folder of the path names, in any of the producer's spellings."""
    named = {}
    for part in path.split("/"):
        if match := LEGACY_PERIOD.fullmatch(part) or EXPORT_PERIOD.fullmatch(part) or PLAIN_PERIOD.fullmatch(part):
            return f"{match[1]}-{match[2]}"
        if match := re.fullmatch(r"(year|month)=([0-9]{1,4})", part):
            named[match[1]] = int(match[2])
    if len(named) < 2 or not named["year"] or not 1 <= named["month"] <= 12:
        return None
    return f"{named['year']:04}-{named['month']:02}"


def _listed(node: object) -> Iterator[tuple[str, int | None]]:
    """File paths with sizes out of `reportKeys` or `dataFiles`: a list, or a dictionary by path or by partition."""
    if isinstance(node, str):
        yield node, None
    elif isinstance(node, list):
        for entry in node:
            yield from _listed(entry)
    elif isinstance(node, dict):
        path = next((node[name] for name in PATH_NAMES if isinstance(node.get(name), str)), None)
        if path is not None:
            yield path, size_of(node)
            return
        for name, value in node.items():
            if DATA_FILE.search(name):
                yield name, size_of(value)
            else:
                yield from _listed(value)


def size_of(node: object) -> int | None:
    if isinstance(node, dict):
        node = next((node[name] for name in SIZE_NAMES if name in node), None)
    if isinstance(node, str) and re.fullmatch(r"[0-9]{1,18}", node):
        return int(node)
    if isinstance(node, float) and node.is_integer():
        return int(node)
    return node if isinstance(node, int) and not isinstance(node, bool) else None


def document_of(payload: bytes) -> Any:
    """The manifest's JSON; raises ValueError where it is none."""
    try:
        document = json.loads(payload)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no name of anything
    except (RecursionError, ValueError) as error:
        raise ValueError("the manifest is no JSON: it is cut, or still being written") from error
    return document


def month_folder(folders: Sequence[str]) -> int | None:
    """Place of the folder that names the month, as AWS and Azure write it; None where none does."""
    months = (i for i, part in enumerate(folders) if LEGACY_PERIOD.fullmatch(part) or EXPORT_PERIOD.fullmatch(part))
    return next(months, None)


def parse(file: File, payload: bytes) -> Manifest:
    """The manifest; raises ValueError saying what is wrong with it."""
    document = document_of(payload)
    if not isinstance(document, dict) or not {"reportKeys", "dataFiles"} & document.keys():
        raise ValueError("the manifest has neither reportKeys nor dataFiles: no manifest of a cost report")
    listed = tuple(_listed(document.get("reportKeys") or document.get("dataFiles") or []))

    *folders, name = file.key.split("/")
    at = month_folder(folders)
    depth = len(folders) if at is None else at
    root = folders[: depth - 1] if depth and folders[depth - 1] == "metadata" else folders[:depth]
    billing = document.get("billingPeriod")
    stated = STATED_START.match(str(billing.get("start", ""))) if isinstance(billing, dict) else None
    period = f"{stated[1]}-{stated[2]}" if stated else period_in(file.key)
    if period is None:
        period = next((month for path, _ in listed if (month := period_in(path))), None)

    arn = re.search(r":export/(.+)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", str(document.get("exportArn", "")))
    owner = re.search(r":(\d{12}):export/", str(document.get("exportArn", "")))
    report = document.get("reportName") or (arn[1] if arn else MANIFEST_NAME.sub("", name)) or (root or [""])[-1]
    executions = {match[1] for path, _ in listed for part in path.split("/") if (match := EXECUTION.match(part))}
    return Manifest(
        key=file.key,
        root="/".join(root),
        report=str(report),
        period=period,
        assembly=str(document.get("assemblyId") or document.get("executionId") or ""),
        account=str(document.get("account") or (owner[1] if owner else "")),
        points=at is None or at == len(folders) - 1,
        written_at=sortable(max(executions, default=file.modified_at)),
        listed=listed,
    )


def _look_up(path: str, manifest: Manifest, files: Mapping[str, File]) -> File | None:
    """The inbox's file for a listed path, whatever part of the bucket lies below the inbox.

    Tried: every folder above the manifest, deepest first, with every tail of the path, longest first. So another
    assembly's file of the same name is never taken.
    """
    parts = [part for part in re.sub(r"^s3://[^/]+/", "", path).split("/") if part]
    folders = manifest.key.split("/")[:-1]
    for depth in range(len(folders), 0, -1):
        for start in range(len(parts)):
            is_bare_name = start == len(parts) - 1
            if is_bare_name and depth < len(folders):
                continue  # a name alone says nothing of the assembly, except beside its manifest
            if file := files.get("/".join(folders[:depth] + parts[start:])):
                return file
    return None


def delivered(manifest: Manifest, files: Mapping[str, File]) -> tuple[tuple[File, ...], str]:
    """The listed files the inbox holds, and what is wrong with them ("" where all are there and of the right size)."""
    found: list[File] = []
    problems: list[str] = []
    for path, size in manifest.listed:
        file = _look_up(path, manifest, files)
        if file is None:
            problems.append(f"{path} is not there yet")
            continue
        found.append(file)
        if size is not None and size != file.size:
            problems.append(f"{file.key} has {file.size} bytes where the manifest says {size}")
    if len({file.key for file in found}) < len(found):
        problems.append("the manifest lists a file twice")
    return tuple(found), "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
