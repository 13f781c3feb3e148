"""Issuing and voiding as the house does them: gate, one write into the ledger, then the warehouse is made to show it.

The gate is asked and the drafts are read on one connection that holds the warehouse's lock, so nothing changes between
the two. The blocking checks are run again first: a check that failed in another run stopped only that run.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import duckdb

from ingestion.lake import Lake
from ingestion.storage import open_storage
from invoicing import close_gate, issue
from invoicing.close_gate import Gate, Month
from invoicing.entries import Entry, Json
from invoicing.ledger import Conflict, Head, Ledger
from orchestration import period_state, run, warehouse
from orchestration.exposing import need_every_invoice_seen
from orchestration.locks import locked
from orchestration.periods import BadSetting, known_period, month_of, months_after, period_of
from orchestration.settings import Settings

Tell = Callable[[str], None]


@dataclass(slots=True)
class Closing:
    """What became of an issue or a void."""

    status: str  # issued, completed, dry_run, held, already_issued, voided, lost
    seller_id: str
    period: str
    detail: str = ""
    gates: list[Gate] = field(default_factory=list)
    waived: list[str] = field(default_factory=list)
    invoices: list[Json] = field(default_factory=list)

    @property
    def holding(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.passed and gate.name not in self.waived]

    @property
    def exit_code(self) -> int:
        """1 where nothing was issued because the answer is no; a dry run that would issue is 0."""
        if self.status in ("held", "already_issued", "lost"):
            return 1
        return 1 if self.status == "dry_run" and self.holding else 0


def close_month(
    settings: Settings,
    seller_id: str,
    period: str,
    waivers: Mapping[str, str],
    dry_run: bool = False,
    tell: Tell = lambda text: None,
    show: bool = True,
) -> Closing:
    """`close_months` of one seller."""
    return close_months(settings, [seller_id], period, waivers, dry_run, tell, show)[0]


def close_months(
    settings: Settings,
    sellers: Sequence[str],
    period: str,
    waivers: Mapping[str, str],
    dry_run: bool = False,
    tell: Tell = lambda text: None,
    show: bool = True,
) -> list[Closing]:
    """Issues the month of each seller for whom every gate says yes or is waived; raises BadSetting, Busy, Damaged.

    The checks are run once and the warehouse made anew once, however many sellers there are; each has an entry of its
    own, so one that is held or lost stops nobody else. With `show` the warehouse is made to show what was issued.
    Inside a Dagster run another run has to do that.
    """
    known_period(period, settings.first_period, settings.clock.date())
    _check_waivers(waivers)
    with locked(settings, "run"):
        ledger = Ledger(open_storage(settings.lake_uri))
        asked = list(dict.fromkeys(sellers))
        closed = {seller for seller in asked if period <= ledger.head(seller).last_period}
        examined: dict[str, tuple[Closing, Json, Head]] = {}
        if closed != set(asked):
            _need_warehouse(settings)
            still_open = [seller for seller in asked if seller not in closed]
            examined = _examined(settings, ledger, still_open, period, waivers, tell)
        behind = bool(closed) and show and not dry_run and not _shown(settings, ledger)
        closings = [
            _issued_before(ledger, seller, period, behind)
            if seller in closed
            else _written(ledger, *examined[seller], dry_run, tell)
            for seller in asked
        ]
        if show and not dry_run and any(closing.status in ("issued", "completed") for closing in closings):
            refresh(settings, [period], tell)
        return closings


def _written(ledger: Ledger, closing: Closing, document: Json, head: Head, dry_run: bool, tell: Tell) -> Closing:
    """The entry in the ledger, unless this is a dry run or a gate holds it."""
    if dry_run or closing.holding:
        closing.status = "dry_run" if dry_run else "held"
        return closing
    ledger.complete(closing.seller_id)
    tell(f"writing {len(closing.invoices)} invoices of {closing.seller_id} for {closing.period}")
    try:
        ledger.append(head, document)
        closing.status = "issued"
    except Conflict as error:
        closing.status, closing.detail = "lost", str(error)
    return closing


def _check_waivers(waivers: Mapping[str, str]) -> None:
    for gate, why in waivers.items():
        if gate not in close_gate.names():
            raise BadSetting(f"there is no gate {gate}: {', '.join(close_gate.names())}")
        if gate in close_gate.NOT_WAIVABLE:
            raise BadSetting(f"the gate {gate} cannot be waived: what it says must be put right")
        if not why.strip():
            raise BadSetting(f"--waive {gate} needs --why: the ledger keeps the reason")


def _need_warehouse(settings: Settings) -> None:
    if not warehouse.exists(settings):
        raise BadSetting(f"no warehouse at {settings.warehouse_path}: `meterhouse run --period YYYY-MM` makes one")


def _issued_before(ledger: Ledger, seller_id: str, period: str, behind: bool) -> Closing:
    """A month that the ledger has: what a killed issue left undone is completed, and nothing gets a second number.

    behind   the warehouse does not show the ledger yet
    """
    closes = [entry for entry in ledger.of(seller_id) if entry.closes]
    entry = next((entry for entry in reversed(closes) if entry.period <= period), None)
    if entry is None:
        detail = f"{period} lies before {closes[0].period}, the first month closed: what it lacks is in the open month"
        return Closing("already_issued", seller_id, period, detail)
    interrupted = ledger.complete(seller_id) or behind
    contents = [invoice["content"] for invoice in entry.invoices] if entry.period == period else []
    status = "completed" if interrupted else "already_issued"
    issued_at = entry.document["issued_at"]
    return Closing(status, seller_id, period, f"{period} is closed: issued {issued_at}", invoices=contents)


def _shown(settings: Settings, ledger: Ledger) -> bool:
    """Whether the warehouse shows the ledger as it is."""
    if not warehouse.exists(settings):
        return False
    wanted = sorted(invoice["content_hash"] for entry in ledger.entries() for invoice in entry.invoices)
    with warehouse.opened(settings) as connection:
        shown = connection.execute("select content_hash from lake.ledger_invoices order by 1").fetchall()
        done = period_state.done(connection)
    return wanted == [row[0] for row in shown] and not any(state.inputs_hash == "" for state in done.values())


def _examined(
    settings: Settings, ledger: Ledger, sellers: Sequence[str], period: str, waivers: Mapping[str, str], tell: Tell
) -> dict[str, tuple[Closing, Json, Head]]:
    """By seller the gates' answers, the entry that would be written, and the head it follows."""
    from orchestration.dbt import failed_checks

    lake = Lake(ledger.storage)
    now = settings.clock
    with warehouse.opened(settings) as connection:
        need_every_invoice_seen(connection, ledger)
        for seller_id in sellers:
            _need_seller(connection, seller_id)
            _need_clock(ledger.head(seller_id), now)
    tell("running the blocking checks again")
    failed = failed_checks(settings)
    examined: dict[str, tuple[Closing, Json, Head]] = {}
    with warehouse.opened(settings) as connection:
        states = period_state.done(connection)
        for seller_id in sellers:
            head = ledger.head(seller_id)
            # What another seller issued since changes no draft of this one: a close of many must not wait for each.
            others = _not_shown(connection, ledger, besides=seller_id)
            stale = run.plan(partial(lake.inputs_hash, leave_out=others), [period], states)
            month = Month(
                seller_id=seller_id,
                period=month_of(period),
                now=now.astimezone(UTC).replace(tzinfo=None),
                stale=stale,
                done=list(states),
                failed_checks=failed,
                quarantine_threshold=settings.quarantine_threshold,
                ledger=ledger,
                head=head,
            )
            gates = close_gate.examine(connection, month)
            prefix = close_gate.prefix_of(connection, seller_id) or ""
            contents = issue.with_numbers(issue.drafts(connection, seller_id, month.period), head, prefix, now)
            document = issue.issue_document(
                contents,
                head,
                seller_id=seller_id,
                period=period,
                issued_at=now,
                issue_id=str(uuid.uuid4()),
                inputs_hash=lake.inputs_hash(period),
                inputs=issue.inputs(connection, month.period),
                settings=settings.deciding,
                code_version=period_state.code_hash(),
                rates=issue.fx_rates(connection, seller_id, month.period, contents),
                gates=gates,
                waivers=waivers,
            )
            closing = Closing("", seller_id, period, gates=gates, waived=list(waivers), invoices=contents)
            examined[seller_id] = (closing, document, head)
    return examined


def _not_shown(connection: duckdb.DuckDBPyConnection, ledger: Ledger, besides: str) -> set[str]:
    """Keys of other sellers' entries that the warehouse does not show yet."""
    closes = set(
        connection.execute("select seller_id, strftime(billing_period, '%Y-%m') from lake.ledger_closes").fetchall()
    )
    invoices = {row[0] for row in connection.execute("select content_hash from lake.ledger_invoices").fetchall()}

    def shown(entry: Entry) -> bool:
        made = {invoice["content_hash"] for invoice in entry.invoices}
        return made <= invoices and (not entry.closes or (entry.seller_id, entry.period) in closes)

    return {entry.key for entry in ledger.entries() if entry.seller_id != besides and not shown(entry)}


def _need_seller(connection: duckdb.DuckDBPyConnection, seller_id: str) -> None:
    # Who sold on an agreement that was put right may still have something to give back.
    query = "select seller_id from staging.stg_catalog__agreements union select seller_id from fct_invoices order by 1"
    sellers = [row[0] for row in connection.execute(query).fetchall()]
    if seller_id not in sellers:
        raise BadSetting(f"{seller_id} sells on no agreement of the catalog: {', '.join(sellers) or 'there is none'}")


def _need_clock(head: Head, now: datetime) -> None:
    if head.last_issued_at and now < datetime.fromisoformat(head.last_issued_at):
        raise BadSetting(f"the clock says {now}, the last entry was written {head.last_issued_at}: put it right")


def void(settings: Settings, number: str, why: str, tell: Tell = lambda text: None) -> Closing:
    """Takes an issued invoice back by a document of its own; raises BadSetting, Busy, Damaged."""
    if not why.strip():
        raise BadSetting("say --why: the ledger keeps the reason")
    with locked(settings, "run"):
        ledger = Ledger(open_storage(settings.lake_uri))
        found = ledger.find(number)
        if found is None:
            raise BadSetting(f"the ledger has no invoice {number}: `meterhouse invoices` lists them")
        entry, invoice = found
        if warehouse.exists(settings):
            with warehouse.opened(settings) as connection:
                need_every_invoice_seen(connection, ledger)
        head = ledger.head(entry.seller_id)
        _need_clock(head, settings.clock)
        closing = Closing("already_issued", entry.seller_id, entry.period)
        voided_by = ledger.voided_by().get(number)
        if voided_by or not entry.closes:
            closing.detail = (
                f"{number} was taken back by {voided_by}" if voided_by else f"{number} itself takes an invoice back"
            )
            if ledger.complete(entry.seller_id) or not _shown(settings, ledger):
                closing.status = "completed"
                refresh(settings, [closing.period], tell)
            return closing
        ledger.complete(entry.seller_id)
        closing.period = period_of(months_after(month_of(head.last_period), 1))
        document = issue.void_document(
            entry,
            invoice,
            head,
            period=closing.period,
            prefix=number.rsplit("-", 2)[0],
            issued_at=settings.clock,
            issue_id=str(uuid.uuid4()),
            code_version=period_state.code_hash(),
            why=why,
        )
        try:
            ledger.append(head, document)
        except Conflict as error:
            closing.status, closing.detail = "lost", str(error)
            return closing
        closing.status, closing.detail = "voided", f"{number} is taken back"
        closing.invoices = [made["content"] for made in document["invoices"]]
        refresh(settings, [closing.period], tell)
        return closing


def refresh(settings: Settings, periods: Iterable[str], tell: Tell = lambda text: None) -> None:
    """Makes every materialised month and these anew where the lake or ledger changed them; lands nothing.

    Raises RuntimeError: the ledger holds what was issued, only the warehouse is behind.
    """
    run.prepare_home(settings)
    states = run.states_of(settings)
    possible = {period for period in periods if period <= period_of(settings.clock.date())}
    wanted = run.with_issued(settings, {*possible, *states}, states)
    if not wanted:
        return
    planned = run.plan(Lake(open_storage(settings.lake_uri)).inputs_hash, wanted, states)
    if not any(planned.values()):
        return
    outcomes = run.materialised(settings, planned, tell, landing=False)
    if failed := [outcome for outcome in outcomes if outcome.status == "failed"]:
        raise RuntimeError(
            f"the ledger is written, but {failed[0].name} could not be made anew: {failed[0].reason}\n"
            "repair it, then `meterhouse run`: nothing is issued twice"
        )
