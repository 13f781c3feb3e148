"""The cast and the story of the sample world: who sells to whom, who owns which account and server, what happens when.

No amounts here: bills are `aws_bill.py`, samples `edge_servers.py`, terms and prices `catalog_tables.py`. The story is
the same for every seed; the seed moves the quantities.

    aws ── nordwind ─┬─ atlas (USD)     ── nine customers
      (distributor)  ├─ meridian (EUR)  ── nine customers
                     └─ sakura (JPY)    ── seven customers, in the view `owner`
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

MONTHS = ("2026-01", "2026-02", "2026-03")
RESTATED = "2026-01"  # payer A delivers this month twice, payer B executes its export of it twice

PAYER_A = "471120345678"  # legacy CUR: CSV in two files; its March is Parquet
PAYER_B = "880045006100"  # CUR 2.0 data export
PARQUET_MONTH = "2026-03"

ACCOUNT_MOVES = date(2026, 2, 16)  # the account that changes its owner
SERVER_MOVES = date(2026, 3, 11)  # the server that changes its owner
CATALOG_DELIVERIES = ("2026-01-01", "2026-02-15")


@dataclass(frozen=True, slots=True)
class Party:
    id: str
    name: str
    role: str
    country: str
    time_zone: str
    tax_id: str | None
    tax_status: str


PARTIES = [
    Party(party_id, name, role, country, zone, tax_id or None, status)
    for party_id, name, role, country, zone, tax_id, status in (
        ("aws", "Amazon Web Services", "vendor", "US", "UTC", "", "business"),
        ("nordwind", "Nordwind Distribution GmbH", "distributor", "DE", "Europe/Berlin", "DE812345678", "business"),
        ("atlas", "Atlas Cloud Inc.", "reseller", "US", "America/New_York", "US-84-1234567", "business"),
        ("meridian", "Meridian Informatique SARL", "reseller", "FR", "Europe/Paris", "FR40303265045", "business"),
        ("sakura", "Sakura Systems KK", "reseller", "JP", "Asia/Tokyo", "T1234567890123", "business"),
        ("apex", "Apex Robotics", "customer", "US", "America/Chicago", "", "business"),
        ("bluebird", "Bluebird Media", "customer", "US", "America/New_York", "", "business"),
        ("cascade", "Cascade Energy", "customer", "US", "America/Los_Angeles", "", "business"),
        ("delta-labs", "Delta Labs", "customer", "CA", "America/Toronto", "", "business"),
        ("everest", "Everest Outfitters", "customer", "US", "America/Denver", "", "business"),
        ("foxglove", "Foxglove Health", "customer", "US", "America/New_York", "", "exempt"),
        ("granite", "Granite Logistics", "customer", "US", "America/Chicago", "", "business"),
        ("harbor", "Harbor Foods", "customer", "MX", "America/Mexico_City", "", "business"),
        ("ibis", "Ibis Analytics", "customer", "US", "UTC", "", "business"),
        ("jura", "Jura Horlogerie SA", "customer", "FR", "Europe/Paris", "FR61954506077", "business"),
        ("kestrel", "Kestrel Aviation Ltd", "customer", "IE", "Europe/Dublin", "IE6388047V", "business"),
        ("lindwurm", "Lindwurm Verlag GmbH", "customer", "DE", "Europe/Berlin", "DE811907980", "business"),
        ("marais", "Marais Mode", "customer", "FR", "Europe/Paris", "", "consumer"),
        ("nocturne", "Nocturne Studio", "customer", "IT", "Europe/Rome", "", "consumer"),
        ("ourthe", "Ourthe Chimie SA", "customer", "BE", "Europe/Brussels", "BE0428759497", "business"),
        ("piemonte", "Piemonte Meccanica SpA", "customer", "IT", "Europe/Rome", "IT00743110157", "business"),
        ("quercus", "Quercus Madera SL", "customer", "ES", "Europe/Madrid", "ESB58378431", "business"),
        ("rhone", "Rhône Transports", "customer", "FR", "Europe/Paris", "FR83404833048", "business"),
        ("shirakaba", "Shirakaba Foods", "customer", "JP", "Asia/Tokyo", "T2234567890123", "business"),
        ("tanuki", "Tanuki Games", "customer", "JP", "Asia/Tokyo", "T3234567890123", "business"),
        ("umi", "Umi Shipping", "customer", "JP", "Asia/Tokyo", "T4234567890123", "business"),
        ("vega", "Vega Semiconductor", "customer", "KR", "Asia/Seoul", "", "business"),
        ("wakaba", "Wakaba Clinic", "customer", "JP", "Asia/Tokyo", "", "consumer"),
        ("xian", "Xian Components", "customer", "SG", "Asia/Singapore", "", "business"),
        ("yuzu", "Yuzu Ryokan", "customer", "JP", "Asia/Tokyo", "T5234567890123", "business"),
    )
]

# Reseller -> its customers, in the order of PARTIES.
CUSTOMERS = {
    "atlas": [party.id for party in PARTIES[5:14]],
    "meridian": [party.id for party in PARTIES[14:23]],
    "sakura": [party.id for party in PARTIES[23:30]],
}


@dataclass(frozen=True, slots=True)
class Account:
    """A linked AWS account. Its owner is the party, until `moves_to` takes it over on ACCOUNT_MOVES."""

    id: str
    payer: str
    owner: str
    moves_to: str | None = None


ACCOUNTS = [
    Account(PAYER_A, PAYER_A, "nordwind"),
    Account("000123450017", PAYER_A, "apex"),  # leading zeros must survive
    Account("101223344556", PAYER_A, "apex"),
    Account("112233445501", PAYER_A, "bluebird"),
    Account("112233445502", PAYER_A, "cascade"),
    Account("112233445503", PAYER_A, "delta-labs"),
    Account("112233445504", PAYER_A, "everest"),
    Account("112233445505", PAYER_A, "foxglove", moves_to="granite"),
    Account("112233445506", PAYER_A, "granite"),
    Account("112233445507", PAYER_A, "harbor"),
    Account("112233445508", PAYER_A, "ibis"),
    Account("112233445509", PAYER_A, "jura"),
    Account("112233445510", PAYER_A, "kestrel"),
    Account("112233445511", PAYER_A, "lindwurm"),
    Account("112233445512", PAYER_A, "marais"),
    Account("112233445513", PAYER_A, "nocturne"),
    Account(PAYER_B, PAYER_B, "nordwind"),
    Account("220011000001", PAYER_B, "ourthe"),
    Account("220011000002", PAYER_B, "piemonte"),
    Account("220011000003", PAYER_B, "piemonte"),
    Account("220011000004", PAYER_B, "quercus"),
    Account("220011000005", PAYER_B, "rhone"),
    Account("220011000006", PAYER_B, "shirakaba"),
    Account("220011000007", PAYER_B, "tanuki"),
    Account("220011000008", PAYER_B, "tanuki"),
    Account("220011000009", PAYER_B, "umi"),
    Account("220011000010", PAYER_B, "vega"),
    Account("022001100011", PAYER_B, "wakaba"),
    Account("220011000012", PAYER_B, "xian"),
    Account("220011000013", PAYER_B, "yuzu"),
]


@dataclass(frozen=True, slots=True)
class Server:
    """An edge server. `form` is what its agent writes; its owner is the party, until SERVER_MOVES if it moves."""

    host: str
    owner: str
    form: str  # json, influx, sqlite
    moves_to: str | None = None


SERVERS = [
    Server(f"edge-{number:02d}", owner, form, moves_to or None)
    for number, (owner, form, moves_to) in enumerate(
        (
            ("apex", "json", ""),
            ("apex", "json", ""),
            ("bluebird", "json", ""),
            ("cascade", "json", ""),
            ("delta-labs", "json", ""),
            ("everest", "json", "granite"),
            ("foxglove", "json", ""),
            ("jura", "influx", ""),
            ("jura", "influx", ""),
            ("kestrel", "influx", ""),
            ("lindwurm", "influx", ""),
            ("marais", "influx", ""),
            ("piemonte", "influx", ""),
            ("rhone", "influx", ""),
            ("shirakaba", "sqlite", ""),
            ("tanuki", "sqlite", ""),
            ("umi", "sqlite", ""),
            ("vega", "sqlite", ""),
            ("wakaba", "sqlite", ""),
            ("yuzu", "sqlite", ""),
        ),
        start=1,
    )
]


def bounds(period: str) -> tuple[datetime, datetime]:
    """UTC instants `[start, end)` of the month `YYYY-MM`."""
    year, month = map(int, period.split("-"))
    return datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def dice(seed: int, *topic: str) -> Random:
    """Random numbers of one topic: adding a topic moves no other."""
    return Random("/".join((str(seed), *topic)))
