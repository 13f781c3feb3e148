"""The peer Spark, `local[2]`: the text of by_hand/totals.sql over the landed Parquet, in an environment of its own.

`.venv-spark/bin/python tests/bench/spark.py OUT SQL CATALOG FILE...`; imports nothing of the house, which is not there.
"""

import csv
import sys
from pathlib import Path

CATALOG_TABLES = ("resource_owners", "agreements", "subscriptions", "charge_prices")


def main() -> None:
    from pyspark.sql import SparkSession

    out, sql, catalog, *files = sys.argv[1:]
    settings = {
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.read.parquet(*files).createOrReplaceTempView("lines")
    for table in CATALOG_TABLES:
        session.read.csv(f"{catalog}/{table}.csv", header=True).createOrReplaceTempView(table)
    rows = session.sql(Path(sql).read_text("utf-8")).collect()
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()  # what Java took is counted with this process only once it has ended
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["agreement_id", "net_amount"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
