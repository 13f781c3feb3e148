"""A partner chain as an outsider would deliver it, every amount worked by hand from the money page.

Files as spreadsheets save them: columns in another order, only what is required, a mark of byte order, CRLF, an unknown
column. aws sells to dist (USD), dist to east (JPY), shop and late (USD) and far (EUR, no rate), east to kay (KWD).
"""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from tests.main_job.conftest import MainJob
from tests.worlds.builder import World

PAYER, SHOP, KAY, LATE, FAR, BOTH = "000000000001", *(f"30000000000{number}" for number in range(1, 6))
CATALOG = {
    "parties": "role,party_id,remark,name,country\nvendor,aws,,AWS,\ndistributor,dist,,Dist,DE\n"
    "reseller,east,,East,JP\n"
    'customer,shop,,"Shop, Inc.",DE\ncustomer,kay,,Kay,KW\ncustomer,late,,Late,DE\nreseller,far,,Far,FR\n'
    "customer,both,,Both,DE\ncustomer,end,,End,FR\n",
    "agreements": "buyer_id,seller_id,agreement_id,currency,fx_source,fx_fixed_rate,valid_to,valid_from\n"
    "dist,aws,bill,USD,,,,\neast,dist,east,JPY,ecb,,,\nshop,dist,shop,USD,,,,\nkay,east,kay,KWD,boj,0.002,,\n"
    "late,dist,late,USD,,,2026-01-21,2026-01-11\nfar,dist,far,EUR,,,,\nend,far,end,EUR,,,,\n"
    "both,dist,both-1,USD,,,2026-01-16,\nboth,east,both-2,JPY,,,,2026-01-16\n",
    "payers": f"party_id,vendor,payer_id\ndist,aws,{PAYER}\n",
    "resource_owners": "party_id,resource_id,resource_kind\n"
    + "".join(
        f"{party},{account},aws_account\n"
        for party, account in (("shop", SHOP), ("kay", KAY), ("late", LATE), ("end", FAR), ("both", BOTH))
    ),
    "price_rules": "kind,value,rule_id,agreement_id,charge_category,service,sku,account_id,tax_category,"
    "valid_from,valid_to\n"
    "markup,0.08,east,east,,,,,S,,\nmarkup,0.10,kay,kay,,,,,S,,\nfixed,0.0105,kay-s3,kay,,AmazonS3,,,S,,\n"
    f"markup,0.25,shop,shop,,,,,S,,2026-01-16\nmarkup,0.50,shop-2,shop,,,,,S,2026-01-16,\n"
    "discount,0.10,shop-ec2,shop,,AmazonEC2,,,S,,\nmarkup,0.30,shop-fees,shop,Purchase,,,,S,,\n"
    f"pass_through,,shop-books,shop,,Books,,,R,,\nfixed,2,shop-box,shop,,,BOX,,S,,\nmarkup,0,shop-own,shop,,Own,,{SHOP},S,,\n"
    "markup,0.10,late,late,,,,,S,,\nmarkup,0.10,far,far,,,,,S,,\nmarkup,0.10,both-1,both-1,,,,,S,,\n"
    "markup,0.10,both-2,both-2,,,,,S,,\n",
    "fx_rates": "period,rate,to_currency,from_currency,source\n2026-01,150.25,JPY,USD,ecb\n2026-01,149,JPY,USD,boj\n"
    "2026-01,0.00205,KWD,JPY,boj\n2026-01,1.1,USD,EUR,ecb\n",  # the inverse of what far needs
    "tax_rates": "rate,kind,tax_category,seller_country,buyer_country\n0.19,standard,S,DE,DE\n0.07,standard,R,DE,DE\n"
    ",exempt,,DE,JP\n,zero,,JP,\n",
}
BILL = (
    "bill/BillingPeriodStartDate,bill/PayerAccountId,lineItem/LineItemType,lineItem/UsageAccountId,"
    "lineItem/UsageStartDate,lineItem/ProductCode,product/sku,lineItem/UsageAmount,lineItem/CurrencyCode,"
    "lineItem/UnblendedCost,pricing/publicOnDemandCost,reservation/ReservationARN,reservation/UnusedRecurringFee,"
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,made/Up"
)
ARN = f"arn:aws:ec2:us-east-1:{SHOP}:reserved-instances/r"


def _line(
    account: str,
    day: int,
    service: str,
    sku: str,
    cost: str,
    listed: str = "",
    count: str = "1",
    kind: str = "Usage",
    arn: str = ",,",
) -> str:
    day_of = f"2026-01-{day:02d}T00:00:00Z"
    return f"2026-01-01T00:00:00Z,{PAYER},{kind},{account},{day_of},{service},{sku},{count},USD,{cost},{listed},{arn},x"


LINES = [
    _line(SHOP, 5, "AmazonEC2", "T3", "16", "20", "2"),  # 20 less 10 %
    _line(SHOP, 5, "AmazonEC2", "UNLISTED", "3.5"),  # no list price: at cost
    _line(SHOP, 5, "AmazonEC2", "T3", "20", kind="RIFee", arn=f"{ARN},1,3"),  # 4 of it unused, 30 % as a fee
    _line(SHOP, 5, "AmazonEC2", "T3", "300", kind="Fee", arn=f"{ARN},,"),  # upfront: amortised, so nothing
    _line(SHOP, 5, "AmazonEC2", "T3", "-0.5", kind="EdpDiscount"),  # an adjustment under a discount: at cost
    _line(SHOP, 5, "AmazonEC2", "T3", "-2", kind="Refund"),
    _line(SHOP, 5, "AmazonEC2", "T3", "9", kind="Tax"),  # not resold
    _line(SHOP, 5, "Books", "B", "-5", kind="Credit"),
    _line(SHOP, 6, "Books", "B", "10.07"),
    _line(SHOP, 15, "Data", "D", "10"),  # markup 25 % until the 16th, then 50 %
    _line(SHOP, 16, "Data", "D", "10"),
    _line(SHOP, 7, "Data", "BOX", "1", "9", "7"),  # a SKU's fixed price goes before the default
    _line(SHOP, 7, "Own", "BOX", "1.005", "9", "7"),  # an account's markup of nothing before the SKU's
    _line(SHOP, 7, "Tiny", "T", "0.000000000000000001"),
    _line(KAY, 2, "AmazonEC2", "T3", "88.00", "100", "10"),
    _line(KAY, 2, "AmazonS3", "S", "3", "4", "123"),
    _line(LATE, 10, "Data", "D", "1"),
    _line(LATE, 11, "Data", "D", "2"),
    _line(LATE, 20, "Data", "D", "4"),
    _line(LATE, 21, "Data", "D", "8"),
    _line(FAR, 2, "Data", "D", "16"),
    _line(BOTH, 15, "Data", "D", "10"),
    _line(BOTH, 16, "Data", "D", "10"),
]
RATED = {
    ("shop", "AmazonEC2/T3/Usage"): "18.00",
    ("shop", "AmazonEC2/UNLISTED/Usage"): "3.5",
    ("shop", "AmazonEC2/T3/Purchase"): "5.20",
    ("shop", "AmazonEC2/T3/Adjustment"): "-0.5",
    ("shop", "AmazonEC2/T3/Credit"): "-2",
    ("shop", "Books/B/Credit"): "-5",
    ("shop", "Books/B/Usage"): "10.07",
    ("shop", "Data/D/Usage"): "27.50",
    ("shop", "Data/BOX/Usage"): "14",
    ("shop", "Own/BOX/Usage"): "1.005",
    ("shop", "Tiny/T/Usage"): "0",
    ("east", "AmazonEC2/T3/Usage"): "14279.76",  # 88 x 1.08 x 150.25
    ("east", "AmazonS3/S/Usage"): "486.81",
    ("east", "Data/D/Usage"): "1622.70",
    ("kay", "AmazonEC2/T3/Usage"): "31.415472",  # 14,279.76 x 1.1 x 0.002, the agreement's rate
    ("kay", "AmazonS3/S/Usage"): "1.2915",  # 123 x 0.0105
    ("late", "Data/D/Usage"): "6.60",
    ("both-1", "Data/D/Usage"): "11",
    ("both-2", "Data/D/Usage"): "1784.97",
}
INVOICES = {  # net, tax, total
    # S: 18 + 3.5 + 5.2 - 0.5 - 2 + 27.5 + 14 + 1.01 = 66.71 at 19 % is 12.67; R: 10.07 - 5 = 5.07 at 7 % is 0.35.
    "shop": ("71.78", "13.02", "84.80"),
    "late": ("6.60", "1.25", "7.85"),
    "both": ("11.00", "2.09", "13.09"),
    "east": ("16389", "0", "16389"),  # 14,280 + 487 + 1,623 = 16,390, but 16,389.27
    "kay": ("32.707", "0", "32.707"),
}


@pytest.mark.slow
def test_a_chain_delivered_by_an_outsider_is_priced_taxed_and_held_as_on_the_money_page(
    tmp_path: Path, main_job: MainJob
) -> None:
    """Fails when a rule, rate, tax or date of sections 3, 8 and 9 gives another amount, or a cost is lost."""
    world = World(tmp_path)
    for table, rows in CATALOG.items():
        world.file(f"catalog/2026-01-01/{table}.csv", "\ufeff" + rows.replace("\n", "\r\n"))
    bill = "\ufeff" + "\r\n".join([BILL, *LINES]) + "\r\n"
    world.complete_by_hand("aws_cur", PAYER, "2026-01", {"bill.csv.gz": gzip.compress(bill.encode(), mtime=0)}, "copy")
    marts = main_job(world.inbox, ["2026-01"], now="2026-02-03T00:00:00Z")

    rated = marts.execute(
        "select agreement_id, split_part(charge_key, '/', 3) || '/' || split_part(charge_key, '/', 4) || '/'"
        " || split_part(charge_key, '/', 5), sum(amount) from fct_rated_charges where not is_vendor_edge group by all"
    ).fetchall()
    assert {(agreement, key): amount for agreement, key, amount in rated} == {
        place: Decimal(amount) for place, amount in RATED.items()
    }
    invoices = marts.execute(
        "select buyer_id, currency, net_amount, tax_amount, total_amount from fct_invoices"
    ).fetchall()
    expected = {(buyer, *map(Decimal, amounts)) for buyer, amounts in INVOICES.items()}
    expected.add(("both", Decimal(1785), Decimal(0), Decimal(1785)))  # east's, in yen
    assert {(buyer, *amounts) for buyer, _, *amounts in invoices} == expected
    categories = marts.execute(
        "select distinct split_part(charge_key, '/', 3), tax_category from fct_invoice_lines"
        " where buyer_id = 'shop' and charge_key like '%/Credit' order by all"
    ).fetchall()
    assert categories == [("AmazonEC2", "S"), ("Books", "R")], "what is given back is taxed as what it was"
    unrated = marts.execute(
        "select reason, resource_id, amount, currency from fct_unrated_usage where holds_close order by all"
    ).fetchall()
    assert unrated == [
        ("missing_fx_rate", FAR, Decimal(16), "USD"),
        ("no_agreement", LATE, Decimal(9), "USD"),
    ]
    assert marts.execute("select count(*) from fct_reconciliation where unexplained <> 0").fetchone() == (0,)
    # Sold for 71.775 + 6.60 + 11, bought for 48.075 + 6 + 10 without the tax that is not resold.
    assert marts.execute(
        "select currency, sum(margin) from fct_margin where agreement_id in ('shop', 'late', 'both-1') group by all"
    ).fetchall() == [("USD", Decimal("25.30"))]
