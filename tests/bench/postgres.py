"""The peer PostgreSQL: a cluster of its own in a temporary folder, reached by a socket there, not by a port.

`python -m tests.bench.postgres load|totals FOLDER OUT CATALOG`. Each starts the server, works, and stops it, so that
what the process has cost is the server's cost too. The bill comes by COPY from FOLDER/lines.csv, whose columns are
those the totals need; writing that file is not the peer's work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.floor import BY_HAND, CATALOG_TABLES

USER = "bench"
TEXTS = ["line_item_usage_account_id", "line_item_product_code", "product_sku", "line_item_line_item_type"]
AMOUNTS = ["line_item_unblended_cost", "reservation_effective_cost", "savings_plan_savings_plan_effective_cost"]
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "max_parallel_workers_per_gather": "2",
    "jit": "off",
}


def missing() -> str:
    """Why PostgreSQL cannot be measured here; empty where it can."""
    tools = [name for name in ("initdb", "postgres", "psql") if shutil.which(name) is None]
    return f"no {', '.join(tools)} on the path" if tools else ""


def prepare(folder: Path, files: Iterable[str]) -> None:
    """A cluster, and the bill's columns as CSV; the server refuses root, so it is `nobody` where this is root."""
    import duckdb

    folder.mkdir()
    columns = ", ".join(TEXTS + AMOUNTS)
    query = f"select {columns} from read_parquet($files)"
    duckdb.execute(f"copy ({query}) to '{folder / 'lines.csv'}' (format csv, header)", {"files": list(files)})
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        for above in (folder, *folder.parents):  # temporary folders are closed to others
            if above == Path("/tmp") or above == above.parent:
                break
            above.chmod(above.stat().st_mode | 0o011)
        folder.chmod(0o777)
        shutil.chown(data, "nobody")
    command = [
        "initdb",
        "--pgdata",
        str(data),
        "--username",
        USER,
        "--auth",
        "trust",
        "--no-sync",
        "--encoding",
        "UTF8",
    ]
    subprocess.run(_unprivileged([*command, "--locale", "C"]), check=True, capture_output=True)


def _unprivileged(command: list[str]) -> list[str]:
    if os.geteuid():
        return command
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]


@contextmanager
def _served(folder: Path) -> Iterator[None]:
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    program = shutil.which("postgres")
    command = [str(program), "-D", str(folder / "data"), "-k", str(folder), *settings]
    with (folder / "log").open("a") as log:
        server = subprocess.Popen(_unprivileged(command), stdout=log, stderr=log, cwd=folder)
    try:
        until = time.monotonic() + 60
        while _psql(folder, "select 1", check=False).returncode:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(timeout=120)


def _psql(folder: Path, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(folder), "-U", USER, "-d", "postgres"]
    done = subprocess.run(command, input=script, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done


def load(folder: Path, catalog: Path) -> None:
    columns = [f"{name} text" for name in TEXTS] + [f"{name} numeric(38, 18)" for name in AMOUNTS]
    script = [
        "drop table if exists lines;",
        f"create table lines ({', '.join(columns)});",
        f"\\copy lines from '{folder / 'lines.csv'}' (format csv, header)",
        "analyze lines;",
    ]
    for table in CATALOG_TABLES:
        header = (catalog / f"{table}.csv").read_text("utf-8").splitlines()[0]
        script += [
            f"drop table if exists {table};",
            f"create table {table} ({', '.join(f'{name} text' for name in header.split(','))});",
            f"\\copy {table} from '{catalog / f'{table}.csv'}' (format csv, header)",
        ]
    _psql(folder, "\n".join(script))


def totals(folder: Path, out: Path) -> None:
    query = (BY_HAND / "totals.sql").read_text("utf-8")
    _psql(folder, f"create temp table totals as {query};\n\\copy totals to '{out}' (format csv, header)")


def main() -> None:
    what, folder, out, catalog = sys.argv[1], *map(Path, sys.argv[2:])
    with _served(folder):
        if what == "load":
            load(folder, catalog)
        else:
            totals(folder, out)


if __name__ == "__main__":
    main()
