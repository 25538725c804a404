"""Release documents built from plain data, as a round would publish them.

Bands here come from a plain count rule, not from the protocol's policy: what is tested is the
reader of a release, not the round that made it.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import random
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

Member = tuple[int, int, int]  # output (money), emissions (kgCO2), electricity (kWh)
Document = dict[str, Any]

REGION_A = Path(__file__).parents[2] / "examples" / "region_a" / "region_a.csv"
DOMINATED = (
    "one enterprise dominates {}: beside the two largest, the others may add up to less than 10 % "
    "of the largest"
)
CUTS = ("0.1", "0.25", "0.5", "0.75", "0.9")
CEF = {"unit": "yuan/tCO2", "numerator": "output", "denominator": "emissions", "scale": "1000"}


def rounded(value: Fraction) -> str:
    """20 significant digits, half to even, a plain decimal."""
    context = Context(prec=20, rounding=ROUND_HALF_EVEN)
    return format(context.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def members_of(path: Path) -> list[Member]:
    """The rows of a file with Region A's columns, as whole yuan, kgCO2 and kWh."""
    with path.open(encoding="utf-8") as rows:
        return [
            (
                round(Fraction(row["output_yuan"])),
                round(Fraction(row["emissions_tco2"]) * 1000),
                round(Fraction(row["electricity_mwh"]) * 1000),
            )
            for row in csv.DictReader(rows)
        ]


def synthetic_members(count: int, seed: int, spread: float = 1.1) -> list[Member]:
    """Enterprises with log-normal size and efficiency."""
    rng = random.Random(seed)
    members = []
    for _ in range(count):
        emissions = max(1, round(rng.lognormvariate(13, 1.2)))
        output = max(1, round(emissions * rng.lognormvariate(3, spread)))
        members.append((output, emissions, max(1, round(emissions * rng.uniform(1.0, 1.42)))))
    return members


def grouped(ordered: Sequence[Member], least: int) -> list[list[Member]]:
    """Consecutive groups of at least `least` members; the rest joins the last."""
    groups = [list(ordered[i : i + least]) for i in range(0, len(ordered), least)]
    if len(groups) > 1 and len(groups[-1]) < least:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def document(
    members: Sequence[Member],
    *,
    cohort: str = "region-a",
    title: str = "Region A, 72 enterprises",
    least: int = 6,
) -> Document:
    """The release document of a published cohort."""
    n = len(members)
    groups = grouped(sorted(members, key=lambda m: Fraction(m[0], m[1])), least)
    edges = [_edge(a[-1], b[0]) for a, b in itertools.pairwise(groups)]
    bands: list[Document] = [
        {
            "n": len(group),
            "lower": rounded(edges[i - 1]) if i else None,
            "upper": rounded(edges[i]) if i < len(edges) else None,
            "measures": _sums(group, ("output", "emissions")),
            "indicators": {"cef": {"unit": "yuan/tCO2", "value": rounded(_cef(group))}},
        }
        for i, group in enumerate(groups)
    ]
    cumulative = [sum(band["n"] for band in bands[:i]) for i in range(1, len(bands))]
    best = groups[-2:] if len(groups) > 12 else groups[-1:]
    return {
        "cohort": cohort,
        "title": title,
        "period": "2020",
        "round_id": f"{cohort}-2020",
        "plan_hash": hashlib.sha256(cohort.encode()).hexdigest(),
        "n": n,
        "withheld": None,
        "definitions": {"scope": "Scope 1 and 2", "factor_set": "cn-national-2020"},
        "policy": {"minimum_cohort": 5, "dominance_percent": 10},
        "measures": _sums(members, ("output", "emissions", "electricity")),
        "withheld_measures": {},
        "indicators": {
            "cef": {**CEF, "value": rounded(_cef(members)), "direction": "higher"},
            "energy_intensity": {
                "unit": "kgce/1e4 yuan",
                "value": rounded(Fraction(sum(m[2] for m in members) * 1229, _output(members))),
                "numerator": "electricity",
                "denominator": "output",
                "scale": "1229",
                "direction": "lower",
            },
            "cei": {
                "unit": "tCO2/MWh",
                "value": rounded(Fraction(sum(m[1] for m in members), sum(m[2] for m in members))),
                "numerator": "emissions",
                "denominator": "electricity",
                "scale": "1",
                "direction": "lower",
            },
        },
        "bands": bands,
        "ranking": "cef",
        "rankings": {
            "cef": {
                "direction": "higher",
                "unit": "yuan/tCO2",
                "bands": [{k: band[k] for k in ("n", "lower", "upper")} for band in bands],
                "cut_points": _cuts(edges, cumulative, n),
            },
            "energy_intensity": _second_ranking(members, least),
        },
        "best_decile": {
            "indicator": "cef",
            "target_share": "1/10",
            "share": f"{sum(map(len, best))}/{n}",
            "n": sum(map(len, best)),
            "value": rounded(_cef([m for group in best for m in group])),
            "unit": "yuan/tCO2",
            "bands": list(range(len(groups) - len(best) + 1, len(groups) + 1)),
        },
        "curve": [],
    }


def withheld(cohort: str, title: str, reason: str, n: int | None = None) -> Document:
    """The release document of a cohort that is withheld."""
    return {
        "cohort": cohort,
        "title": title,
        "period": "2020",
        "round_id": f"{cohort}-2020",
        "n": n,
        "withheld": reason,
        "measures": {},
        "indicators": {},
        "bands": [],
    }


def region_a(least: int = 6) -> Document:
    """Region A where its file is there, otherwise 72 invented enterprises."""
    members = members_of(REGION_A) if REGION_A.exists() else synthetic_members(72, 1)
    return document(members, least=least)


def twenty_cohorts() -> list[Document]:
    """Eighteen cohorts of several sizes and two that are withheld."""
    documents = []
    for code in range(20, 38):
        size = 9 + (code * 37) % 190
        one = document(
            synthetic_members(size, code),
            cohort=f"sector-{code}",
            title=f"Sector {code}",
            least=5 + size // 40,
        )
        if code % 7 == 0:
            one["best_decile"] = None
            one["rankings"]["cef"]["cut_points"] = one["rankings"]["cef"]["cut_points"][1:4]
            one["rankings"]["energy_intensity"] = {"withheld": "fewer than 5 enterprises in a band"}
        if code % 9 == 0:
            del one["measures"]["electricity"]
            one["withheld_measures"] = {"electricity": DOMINATED.format("other_emissions")}
            one["indicators"]["cei"]["value"] = None
            one["indicators"]["energy_intensity"]["value"] = None
        documents.append(one)
    documents.append(withheld("sector-38", "Sector 38", "fewer than 5 enterprises"))
    reason = "even as one band: " + DOMINATED.format("sales")
    documents.append(withheld("sector-39", "Sector 39", reason, 8))
    return documents


def _output(members: Sequence[Member]) -> int:
    return sum(m[0] for m in members)


def _cef(members: Sequence[Member]) -> Fraction:
    return Fraction(1000 * _output(members), sum(m[1] for m in members))


def _edge(below: Member, above: Member) -> Fraction:
    middle = (Fraction(below[0], below[1]) + Fraction(above[0], above[1])) / 2 * 1000
    return Fraction(round(middle * 100), 100)


def _sums(members: Sequence[Member], names: Sequence[str]) -> dict[str, dict[str, str]]:
    units = {"output": "yuan", "emissions": "kgCO2", "electricity": "kWh"}
    places = {"output": 0, "emissions": 1, "electricity": 2}
    return {
        name: {"unit": units[name], "value": str(sum(m[places[name]] for m in members))}
        for name in names
    }


def _cuts(edges: Sequence[Fraction], cumulative: Sequence[int], n: int) -> list[dict[str, str]]:
    points = []
    for target in CUTS if edges else ():
        at = min(range(len(edges)), key=lambda i: abs(cumulative[i] - n * Fraction(target)))
        points.append(
            {"target": target, "share": f"{cumulative[at]}/{n}", "value": rounded(edges[at])}
        )
    return points


def _second_ranking(members: Sequence[Member], least: int) -> Document:
    values = sorted(Fraction(m[2] * 1229, m[0]) for m in members)
    ends = list(range(2 * least, len(values) - least, 2 * least))
    edges = [(values[i - 1] + values[i]) / 2 for i in ends]
    counts = [b - a for a, b in zip([0, *ends], [*ends, len(values)], strict=True)]
    bands = [
        {
            "n": count,
            "lower": rounded(edges[i - 1]) if i else None,
            "upper": rounded(edges[i]) if i < len(edges) else None,
        }
        for i, count in enumerate(counts)
    ]
    return {
        "direction": "lower",
        "unit": "kgce/1e4 yuan",
        "bands": bands,
        "cut_points": _cuts(edges, ends, len(values)),
    }
