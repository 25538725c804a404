"""A cohort's table in the report: its cells, why some are withheld, and what that costs.

Called by `coordinator.sections` for a cohort whose plan publishes a table.
"""

from __future__ import annotations

from fractions import Fraction

from coordinator import coverage
from coordinator.coverage import Coverage, Covered
from coordinator.documents import Cohort, TableCell
from coordinator.figures import count, percent
from coordinator.tables import Notes, number, quantity, table, tag, with_unit
from coordinator.tables import join as joined
from coordinator.texts import Html, Texts, html


def table_section(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    """The table of cells, then how much of the cohort it still covers."""
    name = texts.name("classification", cohort.tabulated_by or "")
    heading = tag("h4", texts("cells.heading", name=name))
    note = tag("p", texts("cells.note"), class_="note")
    parts = [heading, _cells(cohort, name, texts, notes), note, _loss(cohort, texts)]
    return tag("section", joined(parts), class_="block")


def _cells(cohort: Cohort, name: Html, texts: Texts, notes: Notes) -> Html:
    measures = _units(cohort, "measures")
    indicators = _units(cohort, "indicators")
    head = [
        name,
        texts("table.members"),
        *(texts.name("measure", n) for n in measures),
        *(with_unit(texts.name("short", n), unit, texts) for n, unit in indicators.items()),
    ]
    rows: list[list[object]] = []
    for cell in cohort.table:
        row: list[object] = [_label(cell, texts)]
        if cell.withheld is not None:
            what = texts("withheld.cell", name=cell.path) if cell.path else texts("cells.total")
            reason = texts.reason(cell.withheld)
            row.append(joined([notes.cell(cohort, what, reason, texts), tag("span", reason)], " "))
        elif not cell.n:
            row.append(texts("cells.empty"))
        else:
            row.append(count(cell.n))
            row += [quantity(q, texts) if (q := cell.measures.get(n)) else "–" for n in measures]
            row += [number(q, texts) if (q := cell.indicators.get(n)) else "–" for n in indicators]
        rows.append(row)
    return table(head, rows, "cells")


def _label(cell: TableCell, texts: Texts) -> Html:
    if not cell.parts:
        return tag("strong", texts("cells.total"))
    return tag("span", cell.parts[-1], style=f"padding-left:{len(cell.parts) - 1}em")


def _units(cohort: Cohort, kind: str) -> dict[str, str]:
    """Names and units of what some cell publishes, in the documents' order."""
    found: dict[str, str] = {}
    for cell in cohort.table:
        shown = cell.measures if kind == "measures" else cell.indicators
        found.update({name: value.unit for name, value in shown.items()})
    return found


def _loss(cohort: Cohort, texts: Texts) -> Html:
    """One row a level: the share of cells, enterprises and sums inside published cells."""
    levels = coverage.levels(cohort)
    measures = _units(cohort, "measures")
    head = [
        texts("cells.level"),
        texts("cells.published"),
        texts("fact.members"),
        *(texts.name("measure", name) for name in measures),
    ]
    rows = [
        [
            html(depth),
            *_figures(coverage.of_cells(cohort, cells), list(measures), texts),
        ]
        for depth, cells in enumerate(levels, start=1)
    ]
    heading = tag("h5", texts("cells.loss"))
    note = tag("p", texts("cells.loss_note"), class_="note")
    return joined([heading, table(head, rows, "loss"), note])


def _figures(found: Coverage, measures: list[str], texts: Texts) -> list[Html]:
    cells = html(f"{found.cells.part} / {found.cells.whole}")
    return [
        cells,
        share(found.members, texts),
        *(share(found.measures.get(n, Covered(Fraction(0), None)), texts) for n in measures),
    ]


def share(covered: Covered, texts: Texts) -> Html:
    """A share in per cent, or that the whole was never opened."""
    found = covered.share
    return texts("cells.not_opened") if found is None else html(percent(found))
