"""One cohort in the report: drawings, strategies, targets by band, cut-points, totals.

Called by `coordinator.report` once for each cohort and language.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from coordinator import charts
from coordinator.charts import Series, band_range
from coordinator.choices import (
    Choice,
    Goal,
    Ladder,
    assigned,
    choose,
    front_and_tail_curve,
    ladder_of,
    opt_out_curve,
    whole_cohort_limit,
)
from coordinator.documents import Cohort, RankedList
from coordinator.figures import count, percent, plain, unit_name
from coordinator.nodes import Quantity
from coordinator.table_section import table_section
from coordinator.tables import (
    Notes,
    anchor,
    label,
    members,
    number,
    one_band,
    one_band_reason,
    quantity,
    table,
    tag,
    whole,
    with_unit,
)
from coordinator.tables import join as joined
from coordinator.texts import Html, Texts, html

# The cohort of the paper's published case; its note on the printed unit stands with it.
PUBLISHED_CASE = "region-a"


def cohort_section(cohort: Cohort, texts: Texts, notes: Notes, goal: Goal, folded: bool) -> Html:
    """The cohort's part of the page; `folded` puts it behind its heading."""
    identity = f"{notes.edition}-{anchor(cohort)}"
    side = joined([texts("table.members"), members(cohort, texts)], " ")
    side = tag("span", side, class_="side")
    heading = tag("h3", joined([label(cohort, texts), side], " "))
    body = _body(cohort, identity, texts, notes, goal)
    if folded:
        content = joined([tag("summary", heading), body])
        return tag("details", content, class_="cohort", id=identity)
    return tag("section", joined([heading, body]), class_="cohort", id=identity)


def _body(cohort: Cohort, identity: str, texts: Texts, notes: Notes, goal: Goal) -> Html:
    parts = [_identity(cohort, texts)]
    if cohort.withheld is not None:
        words = [texts("cohort.withheld"), texts.reason(cohort.withheld)]
        whole(cohort, texts, notes)
        parts.append(tag("p", joined(words, " "), class_="callout"))
        return joined(parts)
    if not cohort.dominance_controlled:
        parts.append(tag("p", texts("cohort.not_controlled"), class_="callout"))
    ranked = cohort.ranked
    if ranked and len(cohort.bands) > 1 and all(ranked.name in b.indicators for b in cohort.bands):
        drawing = charts.distribution(f"{identity}-spread", cohort.bands, ranked, texts)
        title = texts("cohort.distribution", indicator=texts.name("indicator", ranked.name))
        parts.append(_figure(title, drawing, texts("cohort.distribution_note"), texts, "wide"))
    if cohort.table:  # sums by cell instead of by band, so no strategies over bands
        parts.append(table_section(cohort, texts, notes))
    else:
        parts += _by_band(cohort, identity, texts, notes, goal)
    parts.append(_cut_points(cohort, texts, notes))
    parts.append(_totals(cohort, texts, notes))
    return joined(parts)


def _by_band(cohort: Cohort, identity: str, texts: Texts, notes: Notes, goal: Goal) -> list[Html]:
    """Strategies and targets over the bands, or why there are none."""
    if cohort.backend == "totals":
        return []  # such a round has no bands, and says so above
    ladder = ladder_of(cohort)
    if ladder is None and cohort.totals_only:
        reason = one_band_reason(cohort, texts)
        notes.number(cohort, texts("withheld.all_bands"), reason, texts)
        return [tag("p", reason, class_="callout")]
    if ladder is None:
        reason = texts("reason.noise" if cohort.noise and cohort.bands else "reason.no_bands")
        cell = notes.cell(cohort, texts("withheld.bands"), reason, texts)
        words = joined([texts("cohort.no_strategy"), cell], " ")
        return [tag("p", words, class_="callout")]
    choices = choose(ladder, goal)
    parts = [_costs(identity, ladder, choices, goal, texts)]
    if cohort.name == PUBLISHED_CASE:
        parts.append(tag("aside", texts("note.region_a"), class_="callout"))
    parts.append(_strategies(cohort, ladder, choices, goal, texts))
    parts.append(_targets(cohort, ladder, choices, texts))
    return parts


def _identity(cohort: Cohort, texts: Texts) -> Html:
    facts = [
        (texts("cohort.id"), cohort.name),
        (texts("fact.period"), cohort.period),
        (texts("cohort.round"), cohort.round_id),
        (texts("cohort.plan"), cohort.plan_hash),
    ]
    shown = [
        joined([tag("dt", name), tag("dd", tag("code", value))]) for name, value in facts if value
    ]
    return tag("dl", joined(tag("div", one) for one in shown), class_="identity")


def _figure(title: Html, drawing: str, note: Html, texts: Texts, class_: str = "") -> Html:
    caption = tag("figcaption", joined([tag("strong", title), note], " "))
    frame = tag("div", Html(drawing), class_="drawing", tabindex="0")
    return tag("figure", joined([caption, frame]), class_=class_)


def _costs(
    identity: str, ladder: Ladder, choices: Sequence[Choice], goal: Goal, texts: Texts
) -> Html:
    leaving = Series("opt_out", texts("strategy.opt_out"), opt_out_curve(ladder))
    cas = (("cas1", goal.moderate), ("cas2", goal.severe))
    names = {key: Html(f"{texts(f'strategy.{key}')} · q = {plain(decay)}") for key, decay in cas}
    front = [Series(key, names[key], front_and_tail_curve(ladder, q)) for key, q in cas]
    decaying = [
        Series(key, names[key], (whole_cohort_limit(ladder, q),), flat=True) for key, q in cas
    ]
    panels = []
    for key, series, reading in (
        ("whole", decaying, "whole_cohort"),
        ("front", front, "front_and_tail"),
    ):
        marked = [one for one in choices if one.reading in (reading, "whole_bands")]
        panel = texts(f"cohort.{key}_panel")
        drawing = charts.costs(
            f"{identity}-{key}", ladder, [leaving, *series], marked, goal, panel, texts
        )
        panels.append(_figure(panel, drawing, texts(f"cohort.{key}_note"), texts))
    heading = tag("h4", texts("cohort.costs"))
    return joined([heading, tag("div", joined(panels), class_="pair")])


def _strategies(
    cohort: Cohort, ladder: Ladder, choices: Sequence[Choice], goal: Goal, texts: Texts
) -> Html:
    output = cohort.bands[0].measures[ladder.output].unit
    emissions = cohort.bands[0].measures[ladder.emissions].unit
    head = [
        texts("strategy.strategy"),
        texts("strategy.parameter"),
        texts("strategy.trr"),
        with_unit(texts("strategy.acc"), ladder.unit, texts),
        texts("strategy.reduced"),
        texts("strategy.forgone"),
    ]
    rows = [
        [
            _strategy_name(choice, texts),
            _setting(choice, texts),
            joined([percent(choice.point.trr), _goal_mark(choice, texts)]),
            plain(choice.point.acc),
            quantity(_rounded(choice.reduced, emissions), texts),
            quantity(_rounded(choice.forgone, output), texts),
        ]
        for choice in choices
    ]
    heading = tag("h4", texts("cohort.strategies", goal=percent(goal.reduction)))
    note = tag("p", texts("strategy.note"), class_="note")
    return tag("section", joined([heading, table(head, rows, "strategies"), note]), class_="block")


def _rounded(value: Fraction, unit: str) -> Quantity:
    return Quantity(str(round(value)), value, unit)


def _strategy_name(choice: Choice, texts: Texts) -> Html:
    name = texts(f"strategy.{choice.strategy}")
    if choice.decay is not None:
        name = texts(f"strategy.{choice.strategy}_long", q=plain(choice.decay))
    swatch = tag("i", "", class_=f"swatch {choice.strategy}")
    detail = tag("small", texts(f"strategy.{choice.reading}"))
    return joined([swatch, name, detail], " ")


def _setting(choice: Choice, texts: Texts) -> Html:
    if choice.front is not None:
        return html(f"m = {choice.front}")
    return html(f"r₁ = {percent(choice.r[0])}")


def _goal_mark(choice: Choice, texts: Texts) -> Html:
    key = "goal_met" if choice.meets_goal else "goal_missed"
    return tag("small", texts(f"strategy.{key}"), class_=key)


def _targets(cohort: Cohort, ladder: Ladder, choices: Sequence[Choice], texts: Texts) -> Html:
    ranked = cohort.ranked
    unit = ranked.unit if ranked else ""
    columns = assigned(choices)
    head = [
        texts("band.band"),
        with_unit(texts("band.range"), unit, texts),
        texts("band.members"),
        texts("band.share"),
        with_unit(texts("band.ratio"), unit, texts),
        *(joined(["r ", texts(f"strategy.{choice.strategy}")]) for choice in columns),
    ]
    total = sum(band.n for band in ladder.bands)
    rows = []
    for position, (place, band) in enumerate(zip(ladder.numbers, ladder.bands, strict=True)):
        ratio = band.indicators.get(ranked.name) if ranked else None
        place_name = joined([html(place)])
        if position in (0, len(ladder.bands) - 1):
            end = texts("band.worst" if position == 0 else "band.best")
            place_name = joined([place_name, tag("small", end)], " ")
        rows.append(
            [
                place_name,
                tag("span", band_range(band, texts), title=_exact_range(cohort, place)),
                count(band.n),
                percent(Fraction(band.n, total)),
                number(ratio, texts) if ratio else "–",
                *(_rate(choice, position) for choice in columns),
            ]
        )
    heading = tag("h4", texts("cohort.targets"))
    note = tag("p", texts("cohort.targets_note"), class_="note")
    return tag("section", joined([heading, table(head, rows, "targets"), note]), class_="block")


def _exact_range(cohort: Cohort, place: int) -> str:
    band = cohort.bands[place - 1]
    return " – ".join(edge.text if edge else "∞" for edge in (band.lower, band.upper))


def _rate(choice: Choice, position: int) -> Html:
    r = choice.r[position]
    bar = tag("i", "", class_=f"bar {choice.strategy}", style=f"width:{float(r) * 100:.1f}%")
    shown = percent(r) if r >= Fraction(1, 10000) or not r else f"<{percent(Fraction(1, 10000))}"
    figure = tag("span", shown, class_="figure", title=f"{float(r):.6f}")
    return joined([tag("span", bar, class_="track"), figure])


def _cut_points(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    blocks = [_ranking(cohort, ranking, texts, notes) for ranking in cohort.rankings.values()]
    if not blocks:
        return Html("")
    heading = tag("h4", texts("cohort.cut_points"))
    note = tag("p", texts("cohort.cut_note"), class_="note")
    return tag(
        "section",
        joined([heading, tag("div", joined(blocks), class_="pair"), note]),
        class_="block",
    )


def _ranking(cohort: Cohort, ranking: RankedList, texts: Texts, notes: Notes) -> Html:
    name = texts.name("indicator", ranking.name)
    if ranking.withheld is not None:
        what = texts("withheld.ranking", name=name)
        cell = notes.cell(cohort, what, texts.reason(ranking.withheld), texts)
        return tag("div", joined([tag("h5", name), tag("p", cell)]))
    if len(ranking.bands) == 1:
        if ranking.name == cohort.ranking:
            cell = one_band(cohort, texts, notes)
        else:
            what = texts("withheld.ranking", name=name)
            cell = notes.cell(cohort, what, texts("reason.one_band"), texts)
        return tag("div", joined([tag("h5", name), tag("p", cell)]))
    title = name
    if ranking.name != cohort.ranking:
        title = joined([name, tag("small", texts("cohort.counts_only"))], " ")
    head = [
        texts("cohort.percentile"),
        with_unit(texts("cohort.value"), ranking.unit, texts),
        texts("cohort.share_below"),
    ]
    rows = [
        [percent(point.target), number(point.value, texts), point.share]
        for point in ranking.cut_points
    ]
    return tag("div", joined([tag("h5", title), table(head, rows, "cuts")]))


def _totals(cohort: Cohort, texts: Texts, notes: Notes) -> Html:
    head = [texts("cohort.measure"), texts("cohort.total"), texts("cohort.exact")]
    rows: list[list[object]] = [
        [
            texts.name("measure", name),
            quantity(value, texts),
            tag("code", f"{value.text} {unit_name(value.unit, texts.language)}"),
        ]
        for name, value in cohort.measures.items()
    ]
    for name, reason in cohort.withheld_measures.items():
        title = texts.name("measure", name)
        what = texts("withheld.measure", name=title)
        rows.append([title, notes.cell(cohort, what, texts.reason(reason), texts), "–"])
    heading = tag("h4", texts("cohort.totals"))
    return tag("section", joined([heading, table(head, rows, "totals")]), class_="block")
