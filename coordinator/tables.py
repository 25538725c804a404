"""Tables of the report: HTML pieces, numbered notes for withheld cells, and the cohort overview.

Called by `coordinator.sections` and `coordinator.report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from coordinator import charts
from coordinator.documents import BestDecile, Cohort, CutPoint
from coordinator.figures import count, percent, readable, unit_name
from coordinator.nodes import Quantity
from coordinator.texts import Html, Texts, html

QUARTILES = (
    (Fraction(1, 4), "table.quartile1"),
    (Fraction(1, 2), "table.median"),
    (Fraction(3, 4), "table.quartile3"),
)


def tag(name: str, content: object = "", /, **attributes: object) -> Html:
    """An element; `class_` and the like drop the underscore, values and plain text are escaped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{html(content)}</{name}>")


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Pieces of markup in a row."""
    return Html(separator.join(html(part) for part in parts))


@dataclass(frozen=True)
class Note:
    """One withheld cell: which cohort, what, and why, all as markup."""

    number: int
    name: str
    cohort: Html
    what: Html
    reason: Html


@dataclass
class Notes:
    """Withheld cells in the order a reader meets them; a repeated cell keeps its number."""

    edition: str
    items: list[Note] = field(default_factory=list)

    def number(self, cohort: Cohort, what: Html, reason: Html, texts: Texts) -> int:
        """The number of this cell's note."""
        for note in self.items:
            if (note.name, note.what) == (cohort.name, what):
                return note.number
        title = label(cohort, texts)
        self.items.append(Note(len(self.items) + 1, cohort.name, title, what, reason))
        return len(self.items)

    def cell(self, cohort: Cohort, what: Html, reason: Html, texts: Texts) -> Html:
        """What stands in a withheld cell: the word, and a link to its note."""
        number = self.number(cohort, what, reason, texts)
        link = tag("a", number, href=f"#{self.edition}-note-{number}")
        return tag("span", join([texts("table.withheld"), tag("sup", link)]), class_="withheld")


def quantity(value: Quantity, texts: Texts, unit: bool = True) -> Html:
    """A figure for people with its exact value on hover."""
    number, name = readable(value, texts.language)
    exact = f"{value.text} {value.unit}"
    shown = tag("span", number, class_="figure", title=exact)
    parts = [shown, tag("span", name, class_="unit")] if unit else [shown]
    parts += _noise(value, texts)
    return join(parts, " ") if len(parts) > 1 else shown


def _noise(value: Quantity, texts: Texts) -> list[Html]:
    """How far noise may have moved the figure, where it has any."""
    if value.error is not None:
        width, name = readable(replace(value, value=value.error), texts.language)
        return [tag("small", f"± {width} {name}")]
    if value.interval is None:
        return []
    ends = [
        "∞" if end is None else readable(replace(value, value=end), texts.language)[0]
        for end in value.interval
    ]
    return [tag("small", " – ".join(ends))]


def number(value: Quantity, texts: Texts) -> Html:
    """A figure whose unit stands in the table's head."""
    return quantity(value, texts, unit=False)


def table(
    head: Sequence[object], rows: Sequence[Sequence[object]], class_: str = "", first: str = "th"
) -> Html:
    """A table in a frame that scrolls sideways where the page is narrow.

    A row shorter than the head ends in a cell that spans the rest.
    """
    top = tag("tr", join(tag("th", cell, scope="col") for cell in head))
    body = join(
        tag(
            "tr",
            join(
                [
                    tag(first, row[0], scope="row" if first == "th" else None),
                    *(tag("td", cell) for cell in row[1:-1]),
                    _last(row, len(head)),
                ]
            ),
        )
        for row in rows
    )
    content = join([tag("thead", top), tag("tbody", body)])
    return tag("div", tag("table", content, class_=class_), class_="scroll", tabindex="0")


def _last(row: Sequence[object], columns: int) -> Html:
    missing = columns - len(row)
    if not missing:
        return tag("td", row[-1])
    return tag("td", row[-1], colspan=missing + 1, class_="whole")


def with_unit(name: Html, unit: str, texts: Texts) -> Html:
    """A column's name with its unit beneath."""
    return join([name, tag("span", unit_name(unit, texts.language), class_="unit")], "<br>")


def real_share(point: CutPoint, texts: Texts) -> Html:
    """The share of members that really lies below a cut-point, as 18/72 and in per cent."""
    return tag("small", texts("table.below", share=point.share))


def overview(cohorts: Sequence[Cohort], texts: Texts, notes: Notes) -> Html:
    """The table of cohorts: n, indicators, quartile cut-points and best-decile mean."""
    names = list(
        dict.fromkeys(name for cohort in cohorts for name in (*cohort.indicators, *cohort.rankings))
    )
    units = {
        name: {
            found.unit
            for cohort in cohorts
            for found in (cohort.indicators.get(name), cohort.rankings.get(name))
            if found and found.unit
        }
        for name in names
    }
    ranked_units = {cohort.ranked.unit for cohort in cohorts if cohort.ranked}
    shared = ranked_units.pop() if len(ranked_units) == 1 else ""
    head: list[Html] = [texts("table.cohort"), texts("table.members")]
    head += [
        with_unit(texts.name("short", name), min(units[name]), texts)
        if len(units[name]) == 1
        else texts.name("short", name)
        for name in names
    ]
    head += [with_unit(texts(key), shared, texts) for _, key in QUARTILES]
    head += [with_unit(texts("table.best"), shared, texts), texts("table.spread")]
    rows = []
    for cohort in cohorts:
        row = [_title(cohort, texts, notes.edition), members(cohort, texts)]
        if cohort.withheld is not None:
            reason = texts.reason(cohort.withheld)
            row.append(join([whole(cohort, texts, notes), tag("span", reason)]))
        else:
            row += [_indicator(cohort, name, texts, notes, len(units[name]) > 1) for name in names]
            row += [_quartile(cohort, at, texts, notes, not shared) for at, _ in QUARTILES]
            row.append(_best_decile(cohort, texts, notes, not shared))
            row.append(_sparkline(cohort, texts, notes))
        rows.append(row)
    return table(head, rows, "cohorts")


def _best_decile(cohort: Cohort, texts: Texts, notes: Notes, unit: bool) -> Html:
    """The best-decile mean with its real share and n, or its withheld note."""
    best = cohort.best_decile
    if cohort.table:
        return html("–")  # sums by cell: there are no bands to be the best
    if cohort.totals_only:
        return one_band(cohort, texts, notes)
    if best is None:
        reason = texts("reason.noise" if cohort.noise else "reason.no_best")
        if cohort.best_withheld is not None:
            reason = texts.reason(cohort.best_withheld)
        return notes.cell(cohort, texts("withheld.best"), reason, texts)
    detail = texts(
        "table.best_detail" if best.near else "table.best_far",
        n=count(best.n),
        share=best_share(cohort, best),
    )
    return join([quantity(best.value, texts, unit), tag("small", detail)])


def best_share(cohort: Cohort, best: BestDecile) -> str:
    """The share of the members that are in the best bands, for people."""
    return percent(Fraction(best.n, cohort.n)) if cohort.n else best.share


def whole(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    """The cell of a cohort that is withheld as a whole."""
    reason = texts.reason(cohort.withheld or "")
    return notes.cell(cohort, texts("withheld.whole"), reason, texts)


def one_band(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    """What stands for bands, quartiles and the best decile where there is one band: one note."""
    return notes.cell(cohort, texts("withheld.all_bands"), one_band_reason(cohort, texts), texts)


def one_band_reason(cohort: Cohort, texts: Texts) -> Html:
    """Why there is one band: an earlier round would have left one of every ranking."""
    parted = any(len(ranking.bands) > 1 for ranking in cohort.rankings.values())
    return texts("reason.no_bands" if parted else "reason.one_band")


def _indicator_reason(cohort: Cohort, name: str, texts: Texts) -> Html:
    """Why an indicator of a published cohort has no value."""
    indicator = cohort.indicators.get(name)
    if indicator is None and not cohort.withheld_measures:
        return texts("reason.not_in_plan")
    needed = (indicator.numerator, indicator.denominator) if indicator else ()
    for measure in needed:
        if measure in cohort.withheld_measures:
            return texts.reason(cohort.withheld_measures[measure])
    if cohort.noise is not None and indicator is not None:
        return texts("reason.noise")
    return texts("reason.needs_measure")


def label(cohort: Cohort, texts: Texts) -> Html:
    """What the cohort is called: its own title, or its name where it has none of its own."""
    return html(cohort.title) if cohort.title else texts("cohort.label", name=cohort.name)


def _title(cohort: Cohort, texts: Texts, edition: str) -> Html:
    link = tag("a", label(cohort, texts), href=f"#{edition}-{anchor(cohort)}")
    return join([link, tag("small", cohort.name)]) if cohort.title else link


def anchor(cohort: Cohort) -> str:
    """The cohort's fragment name: letters, digits and hyphens of its name only."""
    kept = "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in cohort.name)
    return f"cohort-{kept}"


def members(cohort: Cohort, texts: Texts) -> Html:
    """The number of members, or that it is under the policy's minimum."""
    if cohort.n is not None:
        return html(count(cohort.n))
    return texts("table.fewer", n=cohort.minimum_cohort or 5)


def _indicator(cohort: Cohort, name: str, texts: Texts, notes: Notes, unit: bool) -> Html:
    found = cohort.indicators.get(name)
    if found is not None and found.value is not None:
        return quantity(found.value, texts, unit)
    what = texts("withheld.indicator", name=texts.name("indicator", name))
    return notes.cell(cohort, what, _indicator_reason(cohort, name, texts), texts)


def _quartile(cohort: Cohort, target: Fraction, texts: Texts, notes: Notes, unit: bool) -> Html:
    if cohort.table:
        return html("–")
    if cohort.totals_only:
        return one_band(cohort, texts, notes)
    ranking = cohort.rankings.get(cohort.ranking or "")
    point = ranking.cut(target) if ranking else None
    if point is not None:
        return join([quantity(point.value, texts, unit), real_share(point, texts)])
    if ranking is None:
        reason = texts("reason.no_ranking")
    else:
        reason = texts.reason(ranking.withheld) if ranking.withheld else texts("reason.no_cut")
    what = texts("withheld.cut", percentile=percent(target))
    return notes.cell(cohort, what, reason, texts)


def _sparkline(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    ranked = cohort.ranked
    if ranked is None or any(ranked.name not in band.indicators for band in cohort.bands):
        return html("–")
    if not cohort.bands:
        return html("–")
    if cohort.totals_only:
        return one_band(cohort, texts, notes)
    drawing = charts.distribution(
        f"{notes.edition}-{anchor(cohort)}-small", cohort.bands, ranked, texts, compact=True
    )
    label = tag("small", len(cohort.bands))
    return join([tag("span", Html(drawing), class_="spark"), label])
