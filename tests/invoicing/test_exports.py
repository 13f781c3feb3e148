"""Issued documents in Stripe and for Zuora: each once, whatever dies, and to the last minor unit (faults 61, 69)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingestion.storage import Storage, open_storage
from invoicing.delivery import Sending, send
from invoicing.entries import Json, chained, numbered, taken_back
from invoicing.exports.documents import Unbalanced, documents
from invoicing.exports.stripe import API_VERSION, MOST_ROWS, Stripe, minor_units
from invoicing.exports.zuora import Zuora
from invoicing.ledger import Damaged, Ledger
from tests.invoicing.test_ledger import ROOT, content
from tests.orchestration.command import meterhouse

NOW, KEY = datetime(2026, 2, 3, tzinfo=UTC), "sk_test_meterhouse"
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking would ask the server for minutes
DIGITS = {"USD": 2, "JPY": 0, "KWD": 3}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Stripe API on loopback, in a process of its own: it outlives what a test kills."""
    log = tmp_path_factory.mktemp("stripe") / "log"
    with socket.socket() as bound, log.open("wb") as target:  # nobody else gets the port before the server listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        command = [sys.executable, str(Path(__file__).with_name("stripe_server.py")), str(bound.fileno())]
        server = subprocess.Popen(
            command, stdout=target, stderr=target, stdin=subprocess.DEVNULL, pass_fds=[bound.fileno()]
        )
    try:
        for _ in range(1200):
            assert server.poll() is None, log.read_text("utf-8")[-2000:]
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError(log.read_text("utf-8")[-2000:])
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def invoice(amounts: Sequence[str], tax: str = "0", currency: str = "USD", **columns: Any) -> Json:
    """Content of an invoice with these line amounts, and this tax on all of them."""
    made = content("", currency=currency, **columns)
    line, net = made["lines"][0], sum(map(Decimal, amounts))
    lines = [line | {"line_number": n, "amount": amount} for n, amount in enumerate(amounts, start=1)]
    taxes = [made["taxes"][0] | {"net_amount": str(net), "tax_amount": tax}]
    totals = {"net_amount": str(net), "tax_amount": tax, "total_amount": str(net + Decimal(tax))}
    return made | totals | {"lines": lines, "taxes": taxes, "payment_terms_days": 14}


def issued(storage: Storage, seller: str, contents: Sequence[Json], voids: Sequence[int] = ()) -> None:
    """An entry with these invoices, then one for each void (by position) of the same month."""
    ledger = Ledger(storage)

    def write(kind: str, made: Sequence[Json]) -> None:
        head = ledger.head(seller)
        entry = {"kind": kind, "seller_id": seller, "period": "2026-01", "affects_from": "2026-01", "issue_id": "1"}
        entry |= {"issued_at": "2026-02-01T00:00:00+00:00", "inputs_hash": "i", "waivers": [], "fx_rates": []}
        ledger.append(head, entry | {"invoices": chained(made, head.invoice_hash)})

    prefix = seller.upper()
    numbers = [numbered(prefix, 2026, position) for position in range(1, len(contents) + len(voids) + 1)]
    first = [
        made | {"invoice_number": number, "seller_id": seller} for number, made in zip(numbers, contents, strict=False)
    ]
    write("issue", first)
    for position, number in zip(voids, numbers[len(contents) :], strict=True):
        write("void", [taken_back(first[position], "2026-01", number)])


def to_stripe(api: str, storage: Storage, seller: str) -> list[Sending]:
    return list(send(documents(Ledger(storage), seller, "2026-01"), storage, Stripe(KEY, api, {}), NOW))


def client(api: str) -> stripe.StripeClient:
    """Stripe's own library, to look at what has arrived."""
    return stripe.StripeClient(KEY, base_addresses={"api": api})


def there(api: str, seller: str) -> dict[str, tuple[str, int, list[int]]]:
    """By our number: status, total, amounts of the lines. Fails where two have one key."""
    found: dict[str, tuple[str, int, list[int]]] = {}
    for customer in client(api).v1.customers.list({"limit": 100}).auto_paging_iter():
        if not customer.metadata["meterhouse_customer"].startswith(f"{seller}/"):
            continue
        for each in client(api).v1.invoices.list({"customer": customer.id, "limit": 100}).auto_paging_iter():
            lines = client(api).v1.invoices.line_items.list(each.id, {"limit": 100}).auto_paging_iter()
            key = each.metadata["meterhouse_document"]
            assert key not in found and each.number == key.partition("/")[2]
            found[key] = (each.status, each.total, [line.amount for line in lines])
        for note in client(api).v1.credit_notes.list({"limit": 100}).auto_paging_iter():
            if note.customer == customer.id:
                assert note.metadata["meterhouse_document"] not in found
                found[note.metadata["meterhouse_document"]] = ("credit_note", -note.total, [])
    return found


def test_the_version_is_the_one_whose_parameters_are_checked() -> None:
    """Fails when the version we ask for is not that of Stripe's library, which the test's server judges by."""
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10.99", "USD", 1099),
        ("-0.01", "EUR", -1),
        ("500", "JPY", 500),
        ("5.120", "KWD", 5120),
        ("0.5", "JPY", None),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("500", "MGA", 500),
        ("0.20", "MGA", None),
        ("1.005", "USD", None),
    ],
)
def test_amounts_are_counted_as_stripe_counts(amount: str, currency: str, units: int | None) -> None:
    """Fails when a currency's minor unit is not Stripe's own, or an amount is rounded to fit."""
    assert minor_units(Decimal(amount), currency) == units


@st.composite
def contents(draw: st.DrawFn) -> Json:
    """An invoice of up to six lines (a rounding line among them) and a tax, payable in its currency."""
    currency = draw(st.sampled_from(list(DIGITS)))
    units = st.integers(-(10**9), 10**9).filter(bool)
    amounts = draw(st.lists(units, min_size=1, max_size=6))
    tax = draw(st.integers(-(10**8), 10**8))
    if currency == "KWD":
        tax += -(sum(amounts) + tax) % 10
    spelled = [str(Decimal(each).scaleb(-DIGITS[currency])) for each in (*amounts, tax)]
    return invoice(spelled[:-1], spelled[-1], currency, buyer_id=draw(st.sampled_from(["shop", "Müller & Söhne/x"])))


def test_lines_invoice_ledger_and_what_stripe_has_are_one_number(api: str, tmp_path: Path) -> None:
    """Invariant 2. Fails when a line, a tax, a sign or a minor unit is lost on the way: for USD, JPY and KWD."""
    count = 0

    @settings(max_examples=12, deadline=None, phases=PHASES)
    @given(st.lists(contents(), min_size=1, max_size=3))
    def arrives(made: list[Json]) -> None:
        nonlocal count
        count += 1
        seller, storage = f"p{count}", open_storage(tmp_path / str(count))
        issued(storage, seller, made)
        assert {each.status for each in to_stripe(api, storage, seller)} == {"sent"}
        arrived = there(api, seller)
        assert len(arrived) == len(made)
        for document in documents(Ledger(storage), seller, "2026-01"):
            status, total, lines = arrived[document.key]
            assert Decimal(total).scaleb(-DIGITS[document.currency]) == document.total
            # Paid by the credit that an earlier document left, or not yet: finalised either way.
            assert sum(lines) == total and (status == "paid" or (status == "open" and total > 0))

    arrives()


KILLED = """
import sys
from ingestion.storage import open_storage
from tests.invoicing.test_exports import to_stripe
to_stripe(sys.argv[1], open_storage(sys.argv[2]), sys.argv[3])
"""


def killed(api: str, storage: Storage, seller: str, stage: str) -> bool:
    """Whether the export died at this point, in a process of its own."""
    environment = os.environ | {"METERHOUSE_FAULT": stage, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, api, storage.uri, seller]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()[-2000:]
    return done.returncode != 0


@pytest.mark.slow
def test_a_kill_at_any_point_of_an_export_sends_nothing_twice_and_leaves_nothing_out(api: str, tmp_path: Path) -> None:
    """Faults 61, 69. Fails when a process that died between any two steps (asked, answered, noted) makes the next one
    create a customer, an invoice, a line or a credit note again, or finalise what is not whole. Stripe's own keys are
    forgotten by then."""
    made = [invoice(["10", "0.99", "-0.01"], "2.09"), invoice(["7.00"])]
    for point in range(1, 100):
        seller, storage = f"k{point}", open_storage(tmp_path / str(point))
        issued(storage, seller, made, voids=[0])
        died = killed(api, storage, seller, f"export:{point}")
        before = {number for number, (status, _, _) in there(api, seller).items() if status != "draft"}
        again = to_stripe(api, storage, seller)
        assert {each.status for each in again} <= {"sent", "sent_before"} and len(again) == 3
        assert before <= set(there(api, seller))
        prefix = f"{seller}/{seller.upper()}-2026-00000"
        assert there(api, seller) == {
            f"{prefix}1": ("paid", 1307, [1000, 99, -1, 209]),  # nothing of it is open any more: it was taken back
            f"{prefix}2": ("open", 700, [700]),
            f"{prefix}3": ("credit_note", -1307, []),
        }
        assert {each.status for each in to_stripe(api, storage, seller)} == {"sent_before"}
        if not died:
            break
    assert point == 15, "an export of three documents has 14 points: asked, answered and noted"


def test_three_of_forty_were_sent_when_it_died_and_the_rest_follows(api: str, tmp_path: Path) -> None:
    """Fault 69. Fails when what was sent before the kill is sent again, or what was not is forgotten."""
    storage = open_storage(tmp_path)
    issued(storage, "forty", [invoice([f"{n}.50"], buyer_id=f"buyer-{n % 7}") for n in range(1, 41)])
    assert killed(api, storage, "forty", "export:17")  # each of the first has six points: the third has lines, no end
    assert len(list(storage.files("sent/"))) == 2 and len(there(api, "forty")) == 3
    again = to_stripe(api, storage, "forty")
    assert [each.status for each in again] == ["sent_before"] * 2 + ["sent"] * 38
    assert sum(total for _, total, _ in there(api, "forty").values()) == sum(n * 100 + 50 for n in range(1, 41))


def test_receipts_that_are_lost_make_no_second_invoice(api: str, tmp_path: Path) -> None:
    """Fault 68 and 69. Fails when a lake restored from before the export sends everything again."""
    storage = open_storage(tmp_path)
    issued(storage, "lost", [invoice(["1"]), invoice(["2"])], voids=[1])
    first = to_stripe(api, storage, "lost")
    arrived = there(api, "lost")
    for file in list(storage.files("sent/")):
        (tmp_path / file.key).unlink()
    again = to_stripe(api, storage, "lost")
    assert [each.detail for each in again] == [each.detail for each in first]
    assert there(api, "lost") == arrived and len(arrived) == 3


def test_what_is_taken_back_is_collected_no_more_and_what_was_paid_is_credit(api: str, tmp_path: Path) -> None:
    """Fails when a voided invoice stays open in Stripe, a payment of it is lost, or it went without the invoice."""
    storage, other = open_storage(tmp_path / "a"), open_storage(tmp_path / "b")
    issued(storage, "void", [invoice(["100"])])
    first = to_stripe(api, storage, "void")[0].detail.split(", ")
    client(api).v1.invoices.pay(first[1])
    ledger = Ledger(storage)
    entry, sealed = ledger.find("VOID-2026-000001")
    head = ledger.head("void")
    note = taken_back(sealed["content"], "2026-02", "VOID-2026-000002")
    ledger.append(
        head, entry.document | {"kind": "void", "period": "2026-02", "invoices": chained([note], head.invoice_hash)}
    )
    carrier = Stripe(KEY, api, {})
    february = documents(Ledger(storage), "void", "2026-02")
    assert [each.status for each in send(february, storage, carrier, NOW)] == ["sent"]
    made = client(api).v1.credit_notes.list({"invoice": first[1]}).data[0]
    assert (made.total, made.pre_payment_amount, made.post_payment_amount) == (10000, 0, 10000)

    issued(other, "void2", [invoice(["100"])], voids=[0])
    alone = list(send(documents(Ledger(other), "void2", "2026-01")[1:], other, carrier, NOW))
    assert alone[0].status == "refused" and "which is not in Stripe" in alone[0].detail


def test_what_stripe_cannot_hold_is_refused_before_anything_is_sent_and_the_rest_goes(api: str, tmp_path: Path) -> None:
    """Fails when an amount is rounded for Stripe, or one document that is refused holds the others."""
    storage = open_storage(tmp_path)
    contents = [
        invoice(["3.813"], currency="KWD"),
        invoice(["0.2"], currency="MGA"),
        invoice(["3.810"], currency="KWD"),
    ]
    issued(storage, "odd", contents)
    result = to_stripe(api, storage, "odd")
    assert [each.status for each in result] == ["refused", "refused", "sent"]
    assert "steps of 10 minor units and the total is 3.813" in result[0].detail and "more digits" in result[1].detail
    assert [total for _, total, _ in there(api, "odd").values()] == [3810]


def test_a_large_invoice_is_summed_and_keeps_its_total(api: str, tmp_path: Path) -> None:
    """Fails when an invoice of more lines than Stripe takes is cut, or its sums are not the ledger's."""
    storage = open_storage(tmp_path)
    made = invoice(["0.01"] * (MOST_ROWS + 50), "0.57")
    for line in made["lines"][:100]:
        line["service_period"] = "2025-12"
    issued(storage, "large", [made, invoice(["0.01"] * (MOST_ROWS - 1), "0.47")])
    assert {each.status for each in to_stripe(api, storage, "large")} == {"sent"}
    first, second = there(api, "large").values()
    assert sorted([len(first[2]), len(second[2])]) == [3, MOST_ROWS]
    assert sorted([first[1], second[1]]) == [296, 357]


def test_what_was_changed_in_stripe_or_in_the_ledger_is_not_finished(api: str, tmp_path: Path) -> None:
    """Fault 79. Fails when a draft somebody added to is finalised, another content under the number passes for ours, or
    a ledger with a changed byte is sent."""
    storage = open_storage(tmp_path / "a")
    issued(storage, "draft", [invoice(["10"])])
    assert killed(api, storage, "draft", "export:3")  # the invoice is made, its lines are not
    every = client(api).v1.invoices.list({"limit": 100}).auto_paging_iter()  # also the other tests'
    (draft,) = (each for each in every if each.metadata["meterhouse_document"].startswith("draft/"))
    line = {"amount": 5, "description": "x", "metadata": {"a": "b"}, "period": {"start": 1767225600, "end": 1767225600}}
    client(api).v1.invoices.add_lines(draft.id, {"lines": [line]})
    result = to_stripe(api, storage, "draft")
    assert result[0].status == "refused" and "adds up to 1005 and the ledger to 1000" in result[0].detail
    assert [status for status, _, _ in there(api, "draft").values()] == ["draft"]

    other = open_storage(tmp_path / "b")
    issued(other, "draft", [invoice(["11"])])
    assert "another content" in to_stripe(api, other, "draft")[0].detail

    entry = tmp_path / "b" / "ledger/draft/00000001.json"
    entry.write_text(entry.read_text("utf-8").replace('"11"', '"12"'), "utf-8")
    with pytest.raises(Damaged, match="00000001"):
        to_stripe(api, other, "draft")
    unbalanced = open_storage(tmp_path / "c")
    issued(unbalanced, "u", [invoice(["10"]) | {"total_amount": "10.01"}])
    with pytest.raises(Unbalanced, match=r"add up to 10 of 10 net.*of 10\.01"):
        to_stripe(api, unbalanced, "u")


def test_invoices_for_zuora_are_files_written_once(storage: Storage, tmp_path: Path) -> None:
    """Fails when a file's items do not add up to the ledger's total, a second export writes again, or a credit that
    Zuora cannot take is written as an invoice."""
    lake = open_storage(tmp_path / "lake")
    issued(lake, "z", [invoice(["10.10", "0.20", "-0.05"], "1.95"), invoice(["3.813"], currency="KWD")], voids=[0])
    result = [list(send(documents(Ledger(lake), "z", "2026-01"), lake, Zuora(storage), NOW)) for _ in range(2)]
    assert [each.status for each in result[0]] == ["sent", "sent", "refused"]
    assert [each.status for each in result[1]] == ["sent_before", "sent_before", "refused"]
    bodies = [json.loads(storage.read_bytes(file.key), parse_float=Decimal) for file in storage.files()]
    assert [sum(Decimal(item["amount"]) for item in body["invoiceItems"]) for body in bodies] == [
        Decimal("12.20"),
        Decimal("3.813"),
    ]
    assert bodies[0]["invoiceNumber"] == "Z-2026-000001" and bodies[0]["dueDate"] == "2026-02-15"
    for file in list(lake.files("sent/")):
        (tmp_path / "lake" / file.key).unlink()
    storage.write("z/Z-2026-000001.json", b"{}")
    changed = list(send(documents(Ledger(lake), "z", "2026-01"), lake, Zuora(storage), NOW))
    assert [each.status for each in changed] == ["refused", "sent", "refused"] and "another content" in changed[
        0
    ].detail


def test_the_command_says_what_it_sent(api: str, tmp_path: Path) -> None:
    """Fails when `meterhouse export` sends without a key or on a dry run, or does not say 1 where nothing goes."""
    issued(open_storage(tmp_path / "lake"), "acme", [invoice(["10"], "1.9")])
    ask: Callable[..., Any] = lambda *words, expect=0, **more: meterhouse(  # noqa: E731
        tmp_path, "export", *words, "--seller", "acme", expect=expect, STRIPE_API_BASE=api, **more
    )
    assert "STRIPE_API_KEY" in ask("2026-01", "--to", "stripe", expect=2)
    assert "there is stripe and zuora" in ask("2026-01", "--to", "sap", expect=2, STRIPE_API_KEY=KEY)
    dry = ask("2026-01", "--to", "stripe", "--dry-run", STRIPE_API_KEY=KEY)
    assert [each["status"] for each in dry["documents"]] == ["would_be_sent"] and not there(api, "acme")
    sent = ask("2026-01", "--to", "stripe", STRIPE_API_KEY=KEY)
    assert sent["destination"] == "stripe-test" and sent["documents"][0]["total_amount"] == "11.9"
    assert list(there(api, "acme").values()) == [("open", 1190, [1000, 190])]
    assert ask("2026-01", "--to", "zuora")["documents"][0]["status"] == "sent"
    assert (tmp_path / "zuora" / "acme" / "ACME-2026-000001.json").exists()
    assert ask("2026-02", "--to", "stripe", expect=1, STRIPE_API_KEY=KEY)["documents"] == []
