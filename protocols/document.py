"""The release document of one cohort, computed from the plan, the certificate and opened integers.

Sums are exact integers; every ratio is the exact fraction rounded once, half to even, to twenty
significant digits (:mod:`protocols.numbers`). docs/release-schema.md describes the fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

from protocols.bands import BinRange, best_bands, cut_points
from protocols.certificate import BandCertificate, sum_labels
from protocols.errors import OpeningInconsistent, PackingError
from protocols.layout import Layout
from protocols.numbers import decimal_text
from protocols.plan import Direction, Indicator, Plan, Ranking

Sums = Mapping[str, int]

BEST_PERCENT = 10

CONTRADICTION = (
    "the opened sums contradict the plan or the bands: a contribution was not well formed"
)
"""Why a cohort is withheld after its certified sums were opened."""


def build_document(
    plan: Plan, layout: Layout, certificate: BandCertificate, opened: Mapping[str, int]
) -> dict[str, Any]:
    """The document as plain containers.

    :param opened: plaintexts by opening label, exactly those the certificate allows.
    Sums that no well-formed contributions can have, or a band whose ratio lies outside its own
    edges, withhold the cohort: the round ends with a reason instead of wrong figures.

    :raises OpeningInconsistent: other labels.
    """
    if set(opened) != set(sum_labels(plan, layout, certificate)):
        raise OpeningInconsistent("not exactly what the certificate allows has been opened")
    header = _header(plan, certificate)
    if certificate.withheld:
        return header
    try:
        return header | _figures(plan, layout, certificate, opened)
    except (OpeningInconsistent, PackingError):
        return header | {"withheld": CONTRADICTION}


def _figures(
    plan: Plan, layout: Layout, certificate: BandCertificate, opened: Mapping[str, int]
) -> dict[str, Any]:
    document: dict[str, Any] = {}
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    sums = [layout.decode_sums(layout.sum_labels(b.first, b.end), opened) for b in bands]
    totals = {name: sum(s[name] for s in sums) for name in (sums[0] if sums else {})}
    for measure in certificate.cohort_measures:
        totals[measure] = layout.decode_cohort_sum(measure, opened)
    document["measures"] = _measures(plan, totals)
    document["withheld_measures"] = dict(certificate.withheld_measures)
    document["indicators"] = {i.name: _described(i, totals) for i in plan.indicators}
    document["rankings"] = {
        i.name: _ranking(i, certificate.ranking(i.name)) for i in plan.ranked_indicators
    }
    if ranked:
        _check_inside_edges(ranked, bands, sums)
        document["ranking"] = ranked.name
        document["bands"] = [
            {**_edges(ranked, band), **_band(plan, values)}
            for band, values in zip(bands, sums, strict=True)
        ]
        document["best_decile"] = _best_decile(ranked, bands, sums)
        document["curve"] = _curve(ranked, bands, sums)
    return document


def _header(plan: Plan, certificate: BandCertificate) -> dict[str, Any]:
    small = certificate.members < plan.policy.minimum_cohort
    return {
        "cohort": plan.cohort,
        "title": plan.title,
        "period": plan.period,
        "round_id": plan.round_id,
        "plan_hash": plan.hash.hex(),
        "n": None if small else certificate.members,
        "withheld": certificate.withheld or None,
        "definitions": dict(plan.definitions),
        "policy": {
            "minimum_cohort": plan.policy.minimum_cohort,
            "dominance_percent": plan.policy.dominance_percent,
        },
        "measures": {},
        "withheld_measures": {},
        "indicators": {},
        "ranking": None,
        "rankings": {},
        "bands": [],
        "best_decile": None,
        "curve": [],
    }


def _measures(plan: Plan, sums: Sums) -> dict[str, Any]:
    return {name: {"unit": plan.measure(name).unit, "value": str(v)} for name, v in sums.items()}


def _band(plan: Plan, sums: Sums) -> dict[str, Any]:
    indicators = {
        i.name: {"unit": i.unit, "value": decimal_text(_ratio(i, sums))}
        for i in plan.indicators
        if _computable(i, sums)
    }
    return {"measures": _measures(plan, sums), "indicators": indicators}


def _described(indicator: Indicator, sums: Sums) -> dict[str, str | None]:
    """The cohort's value; null when a measure that it needs is withheld, or its divisor is zero."""
    return {
        "unit": indicator.unit,
        "value": decimal_text(_ratio(indicator, sums)) if _computable(indicator, sums) else None,
        "numerator": indicator.numerator,
        "denominator": indicator.denominator,
        "scale": str(indicator.scale),
        "direction": indicator.direction.value,
    }


def _ranking(indicator: Indicator, bands: Sequence[BinRange]) -> dict[str, Any]:
    total = sum(band.members for band in bands)
    return {
        "direction": indicator.direction.value,
        "unit": indicator.unit,
        "sums": indicator.ranking is Ranking.SUMS,
        "bands": [_edges(indicator, band) for band in bands],
        "cut_points": [
            {
                "target": decimal_text(Fraction(cut.target, 100)),
                "share": f"{cut.below}/{total}",
                "value": _edge_text(indicator, cut.edge),
            }
            for cut in cut_points(bands)
        ],
    }


def _edges(indicator: Indicator, band: BinRange) -> dict[str, Any]:
    return {
        "n": band.members,
        "lower": _edge_text(indicator, band.first),
        "upper": _edge_text(indicator, band.end),
    }


def _edge_text(indicator: Indicator, edge: int) -> str | None:
    value = indicator.edge_value(edge)
    return None if value is None else decimal_text(value)


def _best_decile(
    indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums]
) -> dict[str, Any]:
    """Ratio of sums over the best bands nearest a tenth of the members; says which and how many."""
    chosen = best_bands(bands, indicator.direction, BEST_PERCENT)
    members = sum(bands[index].members for index in chosen)
    names = (indicator.numerator, indicator.denominator)
    united = {name: sum(sums[index][name] for index in chosen) for name in names}
    return {
        "indicator": indicator.name,
        "unit": indicator.unit,
        "target_share": f"1/{100 // BEST_PERCENT}",
        "share": f"{members}/{sum(band.members for band in bands)}",
        "n": members,
        "bands": list(chosen),
        "value": decimal_text(_ratio(indicator, united))
        if _computable(indicator, united)
        else None,
    }


def _curve(
    indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums]
) -> list[dict[str, Any]]:
    """Exact cumulative sums after each band, the least efficient first: the strategy's knots."""
    order = list(range(len(bands)))
    if indicator.direction is Direction.LOWER:
        order.reverse()
    members = accumulate(bands[index].members for index in order)
    columns = {name: list(accumulate(sums[index][name] for index in order)) for name in sums[0]}
    return [
        {
            "members": count,
            "cumulative": {name: str(column[position]) for name, column in columns.items()},
        }
        for position, count in enumerate(members)
    ]


def _check_inside_edges(
    indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums]
) -> None:
    """A ratio of sums lies between its members' ratios, so inside the band's edges."""
    for band, values in zip(bands, sums, strict=True):
        ratio = _ratio(indicator, values) if _computable(indicator, values) else None
        lower, upper = indicator.edge_value(band.first), indicator.edge_value(band.end)
        if ratio is None or (lower is not None and ratio < lower):
            raise OpeningInconsistent("a band's ratio lies below its edges: a vector was malformed")
        if upper is not None and ratio >= upper:
            raise OpeningInconsistent("a band's ratio lies above its edges: a vector was malformed")


def _computable(indicator: Indicator, sums: Sums) -> bool:
    return indicator.numerator in sums and sums.get(indicator.denominator, 0) != 0


def _ratio(indicator: Indicator, sums: Sums) -> Fraction:
    return indicator.scale * Fraction(sums[indicator.numerator], sums[indicator.denominator])
