"""AWS CUR, finding: inbox listing -> deliveries, with the one that counts for each payer and month.

Below `aws_cur/<folder>/` lie reports and exports with their manifests (`aws_cur_manifests.py`) and, under
`manual/<YYYY-MM>/<delivery>/`, files copied by hand with an empty `_COMPLETE`. Nothing is read here but manifests and
the first row of a delivery, which names the payer. Reading lines is `aws_cur.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ingestion.deliveries import File, Found, Terms
from ingestion.sources.aws_cur_manifests import (
    DATA_FILE,
    PLAIN_PERIOD,
    Manifest,
    delivered,
    is_manifest,
    parse,
    period_in,
    sortable,
)
from ingestion.storage import Changed, Storage

FEED = "aws_cur"
FOLDER = f"{FEED}/"
TABLE = "line_items"
MANUAL = "manual"  # name of the report that files copied by hand count as
COMPLETE = "_COMPLETE"
LARGEST_MANIFEST = 64 << 20  # bytes; 300 columns and 1,000 files are 0.2 MB


@dataclass(frozen=True, slots=True)
class First:
    """What the first row of a delivery says: its payer, or None where there is no row or none can be read."""

    has_rows: bool
    payer: str | None = None


Peek = Callable[[tuple[File, ...]], First]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A delivery before its account and rank are known."""

    folder: str  # below aws_cur/
    report: str
    period: str | None
    order: str  # sorts within a report: pointed to, written at, id
    name: str
    account: str  # as the manifest says, else ""
    files: tuple[File, ...]
    manifest: File | None
    problem: str = ""  # why it is incomplete
    points: bool = False


def _announced(folder: str, manifests: Iterable[Manifest], files: Mapping[str, File]) -> Iterator[_Seen]:
    """Per report and month what the pointer names; without a whole one the newest whole assembly, too."""
    groups: dict[tuple[str, str, str | None], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        groups[manifest.root, manifest.report, manifest.period].append(manifest)
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
            yield _Seen(
                folder=folder,
                report=manifest.report,
                period=manifest.period,
                order=f"{int(manifest.points)}/{manifest.written_at}/{manifest.assembly}",
                name="/".join(filter(None, (manifest.report, manifest.period, manifest.assembly))),
                account=manifest.account,
                files=listed,
                manifest=files[manifest.key],
                problem=problem,
                points=manifest.points,
            )
            if not problem:
                break


def _manual(folder: str, files: Iterable[File]) -> Iterator[_Seen]:
    """`manual/<YYYY-MM>/<delivery>/…`: complete when `_COMPLETE` lies beside the files."""
    deliveries: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        period, *rest = file.key.split("/")[3:]
        if len(rest) > 1 and PLAIN_PERIOD.fullmatch(period):
            deliveries[period, rest[0]].append(file)
        else:
            name = "/".join(file.key.split("/")[2:])
            problem = f"{file.key} belongs into {MANUAL}/<YYYY-MM>/<delivery>/, with {COMPLETE} beside it"
            yield _Seen(folder, "", None, "", name, "", (file,), None, problem)
    for (period, name), members in deliveries.items():
        mark = next((file for file in members if file.key.split("/")[5:] == [COMPLETE]), None)
        data = tuple(
            file
            for file in members
            if file is not mark and not is_manifest(file.key) and not file.key.rsplit("/", 1)[-1].startswith(".")
        )
        yield _Seen(
            folder=folder,
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


def _unannounced(folder: str, files: Iterable[File], seen: list[_Seen], listed: set[str]) -> Iterator[_Seen]:
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
        yield _Seen(
            folder=folder,
            report="",
            period=period,
            order="",
            name="/".join(directory.split("/")[2:]) or directory,
            account="",
            files=tuple(members),
            manifest=None,
            problem=f"no manifest lists these {len(members)} files; since {since}",
        )


def _in_folder(inbox: Storage, folder: str, files: list[File], period: str | None) -> Iterator[_Seen]:
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
                yield _Seen(folder, "", period_in(file.key), "", name, "", (), file, f"{file.key}: {error}")
    seen = list(_announced(folder, manifests, by_key))
    listed = {file.key for manifest in manifests for file in delivered(manifest, by_key)[0]}
    yield from seen
    yield from _manual(folder, by_hand)
    yield from _unannounced(folder, others, seen, listed)


def _judged(seen: _Seen, peek: Peek) -> Found:
    """The delivery with its payer: the rows' own word, else the manifest's, else the folder's name."""
    found = Found(
        feed=FEED,
        table=TABLE,
        account=seen.account or seen.folder,
        period=seen.period,
        version="",
        name=seen.name,
        files=seen.files,
        details={"report": seen.report} if seen.report else {},
    )
    if seen.problem:
        return replace(found, status="incomplete", reason=seen.problem, version=seen.order)
    first = peek(seen.files)
    account = first.payer or found.account
    if not first.has_rows and seen.manifest is None:
        reason = f"no row in {len(seen.files)} files, and no manifest that announces an empty month"
        found = replace(found, status="held", reason=reason)
    if not first.has_rows and seen.manifest is not None:
        # Without rows two months may be equal byte by byte; the manifest tells them apart.
        found = replace(found, files=(*seen.files, seen.manifest))
    return replace(found, account=account, version=f"{_rank(seen.report)}/{seen.order}")


def _rank(report: str) -> str:
    """Sorts the versions of the lexically first report last, so that it wins whichever report arrived first.

    The name is turned round byte by byte (a -> 9e). What the catalog says of reports stands above all versions: the
    lake knows it, a version never does.
    """
    return "".join(f"{255 - byte:02x}" for byte in report.encode()) + "ff"


def _one_report_per_month(deliveries: list[Found], terms: Terms) -> list[Found]:
    """Rejects what is not the authoritative report of its payer and month, where that one is there."""
    reports: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for found in deliveries:
        if "report" in found.details and found.status in ("complete", "incomplete"):
            configured = terms.authoritative_report.get(found.account) == found.details["report"]
            if found.status == "complete" or configured:
                reports[found.account, found.period].add(found.details["report"])

    def judged(found: Found) -> Found:
        report, names = found.details.get("report"), reports[found.account, found.period]
        configured = terms.authoritative_report.get(found.account)
        chosen = configured if configured in names else min(names, default=None)
        if found.status != "complete" or report == chosen:
            return found
        why = (
            "as payers.report says"
            if chosen == configured
            else "the first by name, as payers.report names none of them"
        )
        reason = (
            f"payer {found.account} has the reports {chosen!r} and {report!r} for {found.period}; {chosen!r} is "
            f"authoritative ({why}) and {report!r} is refused, or its costs would count twice. To use it, name it in "
            "the catalog's payers.report; else end its export."
        )
        return replace(found, status="rejected", reason=reason)

    return [judged(found) for found in deliveries]


def find_deliveries(inbox: Storage, period: str | None, terms: Terms, peek: Peek) -> list[Found]:
    """Every delivery that may count, whole or not, ordered by account, period and version."""
    folders: dict[str, list[File]] = defaultdict(list)
    beside: list[Found] = []
    for file in inbox.files(FOLDER):
        _, folder, *below = file.key.split("/")
        if below:
            folders[folder].append(file)
        else:
            reason = f"{file.key}: lies beside the payers' folders; deliver it below {FEED}/<payer>/"
            beside.append(Found(FEED, TABLE, "", None, "", folder, (file,), status="rejected", reason=reason))
    seen = [one for folder, files in folders.items() for one in _in_folder(inbox, folder, files, period)]
    deliveries = [_judged(one, peek) for one in seen if period is None or one.period in (None, period)]
    deliveries = [*beside, *_one_report_per_month(deliveries, terms)]
    return sorted(deliveries, key=lambda found: (found.account, found.period or "", found.version, found.name))
