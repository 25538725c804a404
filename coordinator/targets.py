"""`targets.csv`: for every band of a released cohort its target under each strategy.

The strategies and their formulas are in `coordinator.choices`; the columns are described in
docs/release-schema.md.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from coordinator.choices import DECIMALS, DEFAULT_GOAL, Goal, Ladder, assigned, choose, ladder_of
from coordinator.documents import Cohort, read_cohorts
from coordinator.errors import OutputError

COLUMNS = (
    "cohort",
    "band",
    "lower",
    "upper",
    "members",
    "share_of_cohort",
    "strategy",
    "r",
)


def write_targets(
    documents: Sequence[Mapping[str, object]], path: Path | str, goal: Goal = DEFAULT_GOAL
) -> None:
    """Write targets.csv (docs/release-schema.md): a row for each band and strategy.

    Called when a round is released. A withheld cohort has no bands and no rows. The file replaces
    an older one in one step.

    Raises:
        DocumentError: a document does not follow the schema.
        OutputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cohort in read_cohorts(documents):
        ladder = ladder_of(cohort)
        if ladder is not None:
            writer.writerows(_rows(cohort, ladder, goal))
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(text.getvalue(), encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error


def _rows(cohort: Cohort, ladder: Ladder, goal: Goal) -> list[tuple[str | int, ...]]:
    members = sum(band.n for band in ladder.bands)
    return [
        (
            _cell(cohort.name),
            number,
            band.lower.text if band.lower else "",
            band.upper.text if band.upper else "",
            band.n,
            decimal(Fraction(band.n, members)),
            choice.strategy,
            decimal(r),
        )
        for choice in assigned(choose(ladder, goal))
        for number, band, r in zip(ladder.numbers, ladder.bands, choice.r, strict=True)
    ]


def decimal(value: Fraction, places: int = DECIMALS) -> str:
    """A non-negative fraction with a fixed number of decimals, rounded half to even."""
    units = round(value * 10**places)
    return f"{units // 10**places}.{units % 10**places:0{places}d}"


def _cell(text: str) -> str:
    """A cohort's name as a cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
