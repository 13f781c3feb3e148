"""Reads the Google commitment-attribution cases: usage, commitments and credits of projects, and the published answer.

Their rule, in units of usage (one unit costs one dollar in all of them): a commitment first covers the projects of its
scope in proportion to their use. Committed-use credits follow that cover; what is left of them goes by use not yet
covered. Sustained-use credits go by cost that is left. The fee is shared by the commitments' amounts, in proportion to
use within each scope; in the cases named `_b` it follows the cover instead, what nobody used staying with the scope.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

Weights = dict[str, Fraction]
KINDS = {"Committed": "cud", "Sustained": "sud"}  # first word of a credit's name


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    usage: Weights
    fee_project: str
    fee: Fraction
    credits: dict[tuple[str, str], Fraction]  # by project and kind, as Google granted them; negative
    weights: dict[str, Weights]  # of fee, cud and sud over projects
    answer: Weights  # each project's published cost after attribution


def read(folder: Path) -> Case:
    """One case; KeyError or ValueError where its files say something the rule above does not know."""
    lines = _objects(folder / "export.json")
    used: Weights = defaultdict(Fraction)
    credited: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    ancestry: dict[str, str] = defaultdict(str)
    fees = []
    for line in lines:
        project = line["project"]["id"]
        if "commitment" in line["sku"]["description"].lower():
            fees.append((project, Fraction(line["cost"])))
            continue
        ancestry[project] += line["project"].get("ancestry_numbers") or ""
        used[project] += Fraction(line["cost"])
        for credit in line.get("credits") or []:
            credited[project, KINDS[credit["name"].split()[0]]] += Fraction(credit["amount"])
    [(fee_project, fee)] = fees
    scopes = [
        (Fraction(one["commitments_amount"]), _scope(one, ancestry))
        for one in _objects(folder / "commitments.json")
        if one["commit_start_date"] <= lines[0]["usage_start_time"][:10] <= one["commit_end_date"]
    ]
    answer: Weights = defaultdict(Fraction)
    for line in _objects(folder / "expected_billingexport_output.json"):
        granted = sum((Fraction(credit["amount"]) for credit in line["credits"]), Fraction(0))
        answer[line["project_id"]] += Fraction(line["cost"]) + granted
    weights = _weights(used, scopes, fee, credited, follows_cover=folder.name.endswith("_b"))
    return Case(folder.name, dict(used), fee_project, fee, dict(credited), weights, dict(answer))


def _weights(
    used: Weights, scopes: list[tuple[Fraction, set[str]]], fee: Fraction, credited: dict[tuple[str, str], Fraction],
    *, follows_cover: bool,
) -> dict[str, Weights]:  # fmt: skip
    covered: Weights = defaultdict(Fraction)
    bought: Weights = defaultdict(Fraction)
    for amount, projects in scopes:
        total = sum(used[project] for project in projects)
        for project in projects & used.keys() if total else ():
            covered[project] += min(amount, total) * used[project] / total
            bought[project] += amount * used[project] / total
    granted = {kind: -sum(amount for (_, one), amount in credited.items() if one == kind) for kind in ("cud", "sud")}
    cud = _then_the_rest(covered, used, Fraction(granted["cud"]))
    fees = bought
    if follows_cover:
        fees = _then_the_rest(covered, used, fee)
        nobodys = fee - sum(fees.values())
        fees = {project: part + nobodys * bought[project] / sum(bought.values()) for project, part in fees.items()}
    left = {project: used[project] - cud[project] for project in used}
    return {"fee": fees, "cud": cud, "sud": left}


def _then_the_rest(covered: Weights, used: Weights, total: Fraction) -> Weights:
    """`total` by cover, and beyond it by use not yet covered, to the use there is."""
    cover = sum(covered.values())
    if total <= cover:
        return {project: total * covered[project] / cover if cover else Fraction(0) for project in used}
    rest = {project: used[project] - covered[project] for project in used}
    share = min(Fraction(1), (total - cover) / sum(rest.values())) if sum(rest.values()) else Fraction(0)
    return {project: covered[project] + share * rest[project] for project in used}


def _scope(commitment: dict[str, Any], ancestry: dict[str, str]) -> set[str]:
    projects = {name.strip() for name in (commitment.get("project_ids") or "").split(",")}
    folders = {name.strip() for name in (commitment.get("folder_ids") or "").split(",")}
    below = {project for project, path in ancestry.items() if folders & set(path.split("/")) - {""}}
    return (projects | below) & ancestry.keys()


def _objects(path: Path) -> list[dict[str, Any]]:
    """A JSON array, or objects one after another."""
    text, found, at = path.read_text("utf-8").strip(), [], 0
    decoder = json.JSONDecoder()
    while at < len(text):
        one, at = decoder.raw_decode(text, at)
        found += one if isinstance(one, list) else [one]
        while at < len(text) and text[at] in ", \r\n\t":
            at += 1
    return found
