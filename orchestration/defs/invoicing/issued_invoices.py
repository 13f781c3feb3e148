"""Issuing a seller's month: the gate as a blocking check, then the one write. Never materialised by automation.

A person starts the job `issue` with a seller, or the schedule does on its day. The gate is asked once more by the
write itself: a failed check stops only its own run.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration import warehouse
from orchestration.dbt import MARTS_OWNER
from orchestration.issuing import Closing, close_month
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.settings import get_settings
from orchestration.tables import markdown

DOCUMENT = ["invoice_number", "buyer_id", "document_type", "refers_to", "net_amount", "tax_amount", "total_amount"]


class CloseRequest(dg.ConfigurableResource):
    """Whose month is to be issued; `waivers` is gate -> why, and the ledger keeps it."""

    seller: str = ""
    dry_run: bool = False
    waivers: dict[str, str] = {}  # noqa: RUF012 - a field of a pydantic model, copied for each

    def close(self, period: str, dry_run: bool) -> Closing:
        if not self.seller:
            raise dg.Failure("name a seller: resources.close_request.config.seller in the launchpad")
        return close_month(get_settings(), self.seller, period, self.waivers, dry_run, show=False)


def _gates(closing: Closing) -> dg.MetadataValue:
    rows = [
        {"gate": gate.name, "answer": "yes" if gate.passed else "no", "detail": gate.detail} for gate in closing.gates
    ]
    return dg.MetadataValue.md(markdown(rows, ["gate", "answer", "detail"]))


@dg.asset(
    deps=["invoices"],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="invoicing",
    kinds={"python"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "invoicing"},
    check_specs=[
        dg.AssetCheckSpec(
            "close_gate_is_open",
            asset="close_gates",
            blocking=True,
            description="Every gate of the seller's month says yes or is waived; a month that is issued stays closed.",
        )
    ],
)
def close_gates(context: dg.AssetExecutionContext, close_request: CloseRequest) -> dg.MaterializeResult:
    """What the close gate says about the seller's month, with figures; nothing is written."""
    closing = close_request.close(context.partition_key, dry_run=True)
    verdict = dg.AssetCheckResult(
        check_name="close_gate_is_open",
        passed=closing.exit_code == 0,
        metadata={"holding": ", ".join(gate.name for gate in closing.holding) or closing.detail or "none"},
    )
    return dg.MaterializeResult(
        metadata={
            "seller": closing.seller_id,
            "gates": _gates(closing),
            "drafts": len(closing.invoices),
            "table": dg.MetadataValue.md(markdown(closing.invoices, DOCUMENT)),
        },
        check_results=[verdict],
    )


@dg.asset(
    deps=["close_gates"],
    output_required=False,  # a dry run makes nothing
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="invoicing",
    kinds={"python", "json"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "invoicing"},
)
def issued_invoices(context: dg.AssetExecutionContext, close_request: CloseRequest) -> Iterator[dg.MaterializeResult]:
    """The seller's invoices of the month in the ledger, with numbers. A dry run writes nothing."""
    if close_request.dry_run:
        context.log.info("dry run: nothing is written; what would be issued stands in close_gates")
        return
    closing = close_request.close(context.partition_key, dry_run=False)
    if closing.exit_code:
        raise dg.Failure(
            f"{closing.status}: {closing.detail or ', '.join(gate.name for gate in closing.holding)}",
            allow_retries=False,
        )
    table = dg.MetadataValue.md(markdown(closing.invoices, DOCUMENT))
    yield dg.MaterializeResult(
        metadata={
            "seller": closing.seller_id,
            "status": closing.status,
            "invoices": len(closing.invoices),
            "table": table,
            "waived": ", ".join(closing.waived) or "none",
        }
    )
