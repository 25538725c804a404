"""Several plants of one enterprise, added up before anything else sees them.

Each row is computed by itself; exact values are summed and the sum is rounded once. A finding that
excludes one plant excludes the enterprise: a sum over some of the plants would be a wrong figure
that looks like a right one. How many rows there have to be is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from accounting.errors import RecordsError
from accounting.measures import EnterpriseMeasures, Intake, MeasureValue


def sum_plants(intake: Intake, enterprise: str, count: int) -> EnterpriseMeasures:
    """The measures of an enterprise over its `count` plants.

    `intake` was computed with `plants_of` this enterprise. Raises `RecordsError` when another
    number of rows has its id.
    """
    rows = [row for row in intake.enterprises if row.enterprise == enterprise]
    if len(rows) != count:
        lines = ", ".join(str(row.row) for row in rows) or "none"
        raise RecordsError(
            f"{intake.file}: {count} plants of {enterprise!r} are asked for, the rows with this id "
            f"are {len(rows)} (rows: {lines})"
        )
    excluded = [f"row {row.row}: {row.excluded}" for row in rows if row.excluded is not None]
    for what, named in (
        ("cohorts", {row.cohort for row in rows}),
        ("groups", {row.group or "" for row in rows}),
    ):
        if len(named) > 1:
            excluded.append(f"its plants have different {what}: {', '.join(sorted(named))}")
    usable = not excluded
    one_category = len({row.category for row in rows}) == 1
    return EnterpriseMeasures(
        enterprise=enterprise,
        cohort=rows[0].cohort,
        group=rows[0].group,
        row=rows[0].row,
        values=_values(rows) if usable else {},
        memo=_sums(row.memo for row in rows) if usable else {},
        findings=tuple(finding for row in rows for finding in row.findings),
        excluded="; ".join(excluded) or None,
        category=rows[0].category if one_category else None,
        notes=(
            f"the sum of {count} plants (rows {', '.join(str(row.row) for row in rows)})",
            *(() if one_category else ("its plants have different categories: it has none",)),
            *(f"row {row.row}: {note}" for row in rows for note in row.notes),
        ),
    )


def _values(rows: Sequence[EnterpriseMeasures]) -> dict[str, MeasureValue]:
    sums = _sums({name: v.exact for name, v in row.values.items()} for row in rows)
    return {
        name: MeasureValue(total, round(total), rows[0].values[name].unit)
        for name, total in sums.items()
    }


def _sums(parts: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = found.get(name, Fraction(0)) + value
    return found
