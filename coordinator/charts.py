"""The report's drawings as inline SVG: the distribution by band, and cost against reduction.

Called by `coordinator.sections`. Floats appear here only, as pixels; every mark that stands for a
number carries it in a <title>. Series differ in marker and dash as well as in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from coordinator import svg
from coordinator.choices import Choice, Goal, Ladder, Point
from coordinator.documents import Band, Indicator
from coordinator.figures import percent, plain, unit_name
from coordinator.texts import Html, Texts

_SAMPLES = 10
_STUB = 14


@dataclass(frozen=True)
class Series:
    """One line of the cost chart; `style` names its CSS class and marker."""

    style: str
    name: Html
    points: tuple[Point, ...]
    flat: bool = False


_MARKERS = {"opt_out": "circle", "cas1": "square", "cas2": "triangle"}


def band_range(band: Band, texts: Texts) -> Html:
    """A band's range in words, as HTML."""
    lower = plain(band.lower.value) if band.lower else None
    upper = plain(band.upper.value) if band.upper else None
    if lower and upper:
        return texts("band.between", lower=lower, upper=upper)
    if upper:
        return texts("band.below", upper=upper)
    return texts("band.above", lower=lower) if lower else texts("band.all")


def distribution(
    identity: str, bands: Sequence[Band], ranked: Indicator, texts: Texts, compact: bool = False
) -> str:
    """Bars of width n and height of the band's ratio on a logarithmic axis, in release order.

    `compact` draws the small version of a table row, without words.
    """
    ratios = [band.indicators[ranked.name].value for band in bands]
    edges = [edge.value for band in bands for edge in (band.lower, band.upper) if edge]
    positive = [float(value) for value in (*ratios, *edges) if value > 0]
    if not positive:
        return ""
    low, high = min(positive) / 1.8, max(positive) * 1.8
    width, height = (150, 30) if compact else (720, 330)
    left, right, top, bottom = (0, 150, 1, 29) if compact else (62, 694, 20, 274)
    across = svg.Scale(0, sum(band.n for band in bands), left, right)
    up = svg.Scale(low, high, bottom, top, logarithmic=True)
    bars, start = [], 0
    for number, (band, ratio) in enumerate(zip(bands, ratios, strict=True), start=1):
        x1, x2 = across(start) + 0.75, across(start + band.n) - 0.75
        y = up(max(float(ratio), low))
        title = texts(
            "chart.band_title",
            number=number,
            n=band.n,
            range=band_range(band, texts),
            value=plain(ratio),
        )
        bar = svg.element("title", title)
        bar += svg.element("rect", x=x1, y=y, width=x2 - x1, height=bottom - y, class_="bar")
        if not compact:
            ends = _range_ends(band, up, y)
            bar += _range_line(band, (x1 + x2) / 2, ends)
            bar += _bar_words(band.n, ratio, x1, x2, min(y, ends[1]), bottom)
        bars.append(svg.element("g", bar))
        start += band.n
    description = texts(
        "chart.distribution_desc",
        bands=len(bands),
        n=start,
        low=plain(min(ratios)),
        high=plain(max(ratios)),
        unit=unit_name(ranked.unit, texts.language),
        value=plain(ranked.value.value) if ranked.value else "–",
    )
    title = texts("cohort.distribution", indicator=texts.name("indicator", ranked.name))
    content = "".join(bars)
    if not compact:
        content = _distribution_frame(ranked, texts, up, across, start) + content
    return svg.figure(identity, width, height, title, description, content)


def _range_ends(band: Band, up: svg.Scale, y: float) -> tuple[float, float]:
    """Pixels of the range's lower and upper end; an open end is a stub beyond the bar's top."""
    closed_below = band.lower is not None and band.lower.value > 0
    return (
        up(float(band.lower.value)) if band.lower and closed_below else y + _STUB,
        up(float(band.upper.value)) if band.upper else y - _STUB,
    )


def _range_line(band: Band, x: float, ends: tuple[float, float]) -> str:
    """The band's range as a thin line: a cap at a closed end, an arrow at an open one."""
    marks = svg.line(x, ends[0], x, ends[1])
    for y, edge, step in ((ends[0], band.lower, -5), (ends[1], band.upper, 5)):
        if edge:
            marks += svg.line(x - 4, y, x + 4, y)
        else:
            marks += svg.path([(x - 3.5, y + step), (x, y), (x + 3.5, y + step)])
    return svg.element("g", marks, class_="range")


def _bar_words(n: int, ratio: Fraction, x1: float, x2: float, y: float, bottom: float) -> str:
    """The ratio beside the bar's top and n at its foot, where there is room for them."""
    words, middle = "", (x1 + x2) / 2
    label = plain(ratio, 3)
    if len(label) * 6.2 <= x2 - x1:
        words += svg.text(middle, y - 5, label, text_anchor="middle", class_="value halo")
    if len(str(n)) * 7 <= x2 - x1 and bottom - y > 16:
        words += svg.text(middle, bottom - 6, str(n), text_anchor="middle", class_="inside")
    return words


def _distribution_frame(
    ranked: Indicator, texts: Texts, up: svg.Scale, across: svg.Scale, members: int
) -> str:
    left, right, bottom = across.start, across.end, up.start
    parts = []
    for tick in svg.log_ticks(up.low, up.high):
        y = up(tick)
        label = plain(Fraction(tick).limit_denominator(10**6), 3)
        parts.append(svg.line(left, y, right, y, class_="grid"))
        parts.append(svg.text(left - 7, y + 4, label, text_anchor="end", class_="tick"))
    for quarter in range(5):
        x = across(members * quarter / 4)
        parts.append(svg.line(x, bottom, x, bottom + 5, class_="axis"))
        parts.append(
            svg.text(x, bottom + 19, f"{25 * quarter}\u202f%", text_anchor="middle", class_="tick")
        )
    parts.append(svg.line(left, bottom, right, bottom, class_="axis"))
    key = "chart.members_axis" if ranked.higher_is_better else "chart.members_axis_rising"
    middle = (left + right) / 2
    parts.append(
        svg.text(middle, bottom + 40, texts(key), text_anchor="middle", class_="axis-name")
    )
    unit = unit_name(ranked.unit, texts.language)
    parts.append(svg.text(4, 12, escape(unit), class_="axis-name"))
    if ranked.value:
        y = up(float(ranked.value.value))
        words = texts("chart.cohort_line", value=plain(ranked.value.value))
        parts.append(svg.line(left, y, right, y, class_="mean"))
        parts.append(svg.text(left + 6, y - 6, words, class_="mean-name halo"))
    return "".join(parts)


def costs(
    identity: str,
    ladder: Ladder,
    series: Sequence[Series],
    choices: Sequence[Choice],
    goal: Goal,
    panel: Html,
    texts: Texts,
) -> str:
    """ACC against TRR for several strategies; `choices` are marked where they meet the goal."""
    top_cost = max(point.acc for one in series for point in one.points)
    ceiling = svg.round_ceiling(float(top_cost))
    across = svg.Scale(0, 1, 58, 494)
    up = svg.Scale(0, ceiling, 268, 56)
    unit = unit_name(ladder.unit, texts.language)
    parts = [_cost_frame(across, up, unit, texts)]
    x = across(float(goal.reduction))
    goal_words = texts("chart.goal", goal=percent(goal.reduction))
    parts.append(svg.line(x, up.start, x, up.end, class_="goal"))
    parts.append(svg.text(x + 5, up.end + 10, goal_words, class_="goal-name halo"))
    parts.extend(_series(one, across, up, texts) for one in series)
    for choice in choices:
        where = (across(float(choice.point.trr)), up(float(choice.point.acc)))
        parts.append(
            svg.element("circle", cx=where[0], cy=where[1], r=7, class_=f"chosen {choice.strategy}")
        )
    parts.append(_legend(series))
    values = "; ".join(
        texts(
            "chart.point_title",
            strategy=texts(f"strategy.{choice.strategy}"),
            trr=percent(choice.point.trr),
            acc=plain(choice.point.acc),
        )
        for choice in choices
    )
    description = texts(
        "chart.cost_desc",
        end=plain(series[0].points[-1].acc),
        unit=unit,
        goal=percent(goal.reduction),
        values=Html(values),
    )
    title = texts("chart.cost_title", panel=panel)
    return svg.figure(identity, 520, 322, title, description, "".join(parts))


def _cost_frame(across: svg.Scale, up: svg.Scale, unit: str, texts: Texts) -> str:
    parts = []
    for tick in svg.linear_ticks(up.high):
        y = up(tick)
        label = plain(Fraction(tick).limit_denominator(10**6), 3)
        parts.append(svg.line(across.start, y, across.end, y, class_="grid"))
        parts.append(svg.text(across.start - 7, y + 4, label, text_anchor="end", class_="tick"))
    for fifth in range(6):
        x = across(fifth / 5)
        parts.append(svg.line(x, up.start, x, up.start + 5, class_="axis"))
        parts.append(
            svg.text(x, up.start + 19, f"{20 * fifth}\u202f%", text_anchor="middle", class_="tick")
        )
    parts.append(svg.line(across.start, up.start, across.end, up.start, class_="axis"))
    middle = (across.start + across.end) / 2
    name = texts("chart.trr_axis")
    parts.append(svg.text(middle, up.start + 40, name, text_anchor="middle", class_="axis-name"))
    parts.append(svg.text(4, 38, texts("chart.acc_axis", unit=unit), class_="axis-name"))
    return "".join(parts)


def _series(one: Series, across: svg.Scale, up: svg.Scale, texts: Texts) -> str:
    knots = [(across(float(point.trr)), up(float(point.acc))) for point in one.points]
    track = [(across(float(p.trr)), up(float(p.acc))) for p in _track(one)]
    parts = [svg.path(track, class_=f"curve {one.style}")]
    step = max(1, len(knots) // 14)
    for index, (point, (x, y)) in enumerate(zip(one.points, knots, strict=True)):
        if index % step and index != len(knots) - 1:
            continue
        title = texts(
            "chart.point_title", strategy=one.name, trr=percent(point.trr), acc=plain(point.acc)
        )
        mark = svg.element("title", title) + svg.marker(_MARKERS[one.style], x, y)
        parts.append(svg.element("g", mark, class_=f"marker {one.style}"))
    return "".join(parts)


def _track(one: Series) -> list[Point]:
    """The line to draw: flat, straight for a CAS, for opt-out exactly what interpolation means.

    Between two knots of opt-out the next band leaves by parts, so output and emissions grow in
    proportion and ACC is their quotient, a curve; before the first knot it is constant.
    """
    first = Point(Fraction(0), one.points[0].acc)
    if one.flat:
        return [first, *one.points]
    if one.style != "opt_out":
        return list(one.points)
    track = [first, one.points[0]]
    for before, after in zip(one.points, one.points[1:], strict=False):
        for step in range(1, _SAMPLES + 1):
            part = Fraction(step, _SAMPLES)
            trr = before.trr + part * (after.trr - before.trr)
            cost = before.acc * before.trr
            cost += part * (after.acc * after.trr - before.acc * before.trr)
            track.append(Point(trr, cost / trr))
    return track


def _legend(series: Sequence[Series]) -> str:
    parts, x = [], 60.0
    for one in series:
        sample = svg.path([(x, 12), (x + 26, 12)], class_=f"curve {one.style}")
        mark = svg.marker(_MARKERS[one.style], x + 13, 12)
        parts.append(sample + svg.element("g", mark, class_=f"marker {one.style}"))
        parts.append(svg.text(x + 32, 16, one.name, class_="legend"))
        x += 150
    return "".join(parts)
