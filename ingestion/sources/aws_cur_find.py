"""AWS Cost and Usage Report, finding: which delivery counts for each payer and month.

What lies below `aws_cur/` is found in `bill_deliveries.py`; the first row of a delivery names its payer. Reading lines
is `aws_cur.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from ingestion.deliveries import File, Found, Terms
from ingestion.sources.bill_deliveries import TABLE, Seen, empty_month, in_order, seen_in
from ingestion.sources.bill_files import First
from ingestion.sources.bill_manifests import parse
from ingestion.storage import Storage

FEED = "aws_cur"
FOLDER = f"{FEED}/"

Peek = Callable[[tuple[File, ...]], First]


def _judged(seen: Seen, peek: Peek) -> Found:
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
    account = first.value or found.account
    if not first.has_rows:
        found = empty_month(found, seen)
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
    beside, seen = seen_in(inbox, FEED, period, parse, "payer")
    return in_order([*beside, *_one_report_per_month([_judged(one, peek) for one in seen], terms)])
