"""What a process costs, and how costs and goals are printed. A busy machine changes wall more than CPU seconds."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, user + system, with children
    peak: float  # GB, the largest process


@dataclass(frozen=True, slots=True)
class Goal:
    what: str
    asked: str
    measured: str
    met: bool
    at_its_size: bool = True  # a goal for ten million lines says nothing of one million


# A process inherits the peak of the one that started it, here one that has written a bill; so a small one starts it.
LAUNCHER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)  # of this child and those it waited for alone
process.returncode = os.waitstatus_to_exitcode(status)
cost = [time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6]
with open(sys.argv[1], "w") as file:
    json.dump(cost, file)
sys.exit(process.returncode != 0)
"""


def measured(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Runs a command to its end; where it fails prints what it said and raises CalledProcessError."""
    return _launched(command, environment)[0]


def told(command: Sequence[str], environment: dict[str, str]) -> tuple[Cost, dict[str, float]]:
    """Runs a command whose last line is JSON of what it measured of itself, {"wall": s, "cpu": s, ...}."""
    whole, said = _launched(command, environment)
    itself = json.loads(said.splitlines()[-1])
    return Cost(itself["wall"], itself["cpu"], whole.peak), itself


def _launched(command: Sequence[str], environment: dict[str, str]) -> tuple[Cost, str]:
    with tempfile.NamedTemporaryFile("r") as cost:
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, cost.name, *command]
        done = subprocess.run(launcher, env=os.environ | environment, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-4000:], file=sys.stderr)
            raise subprocess.CalledProcessError(done.returncode, command)
        return Cost(*json.load(cost)), done.stdout


def median(costs: Sequence[Cost]) -> Cost:
    """Medians of each figure by itself; the peak is the highest."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
    )


def spread(costs: Sequence[Cost]) -> str:
    """The noise: how far the CPU seconds of the repeats lie apart, as a share of their median."""
    seconds = [cost.cpu for cost in costs]
    return f"{(max(seconds) - min(seconds)) / statistics.median(seconds):.0%}" if len(seconds) > 1 else "-"


def times(one: Cost, other: Cost) -> str:
    """How many times another cost it is: wall, which the goals are about, and CPU, which other load changes less."""
    return f"{one.wall / other.wall:.2f} x (CPU {one.cpu / other.cpu:.2f} x)"


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """b of seconds = a * size^b, by least squares over the logarithms."""
    return statistics.linear_regression([math.log(size) for size in sizes], [math.log(each) for each in seconds]).slope


def per_million(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Seconds per further million, by least squares."""
    return statistics.linear_regression([size / 1e6 for size in sizes], seconds).slope


def print_costs(rows: Sequence[tuple[str, Sequence[Cost]]], per: Cost | None = None, called: str = "") -> None:
    """One line per way; where `per` is given, how many times its CPU and wall that is."""
    print(
        f"{'':<44}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}{'noise':>7}"
        + (f"{f'CPU / {called}':>18}{'wall':>7}" if per else "")
    )
    for name, costs in rows:
        cost = median(costs)
        ratio = f"{cost.cpu / per.cpu:>18.2f}{cost.wall / per.wall:>7.2f}" if per else ""
        print(f"{name:<44}{cost.wall:>9.2f}{cost.cpu:>9.2f}{cost.peak:>9.2f}{spread(costs):>7}{ratio}", flush=True)


def print_goals(goals: Sequence[Goal]) -> None:
    print(f"\n{'goal':<50}{'asked':<26}{'measured':<34}met")
    for goal in goals:
        verdict = ("yes" if goal.met else "NO") if goal.at_its_size else "for another size"
        print(f"{goal.what:<50}{goal.asked:<26}{goal.measured:<34}{verdict}")
