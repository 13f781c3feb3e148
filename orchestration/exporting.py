"""A seller's issued month into a billing system: the ledger's documents, a carrier, and receipts in the lake.

A person starts it, after issuing; nothing sends by itself. Documents go in the order of their numbers, so that an
invoice is there before what takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingestion.storage import open_storage
from invoicing.delivery import Carrier, Sending, receipt_key, send
from invoicing.exports.documents import documents
from invoicing.exports.stripe import Stripe
from invoicing.exports.zuora import Zuora
from invoicing.ledger import Ledger
from orchestration import tables, warehouse
from orchestration.locks import locked
from orchestration.periods import BadSetting, month_of
from orchestration.settings import Settings, stripe_options

Tell = Callable[[str], None]


@dataclass(slots=True)
class Export:
    """What became of a seller's month."""

    seller_id: str
    period: str
    destination: str
    sendings: list[Sending] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if not self.sendings or any(sending.status == "refused" for sending in self.sendings) else 0


def exported(
    settings: Settings, seller_id: str, period: str, to: str, dry_run: bool = False, tell: Tell = lambda text: None
) -> Export:
    """Sends what has no receipt yet; with `dry_run` only says what that is. Raises BadSetting, Busy, Damaged."""
    month_of(period)
    storage = open_storage(settings.lake_uri)
    ledger = Ledger(storage)
    if not ledger.of(seller_id):
        raise BadSetting(f"{seller_id} has issued nothing: `meterhouse issue` does")
    issued = documents(ledger, seller_id, period)
    carrier = _carrier(settings, to)
    export = Export(seller_id, period, carrier.destination)
    with locked(settings, "export"):
        if dry_run:
            for document in issued:
                known = storage.exists(receipt_key(carrier.destination, document))
                why = "" if known else carrier.refusal(document)
                export.sendings.append(
                    Sending(document, "sent_before" if known else "refused" if why else "would_be_sent", why)
                )
            return export
        for sending in send(issued, storage, carrier, settings.clock):
            tell(f"{sending.document.number}: {sending.status.replace('_', ' ')}")
            export.sendings.append(sending)
    return export


def _carrier(settings: Settings, to: str) -> Carrier:
    if to == "stripe":
        return Stripe(*stripe_options(), _parties(settings))
    if to == "zuora":
        return Zuora(open_storage(settings.zuora_uri))
    raise BadSetting(f"--to {to}: there is stripe and zuora")


def _parties(settings: Settings) -> Mapping[str, Mapping[str, str | None]]:
    """Name and email of every party, where a warehouse shows them: a new customer is called by them."""
    if not warehouse.exists(settings):
        return {}
    with warehouse.opened(settings) as connection:
        if not tables.exists(connection, "dim_party"):
            return {}
        return {row["party_id"]: row for row in tables.rows(connection, "select party_id, name, email from dim_party")}
