"""FOCUS, finding: inbox listing -> deliveries, each of the account that its folder is.

What lies below `focus/` is found in `bill_deliveries.py`. One file may hold the rows of many billing accounts, and two
exports those of one: no account of a row names what a delivery replaces, only the place it comes from does. Reading
rows is `focus.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ingestion.deliveries import Found
from ingestion.sources.bill_deliveries import TABLE, Seen, empty_month, in_order, seen_in
from ingestion.sources.bill_files import first_of
from ingestion.sources.focus_manifests import parse
from ingestion.storage import Storage

FEED = "focus"
FOLDER = f"{FEED}/"
BILLING_ACCOUNT = "billing_account_id"


def _account(seen: Seen) -> str:
    """`<provider>` for files put there by hand, for an export its folder: `<provider>/…/<export name>`.

    Two exports may have one name (each payer's own "focus"), or one folder: both are in the account's name.
    """
    if seen.manifest is None or not seen.report:
        return seen.folder
    root = seen.root or seen.folder
    return root if root.endswith(f"/{seen.report}") else f"{root}/{seen.report}"


def _judged(inbox: Storage, seen: Seen) -> Found:
    found = Found(
        feed=FEED,
        table=TABLE,
        account=_account(seen),
        period=seen.period,
        version=seen.order,
        name=f"{seen.folder}/{seen.name}",
        files=seen.files,
        details={"scope": seen.scope} if seen.scope else {},
    )
    if seen.problem:
        return replace(found, status="incomplete", reason=seen.problem)
    has_rows = first_of(inbox, seen.files, BILLING_ACCOUNT).has_rows
    return found if has_rows else empty_month(found, seen)


def _one_scope_a_folder(deliveries: list[Found]) -> list[Found]:
    """Holds exports of one name and folder that cover different scopes: each would replace the other's month."""
    scopes: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for found in deliveries:
        if found.status == "complete":
            scopes[found.account, found.period].add(found.details.get("scope", ""))

    def judged(found: Found) -> Found:
        several = sorted(scopes[found.account, found.period])
        if found.status != "complete" or len(several) == 1:
            return found
        named = " and ".join(map(repr, several))
        reason = (
            f"{len(several)} exports write to {FOLDER}{found.account}, {named}: neither may replace the other's month. "
            "Give each export a folder of its own and run it again."
        )
        return replace(found, status="held", reason=reason)

    return [judged(found) for found in deliveries]


def find_deliveries(inbox: Storage, period: str | None) -> list[Found]:
    """Every delivery that may count, whole or not, ordered by account, period and version."""
    beside, seen = seen_in(inbox, FEED, period, parse, "provider")
    return in_order([*beside, *_one_scope_a_folder([_judged(inbox, one) for one in seen])])
