"""FOCUS, manifests: those of AWS data exports (`bill_manifests.py`) and those of Azure's cost exports.

Azure: `<export>/<YYYYMMDD-YYYYMMDD>/<time>/<run>/manifest.json` beside the files of a run, with `exportConfig`,
`runInfo` and `blobs`. A run restates its month, so the one submitted last counts. `resourceId` names the export with
its scope.
"""

from __future__ import annotations

from typing import Any

from ingestion.deliveries import File
from ingestion.sources import bill_manifests
from ingestion.sources.bill_manifests import STATED_START, Manifest, document_of, month_folder, size_of, sortable


def parse(file: File, payload: bytes) -> Manifest:
    """The manifest; raises ValueError saying what is wrong with it."""
    document = document_of(payload)
    if isinstance(document, dict) and "blobs" in document:
        return _of_azure(file, document)
    return bill_manifests.parse(file, payload)


def _of_azure(file: File, document: dict[str, Any]) -> Manifest:
    blobs, run = document["blobs"], document.get("runInfo")
    named = isinstance(blobs, list) and all(
        isinstance(blob, dict) and isinstance(blob.get("blobName"), str) for blob in blobs
    )
    if not named or not isinstance(run, dict):
        raise ValueError("the manifest has blobs without names, or no runInfo: no manifest of a cost export")
    folders = file.key.split("/")[:-1]
    at = month_folder(folders)
    root = folders[:-1] if at is None else folders[:at]
    start = STATED_START.match(str(run.get("startDate", "")))
    config = document.get("exportConfig")
    config = config if isinstance(config, dict) else {}
    return Manifest(
        key=file.key,
        root="/".join(root),
        report=str(config.get("exportName") or root[-1]),
        period=f"{start[1]}-{start[2]}" if start else bill_manifests.period_in(file.key),
        assembly=str(run.get("runId") or ""),
        account="",
        points=False,  # a run says what it wrote, never which run is current
        written_at=sortable(str(run.get("submittedTime") or file.modified_at)),
        listed=tuple((blob["blobName"], size_of(blob.get("byteCount"))) for blob in blobs),
        scope=str(config.get("resourceId") or "").lower(),
    )
