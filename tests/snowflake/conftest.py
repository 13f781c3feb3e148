"""The emulated Snowflake, served on loopback for the session, and the environment that points the house at it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-snowflake" / "bin" / "python"


@pytest.fixture(scope="session")
def snowflake_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Variables that make a command of the house run on the emulator, which is empty at first."""
    assert PYTHON.exists(), "the emulator's environment is missing: `make test-snowflake` makes it"
    log = (tmp_path_factory.mktemp("emulator") / "log").open("w", encoding="utf-8")
    with socket.socket() as bound:  # nobody else gets the port before the emulator listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        command = [str(PYTHON), str(Path(__file__).with_name("emulator.py")), str(bound.fileno())]
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, pass_fds=[bound.fileno()]
        )
    try:
        _wait_for(server, port, Path(log.name))
        yield {
            "METERHOUSE_TARGET": "snowflake",
            "SNOWFLAKE_ACCOUNT": "fakesnow",
            "SNOWFLAKE_USER": "tester",
            "SNOWFLAKE_PASSWORD": "any",
            "SNOWFLAKE_DATABASE": "BILLING",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_CONNECT_RETRIES": "0",
            "METERHOUSE_THREADS": "1",  # the emulator answers one statement at a time
        }
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path, patience: float = 120.0) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text("utf-8")[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the emulator did not answer within {patience:g} seconds")
