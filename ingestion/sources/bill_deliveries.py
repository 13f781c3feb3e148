"""Vendors' bills, finding: inbox listing -> what lies there of each bill, whole or not. Shared by aws_cur and focus.

Below `<feed>/<folder>/` lie reports and exports with their manifests (`bill_manifests.py`) and, under
`manual/<YYYY-MM>/<delivery>/`, files put there by hand with an empty `_COMPLETE`. Nothing is read here but manifests.
Which account a delivery is of, and which of several counts, the feed says (`aws_cur_find.py`, `focus_find.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ingestion.deliveries import File, Found
from ingestion.sources.bill_manifests import (
    DATA_FILE,
    PLAIN_PERIOD,
    Manifest,
    delivered,
    is_manifest,
    period_in,
    sortable,
)
from ingestion.storage import Changed, Storage

TABLE = "line_items"
MANUAL = "manual"  # name of the report that files copied by hand count as
COMPLETE = "_COMPLETE"
LARGEST_MANIFEST = 64 << 20  # bytes; 300 columns and 1,000 files are 0.2 MB

Parse = Callable[[File, bytes], Manifest]  # raises ValueError saying what is wrong with the manifest


@dataclass(frozen=True, slots=True)
class Seen:
    """A delivery before its account and rank are known."""

    folder: str  # below the feed's
    root: str  # folder of the report or export, below the feed's; the folder itself where there is none
    report: str
    period: str | None
    order: str  # sorts within a report: pointed to, written at, id
    name: str
    account: str  # as the manifest says, else ""
    files: tuple[File, ...]
    manifest: File | None
    problem: str = ""  # why it is incomplete
    points: bool = False
    scope: str = ""  # as the manifest says


def _announced(folder: str, manifests: Iterable[Manifest], files: Mapping[str, File]) -> Iterator[Seen]:
    """Per report, scope and month what the pointer names; without a whole one the newest whole assembly, too."""
    groups: dict[tuple[str, str, str, str | None], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        groups[manifest.root, manifest.report, manifest.scope, manifest.period].append(manifest)
    for group in groups.values():
        # A pointer counts more than an assembly's own copy of its manifest; then the newer, then the greater id.
        ordered = sorted(group, key=lambda one: (one.points, one.written_at, one.assembly), reverse=True)
        known: set[str] = set()
        for manifest in ordered:
            if manifest.assembly and manifest.assembly in known:
                continue  # its own copy of what the pointer said
            known.add(manifest.assembly)
            listed, problem = delivered(manifest, files)
            if manifest.period is None:
                problem = "neither the manifest nor its path names a billing period"
            elif not manifest.listed:
                problem = "the manifest lists no file"
            yield Seen(
                folder=folder,
                root=manifest.root.partition("/")[2],
                report=manifest.report,
                period=manifest.period,
                order=f"{int(manifest.points)}/{manifest.written_at}/{manifest.assembly}",
                name="/".join(filter(None, (manifest.report, manifest.period, manifest.assembly))),
                account=manifest.account,
                files=listed,
                manifest=files[manifest.key],
                problem=problem,
                points=manifest.points,
                scope=manifest.scope,
            )
            if not problem:
                break


def _unreported(
    folder: str, period: str | None, name: str, files: tuple[File, ...], problem: str, manifest: File | None = None
) -> Seen:
    """What lies there and is no delivery, as no report or month is known of it, or nothing says that it is whole."""
    return Seen(folder, folder, "", period, "", name, "", files, manifest, problem)


def _manual(folder: str, files: Iterable[File]) -> Iterator[Seen]:
    """`manual/<YYYY-MM>/<delivery>/…`: complete when `_COMPLETE` lies beside the files."""
    deliveries: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        period, *rest = file.key.split("/")[3:]
        if len(rest) > 1 and PLAIN_PERIOD.fullmatch(period):
            deliveries[period, rest[0]].append(file)
        else:
            name = "/".join(file.key.split("/")[2:])
            problem = f"{file.key} belongs into {MANUAL}/<YYYY-MM>/<delivery>/, with {COMPLETE} beside it"
            yield _unreported(folder, None, name, (file,), problem)
    for (period, name), members in deliveries.items():
        mark = next((file for file in members if file.key.split("/")[5:] == [COMPLETE]), None)
        data = tuple(
            file
            for file in members
            if file is not mark and not is_manifest(file.key) and not file.key.rsplit("/", 1)[-1].startswith(".")
        )
        yield Seen(
            folder=folder,
            root=folder,
            report=MANUAL,
            period=period,
            order=f"1/{sortable(mark.modified_at) if mark else ''}/{name}",
            name=f"{MANUAL}/{period}/{name}",
            account="",
            files=data,
            manifest=None,
            problem="" if mark else f"no {COMPLETE} lies beside the files; since {min(f.modified_at for f in members)}",
            points=True,
        )


def _unannounced(folder: str, files: Iterable[File], seen: list[Seen], listed: set[str]) -> Iterator[Seen]:
    """Data files no manifest lists: the next delivery on its way. Older than the current pointer they are leftovers."""
    groups: dict[str, list[File]] = defaultdict(list)
    for file in files:
        if file.key not in listed and DATA_FILE.search(file.key) and not is_manifest(file.key):
            groups[file.key.rpartition("/")[0]].append(file)
    for directory, members in groups.items():
        period = period_in(directory)
        since = min(file.modified_at for file in members)
        pointers = [s.manifest for s in seen if s.points and not s.problem and s.manifest and s.period == period]
        if any(sortable(since) <= sortable(pointer.modified_at) for pointer in pointers):
            continue
        name = "/".join(directory.split("/")[2:]) or directory
        problem = f"no manifest lists these {len(members)} files; since {since}"
        yield _unreported(folder, period, name, tuple(members), problem)


def _in_folder(inbox: Storage, folder: str, files: list[File], period: str | None, parse: Parse) -> Iterator[Seen]:
    by_key = {file.key: file for file in files}
    by_hand = [file for file in files if file.key.split("/")[2] == MANUAL]
    others = [file for file in files if file.key.split("/")[2] != MANUAL]
    manifests: list[Manifest] = []
    for file in others:
        if is_manifest(file.key) and (period is None or period_in(file.key) in (None, period)):
            try:
                with inbox.open(file) as stream:
                    manifests.append(parse(file, stream.read(LARGEST_MANIFEST)))
            except (ValueError, Changed) as error:
                name = "/".join(file.key.split("/")[2:])
                yield _unreported(folder, period_in(file.key), name, (), f"{file.key}: {error}", file)
    seen = list(_announced(folder, manifests, by_key))
    listed = {file.key for manifest in manifests for file in delivered(manifest, by_key)[0]}
    yield from seen
    yield from _manual(folder, by_hand)
    yield from _unannounced(folder, others, seen, listed)


def seen_in(
    inbox: Storage, feed: str, period: str | None, parse: Parse, folders_are: str
) -> tuple[list[Found], list[Seen]]:
    """(files beside the feed's folders, rejected; everything in its folders that may be of the month, None: of all).

    `folders_are` names the level below the feed's folder: `payer` for `aws_cur/<payer>/`.
    """
    folders: dict[str, list[File]] = defaultdict(list)
    beside: list[Found] = []
    for file in inbox.files(f"{feed}/"):
        _, folder, *below = file.key.split("/")
        if below:
            folders[folder].append(file)
        else:
            reason = f"{file.key}: lies beside the {folders_are}s' folders; deliver it below {feed}/<{folders_are}>/"
            beside.append(Found(feed, TABLE, "", None, "", folder, (file,), status="rejected", reason=reason))
    seen = [one for folder, files in folders.items() for one in _in_folder(inbox, folder, files, period, parse)]
    return beside, [one for one in seen if period is None or one.period in (None, period)]


def empty_month(found: Found, seen: Seen) -> Found:
    """A delivery without a row: held where no manifest announces it."""
    if seen.manifest is None:
        reason = f"no row in {len(seen.files)} files, and no manifest that announces an empty month"
        return replace(found, status="held", reason=reason)
    # Without rows two months may be equal byte by byte; the manifest tells them apart.
    return replace(found, files=(*seen.files, seen.manifest))


def in_order(deliveries: Iterable[Found]) -> list[Found]:
    """By account, period and version: what a feed's `find` promises."""
    return sorted(deliveries, key=lambda found: (found.account, found.period or "", found.version, found.name))
