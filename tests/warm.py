"""Commands in processes of their own that find Dagster, dbt and Great Expectations imported: 9 CPU-s of every run.

A server imports these libraries once, and nothing of the house, and forks for each command. What is forked has the
command's own environment, folder, output, limits and signals, and imports the house itself. It shares with its like
what the libraries hold once they are imported, and the order of sets; so `first_run`, with which the marts of warm
runs are compared, is a cold start.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARIES = ("dagster", "dagster_dbt", "dbt.cli.main", "great_expectations", "great_expectations.expectations")
# Console scripts of the environment, as pip writes them: name -> module and function.
SCRIPTS = {
    "meterhouse": ("orchestration.cli", "main"),
    "dbt": ("dbt.cli.main", "cli"),
    "issue_job": ("tests.invoicing.issue_job", "main"),  # no script of the environment
}
LARGEST = 1 << 17  # bytes of a request, an environment above all
DIGITS = 12  # of a pid and of how a process ended, each told at this width


class Command:
    """A command that was begun: what `subprocess.Popen` offers, as far as the tests use it."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], cwd: Path, largest_file: int = 0) -> None:
        self.args = list(words)
        self.returncode: int | None = None
        self._said = os.memfd_create("out"), os.memfd_create("err")
        self._status, status = os.pipe()
        request = {"words": self.args, "env": dict(env), "cwd": str(cwd), "largest_file": largest_file}
        socket.send_fds(_door(), [json.dumps(request).encode()], [*self._said, status])
        os.close(status)
        self.pid = int(os.read(self._status, DIGITS))

    def poll(self) -> int | None:
        return self._ended(0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to output and errors, once it has ended."""
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._written(0), self._written(1)

    def _written(self, which: int) -> str:
        with open(self._said[which], "rb", closefd=False) as file:
            file.seek(0)
            return file.read().decode()

    def __del__(self) -> None:
        for file in self._said:
            os.close(file)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            told = os.read(self._status, DIGITS)
            os.close(self._status)
            assert told, f"{self.args}: the server of warm commands has ended"
            self.returncode = os.waitstatus_to_exitcode(int(told))
        return self.returncode


def ended(
    words: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; the caller judges the return code."""
    command = Command(words, env, cwd)
    out, err = command.communicate(timeout)
    assert command.returncode is not None
    return subprocess.CompletedProcess(command.args, command.returncode, out, err)


_doors: list[socket.socket] = []


def _door() -> socket.socket:
    """Where this process asks its server, which is begun with the first command."""
    if not _doors:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("METERHOUSE_", "DAGSTER_"))}
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],  # -P: what lies beside this file is no library
            env=own | {"GX_ANALYTICS_ENABLED": "False"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        _doors.append(ours)
        atexit.register(_close, server)
    return _doors[0]


def _close(server: subprocess.Popen[bytes]) -> None:
    _doors.pop().close()
    with suppress(subprocess.TimeoutExpired):  # a test that failed has left a command behind
        server.wait(60)


# -- the server, in a process of its own -----------------------------------------------------------------------------


def serve(door: socket.socket) -> dict[str, Any] | None:
    """Forks for each request; returns it in the process that is to become the command, and None at the end."""
    while True:
        message, files, *_ = socket.recv_fds(door, LARGEST, 3)
        while _reaped(0 if not message else os.WNOHANG):
            pass
        if not message:
            return None
        if os.fork() == 0:
            door.close()
            return _followed(json.loads(message), *files)
        for file in files:
            os.close(file)


def _reaped(how: int) -> bool:
    """Whether a forked process was waited for."""
    try:
        return os.waitpid(-1, how)[0] != 0
    except ChildProcessError:
        return False


def _followed(request: dict[str, Any], out: int, err: int, status: int) -> dict[str, Any]:
    """Forks once more: one waits for the other, tells its pid and how it ended, and the other goes on."""
    if pid := os.fork():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(status, f"{pid:{DIGITS}d}".encode())
        os.write(status, f"{os.waitpid(pid, 0)[1]:{DIGITS}d}".encode())
        os._exit(0)
    os.close(status)
    for file, number in ((out, 1), (err, 2)):
        os.dup2(file, number)
        os.close(file)
    return request


def become(request: dict[str, Any]) -> Any:
    """Takes over the command's environment and folder; returns what its console script calls."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    if request["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"],) * 2)
    script, *arguments = request["words"]
    sys.argv = [str(Path(sys.executable).with_name(script)), *arguments]
    sys.path[:0] = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    module, function = SCRIPTS[script]
    return getattr(import_module(module), function)


if __name__ == "__main__":
    gc.disable()
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()
    gc.enable()
    if request := serve(socket.socket(fileno=int(sys.argv[1]))):
        sys.exit(become(request)())
