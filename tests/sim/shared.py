"""Runs of the whole system with the frozen key, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests import keys

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PLANTS = EXAMPLES / "us_plants"


@dataclass(frozen=True)
class Outcome:
    """A finished command."""

    code: int
    stdout: str
    stderr: str


def cefed(*arguments: object) -> Outcome:
    """Run ``python -m cefed`` from the source tree."""
    done = subprocess.run(
        [sys.executable, "-m", "cefed", *(str(argument) for argument in arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def frozen_primes(folder: Path) -> Path:
    """The test key's primes as the file that the simulation reads."""
    p, q = keys.test_primes()
    path = folder / "primes.json"
    path.write_text(json.dumps({"p": format(p, "x"), "q": format(q, "x")}))
    return path


def read_json(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def node_integers(out: Path, enterprise: str) -> tuple[dict[str, int], str | None]:
    """What a simulated node says about itself, and why it was excluded."""
    document = read_json(out / "nodes" / enterprise / "measures.json")
    values = {name: int(item["value"]) for name, item in document["measures"].items()}
    return values, document["excluded"]


def twenty_digits(value: Fraction) -> Fraction:
    """``value`` at twenty significant digits, half to even, by whole numbers only."""
    exponent = 0
    while value >= 10 ** (exponent + 1):
        exponent += 1
    while value < Fraction(10) ** exponent:
        exponent -= 1
    unit = Fraction(10) ** (exponent - 19)
    floor, rest = divmod(value, unit)
    up = rest * 2 > unit or (rest * 2 == unit and floor % 2 == 1)
    return (floor + up) * unit


def check_against(document: dict[str, Any], members: list[dict[str, int]]) -> None:
    """Every published sum and ratio equals what the plain integers give."""
    assert document["n"] == len(members)
    for name, item in document["measures"].items():
        assert int(item["value"]) == sum(member[name] for member in members)
    for item in document["indicators"].values():
        needed = {item["numerator"], item["denominator"]}
        if needed & document["withheld_measures"].keys():
            assert item["value"] is None
            continue
        top = sum(member[item["numerator"]] for member in members)
        bottom = sum(member[item["denominator"]] for member in members)
        expected = twenty_digits(Fraction(item["scale"]) * top / bottom)
        assert Fraction(item["value"]) == expected
    for band in document["bands"]:
        check_band(document, band, members)
    assert sum(band["n"] for band in document["bands"]) == len(members)


def check_band(
    document: dict[str, Any], band: dict[str, Any], members: list[dict[str, int]]
) -> None:
    """One band: its count, sums and ratio are those of the members inside its edges."""
    ranked = document["indicators"][document["ranking"]]
    scale = Fraction(ranked["scale"])
    low = Fraction(band["lower"]) if band["lower"] is not None else Fraction(-1)
    high = Fraction(band["upper"]) if band["upper"] is not None else None
    inside = [
        member
        for member in members
        if low <= scale * member[ranked["numerator"]] / member[ranked["denominator"]]
        and (
            high is None
            or scale * member[ranked["numerator"]] / member[ranked["denominator"]] < high
        )
    ]
    assert len(inside) == band["n"]
    for name, item in band["measures"].items():
        assert int(item["value"]) == sum(member[name] for member in inside)
    top, bottom = (
        sum(member[ranked[side]] for member in inside) for side in ("numerator", "denominator")
    )
    ratio = Fraction(band["indicators"][document["ranking"]]["value"])
    assert ratio == twenty_digits(scale * top / bottom)
