"""How much of a release is still there after disclosure control: cells, enterprises, sums.

Pure functions of released documents; called by the report. What was withheld was never opened, so
a sum is only compared with a total that is published itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from coordinator.documents import Cohort, TableCell

FEWEST = 5
"""The policy's minimum where a document does not say it: the default of every profile."""


@dataclass(frozen=True)
class Covered:
    """Published `part` of a `whole`; `whole` is None where nobody knows it.

    `at_most`: the whole is a bound, and the share one from below.
    """

    part: int | Fraction
    whole: int | Fraction | None
    at_most: bool = False

    @property
    def share(self) -> Fraction | None:
        """From 0 to 1; None where the whole is not known, or nothing."""
        return Fraction(self.part) / Fraction(self.whole) if self.whole else None


@dataclass(frozen=True)
class Coverage:
    """What is published at the finest level of a cohort: leaves of its table, or its bands.

    `measures`: by name, for what is summed at that level.
    """

    cells: Covered
    members: Covered
    measures: dict[str, Covered]


def of_cohort(cohort: Cohort) -> Coverage:
    """The coverage of one document.

    A cohort that is withheld counts as one cell, withheld, and so does the only band of one of
    which only totals are published: no finer level is left of it. A cohort whose size is withheld
    has fewer members than the policy's minimum; how many is in no report.
    """
    if cohort.withheld is not None:
        most = (cohort.minimum_cohort or FEWEST) - 1
        members = Covered(0, most, True) if cohort.n is None else Covered(0, cohort.n)
        return Coverage(Covered(0, 1), members, {})
    if cohort.table:
        return of_cells(cohort, cohort.leaves)
    if not cohort.bands:
        whole = {name: Covered(v.value, v.value) for name, v in cohort.measures.items()}
        return Coverage(Covered(1, 1), Covered(cohort.n or 0, cohort.n), whole)
    if cohort.totals_only:
        none = {name: Covered(0, _total(cohort, name)) for name in cohort.bands[0].measures}
        return Coverage(Covered(0, 1), Covered(0, cohort.n), none)
    names = dict.fromkeys(name for band in cohort.bands for name in band.measures)
    sums = {n: sum(band.measures[n].value for band in cohort.bands) for n in names}
    return Coverage(
        Covered(len(cohort.bands), len(cohort.bands)),
        Covered(sum(band.n for band in cohort.bands), cohort.n),
        {name: Covered(value, _total(cohort, name)) for name, value in sums.items()},
    )


def of_cells(cohort: Cohort, cells: Sequence[TableCell]) -> Coverage:
    """The coverage of some cells of a table that do not overlap; empty ones are not counted."""
    filled = [cell for cell in cells if cell.n != 0]
    shown = [cell for cell in filled if cell.n is not None]
    names = dict.fromkeys(name for cell in cohort.table for name in cell.measures)
    sums = {n: sum((cell.measures[n].value for cell in shown), Fraction(0)) for n in names}
    return Coverage(
        Covered(len(shown), len(filled)),
        Covered(sum(cell.n or 0 for cell in shown), cohort.n),
        {name: Covered(value, _total(cohort, name)) for name, value in sums.items()},
    )


def levels(cohort: Cohort) -> list[tuple[TableCell, ...]]:
    """The cells of each level below the total; a leaf stands in every level below its own too."""
    leaves = cohort.leaves
    deepest = max((len(cell.parts) for cell in cohort.table), default=0)
    return [
        tuple(
            cell
            for cell in cohort.table
            if len(cell.parts) == depth or (cell in leaves and 0 < len(cell.parts) < depth)
        )
        for depth in range(1, deepest + 1)
    ]


def together(cohorts: Sequence[Cohort]) -> tuple[Covered, Coverage]:
    """Published cohorts of all, and the coverage of all of them at their finest levels.

    A sum is compared with the totals that are published: that of a withheld cohort was not opened,
    and a share of a whole that holds it would give it away.
    """
    found = [of_cohort(cohort) for cohort in cohorts]
    published = Covered(sum(cohort.withheld is None for cohort in cohorts), len(cohorts))
    known = [one.measures for one in found if one.measures]
    names = [n for n in (known[0] if known else {}) if all(n in measures for measures in known)]
    return published, Coverage(
        _added([one.cells for one in found]),
        _added([one.members for one in found]),
        {name: _added([measures[name] for measures in known]) for name in names},
    )


def _added(parts: Sequence[Covered]) -> Covered:
    whole: Fraction | None = Fraction(0)
    for one in parts:
        whole = None if whole is None or one.whole is None else whole + one.whole
    part = sum((Fraction(one.part) for one in parts), Fraction(0))
    return Covered(part, whole, any(one.at_most for one in parts))


def _total(cohort: Cohort, name: str) -> Fraction | None:
    total = cohort.measures.get(name)
    return None if total is None else total.value
