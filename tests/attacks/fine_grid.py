"""What trustees would see if a fine grid of counts were opened at once: almost everybody, alone.

An earlier draft opened, in one step, how many members are in each bin and each quarter of an octave
of each measure. Most enterprises of Region A are alone in such a cell: a trustee that knows a
little of one (its output within a fifth) finds its cell, and with it the bin of its carbon
efficiency. What stops it: openings go in steps. Counts by bin are opened without classes, classes
only for tentative bands of at least k members, in whole octaves, each measure apart.

Removed by ``--weakened``: the steps, and the octaves. What remains by default is printed too: who
is alone in a class of a band of at least k can be placed in that band by a trustee that knows its
size. It shows the band, which a claim or a release may show too, and no bin.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from protocols.bands import BinRange, tentative_bands
from protocols.bins import bin_of, log_edges
from protocols.encoding import size_class
from protocols.plan import Policy
from protocols.profiles import PROFILES
from tests.attacks.result import Result, main

RECORDS = Path(__file__).resolve().parents[2] / "examples" / "region_a" / "region_a.csv"
BINS = 64
PER_OCTAVE = 4

HIDDEN = (-1, -1)
"""The cell of everybody whose bin is not shown."""


def run(weakened: bool) -> Result:
    """Whether most of Region A is alone in an opened cell that shows the bin; in percent."""
    members = region_a()
    fine = [
        [(m.bin, quarter_octave(m.output)) for m in members],
        [(m.bin, quarter_octave(m.emissions)) for m in members],
    ]
    bands, coarse = opened(members, Policy())
    # What the steps open of a single bin: only a band of one filled bin shows its members' bin.
    bins = [member.bin for member in members]
    narrow = {i for i, band in enumerate(bands) if filled(band, bins) == 1}
    shown = [[cell if cell[0] in narrow else HIDDEN for cell in grid] for grid in coarse]
    figures = {"the grid": alone(*fine)}
    for name, policy in PROFILES.items():
        figures[f"a band's classes, profile {name}"] = alone(*opened(members, policy)[1])
    return Result(
        had="a place among the trustees, and rough knowledge of everybody's figures",
        did=f"looked for enterprises that are alone in a cell of {BINS} bins and fine classes",
        planted=92,
        gained=round(alone(*(fine if weakened else shown))),
        stopped_by=()
        if weakened
        else (f"classes are opened for {len(bands)} bands of at least {smallest(bands)} only",),
        removed="opening in steps, in whole octaves" if weakened else "",
        figures={f"alone in {where}, %": round(share, 1) for where, share in figures.items()},
    )


def opened(
    members: Sequence[Member], policy: Policy
) -> tuple[tuple[BinRange, ...], list[list[tuple[int, int]]]]:
    """The tentative bands of a policy, and everybody's cell of band and class for each measure."""
    bins = [member.bin for member in members]
    bands = tentative_bands([bins.count(b) for b in range(BINS)], policy)
    in_band = {b: i for i, band in enumerate(bands) for b in range(band.first, band.end)}
    classes = policy.classes_per_octave
    return bands, [
        [(in_band[m.bin], size_class(m.output, classes)) for m in members],
        [(in_band[m.bin], size_class(m.emissions, classes)) for m in members],
    ]


def filled(band: BinRange, bins: Sequence[int]) -> int:
    """How many bins of a band hold anybody."""
    return len({index for index in bins if band.first <= index < band.end})


def smallest(bands: Sequence[BinRange]) -> int:
    """Members of the smallest band."""
    return min(band.members for band in bands)


@dataclass(frozen=True)
class Member:
    """One enterprise: output in yuan, emissions in kg, and the bin of yuan a tonne."""

    output: int
    emissions: int
    bin: int


def region_a() -> list[Member]:
    """The 72 enterprises."""
    edges = log_edges(Fraction(1, 2), Fraction(200), BINS)  # yuan a kilogram
    members = []
    with RECORDS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            output = int(Fraction(row["output_yuan"]))
            emissions = int(1000 * Fraction(row["emissions_tco2"]))
            members.append(Member(output, emissions, bin_of(output, emissions, edges)))
    return members


def quarter_octave(value: int) -> int:
    """``floor(4 log2 value)``, in integers."""
    return int(value**PER_OCTAVE).bit_length() - 1


def alone(*grids: Sequence[tuple[int, int]]) -> float:
    """The percentage of members that share their cell of at least one grid with nobody."""
    counts = [Counter(cells) for cells in grids]
    members = list(zip(*grids, strict=True))
    return (
        100
        * sum(any(c[cell] == 1 for c, cell in zip(counts, own, strict=True)) for own in members)
        / len(members)
    )


if __name__ == "__main__":
    main(run, __doc__)
