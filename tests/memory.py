"""How much memory a process has held, for the programs that tests start to find out."""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """Bytes this process held at most. Not ru_maxrss: that one remembers the process which was forked, and so the test
    that made a large file."""
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
