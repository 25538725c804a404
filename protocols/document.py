"""The release document of one cohort, computed from the plan, the certificate and opened integers.

One builder for every backend: releases of the same contributions differ in what they say about
themselves, and in no figure.
Sums are exact integers; every ratio is the exact fraction rounded once, half to even, to twenty
significant digits (:mod:`protocols.numbers`). docs/release-schema.md describes the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

from protocols.bands import BinRange, best_set, cut_points
from protocols.cells import Decided, atoms_of
from protocols.certificate import BandCertificate, sum_labels
from protocols.errors import OpeningInconsistent, PackingError, PlanError
from protocols.figures import Figures, noise_header
from protocols.layout import Layout
from protocols.noise import shares_of
from protocols.numbers import decimal_text
from protocols.plan import Direction, Indicator, Mode, Plan, Ranking, Table
from protocols.sums import CertifiedSums, from_plaintexts

Sums = Mapping[str, int]

PAILLIER = "paillier"
"""The backend of a plan that says nothing about aggregation; else it is the plan's mode."""

BEST_PERCENT = 10

CONTRADICTION = (
    "the opened sums contradict the plan or the bands: a contribution was not well formed"
)
"""Why a cohort is withheld after its certified sums were opened."""


def build_document(
    plan: Plan, layout: Layout, certificate: BandCertificate, opened: Mapping[str, int]
) -> dict[str, Any]:
    """The document of a round under Paillier, as plain containers.

    :param opened: plaintexts by opening label, exactly those the certificate allows.
    :raises OpeningInconsistent: other labels. :raises PlanError: a ``certified`` round's sums are
        not in plaintexts.
    """
    if set(opened) != set(sum_labels(plan, layout, certificate)):
        raise OpeningInconsistent("not exactly what the certificate allows has been opened")
    if plan.mode is not None and not certificate.withheld:
        raise PlanError("the sums of a federated round are not encrypted")
    return document_of(
        plan, certificate, lambda: from_plaintexts(plan, layout, certificate, opened)
    )


def document_of(
    plan: Plan, certificate: BandCertificate, read_sums: Callable[[], CertifiedSums]
) -> dict[str, Any]:
    """The document that follows from a certificate and the certified sums, whatever opened them.

    Sums that cannot be read, that no well-formed contributions can have, or a band whose ratio lies
    outside its own edges, withhold the cohort: the round ends with a reason instead of wrong
    figures.

    :param read_sums: decodes them; not called for a cohort that is withheld.
    """
    header = _header(plan, certificate.members, certificate.withheld)
    if certificate.withheld:
        return header
    try:
        return header | _figures(plan, certificate, read_sums())
    except (OpeningInconsistent, PackingError):
        return header | {"withheld": CONTRADICTION}


def build_totals(plan: Plan, members: int, sums: Sums) -> dict[str, Any]:
    """The document of a ``totals`` round: the cohort's totals and indicators, and nothing by parts.

    :param members: whose values are in the sums. :param sums: of every published measure.
    :raises OpeningInconsistent: other measures, or fewer members than the policy allows.
    """
    published = [m.name for m in plan.measures if m.published]
    if sorted(sums) != sorted(published):
        raise OpeningInconsistent("the totals are not those of exactly the published measures")
    if members < plan.policy.minimum_cohort:
        raise OpeningInconsistent("totals of fewer members than the policy allows")
    figures = Figures(plan, {})
    totals = {name: sums[name] for name in published}
    return _header(plan, members, "") | {
        "measures": figures.measures(totals, members),
        "indicators": {
            i.name: _described(i, figures.ratio(i, totals, members)) for i in plan.indicators
        },
    }


def _figures(plan: Plan, certificate: BandCertificate, opened: CertifiedSums) -> dict[str, Any]:
    document: dict[str, Any] = {}
    figures = Figures(plan, shares_of(plan))
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    sums: list[dict[str, int]] = []
    if plan.table is None:
        sums = [figures.of(s, b.members) for s, b in zip(opened.sections, bands, strict=True)]
    totals = _added(sums)
    if plan.table is not None:
        cells = _cell_sums(plan.table, certificate.table, opened.sections, figures)
        totals = cells[0]
        document["tabulated_by"] = plan.table.name
        document["table"] = _table(figures, certificate.table, cells)
    totals |= figures.of(opened.cohort, certificate.members)
    members = certificate.members
    document["measures"] = figures.measures(totals, members)
    document["withheld_measures"] = dict(certificate.withheld_measures)
    document["indicators"] = {
        i.name: _described(i, figures.ratio(i, totals, members)) for i in plan.indicators
    }
    document["rankings"] = {
        i.name: _ranking(i, certificate.ranking(i.name)) for i in plan.ranked_indicators
    }
    if ranked:
        figures.check_inside_edges(ranked, bands, sums)
        document["ranking"] = ranked.name
        document["bands"] = [
            {**_edges(ranked, band), **_band(figures, values, band.members)}
            for band, values in zip(bands, sums, strict=True)
        ]
        document["best_decile"] = _best_decile(ranked, bands, sums, figures)
        document["curve"] = _curve(ranked, bands, sums, figures)
    return document


def _header(plan: Plan, members: int, withheld: str) -> dict[str, Any]:
    small = members < plan.policy.minimum_cohort
    return {
        "backend": plan.mode.value if plan.mode else PAILLIER,
        # Without trustees nobody sees size classes, and nothing but the total is signed.
        "dominance_controlled": plan.mode is not Mode.TOTALS,
        "publicly_verifiable": plan.mode is not Mode.TOTALS,
        "cohort": plan.cohort,
        "title": plan.title,
        "period": plan.period,
        "round_id": plan.round_id,
        "plan_hash": plan.hash.hex(),
        "n": None if small else members,
        "withheld": withheld or None,
        "definitions": dict(plan.definitions),
        "policy": plan.policy.as_document(),
        "measures": {},
        "withheld_measures": {},
        "indicators": {},
        "ranking": None,
        "rankings": {},
        "bands": [],
        "best_decile": None,
        "curve": [],
        "tabulated_by": None,
        "table": [],
        **noise_header(plan),
    }


def _band(figures: Figures, sums: Sums, members: int) -> dict[str, Any]:
    indicators = {
        i.name: {"unit": i.unit, **figures.ratio(i, sums, members)}
        for i in figures.plan.indicators
        if _computable(i, sums)
    }
    return {"measures": figures.measures(sums, members), "indicators": indicators}


def _added(parts: Sequence[Sums]) -> dict[str, int]:
    return {name: sum(part[name] for part in parts) for name in (parts[0] if parts else {})}


def _cell_sums(
    table: Table, decided: Sequence[Decided], opened: Sequence[Sums], figures: Figures
) -> dict[int, dict[str, int]]:
    """Sums of each published cell that holds somebody, added up from the opened atoms."""
    atoms = dict(zip(atoms_of(table, decided), opened, strict=True))
    inside = {
        position: [p for p in atoms if table.cells[p].within(table.cells[position])]
        for position, one in enumerate(decided)
        if one.members
    }
    return {
        position: figures.of(_added([atoms[p] for p in own]), decided[position].members)
        for position, own in inside.items()
    }


def _table(
    figures: Figures, decided: Sequence[Decided], sums: Mapping[int, Sums]
) -> list[dict[str, Any]]:
    """The cells in the plan's order; an empty one has a count of 0 and no figures."""
    cells = figures.plan.table.cells if figures.plan.table else ()
    return [
        {
            "path": cell.path,
            "n": None if one.withheld else one.members,
            "withheld": one.withheld or None,
            **_band(figures, sums.get(position, {}), one.members),
        }
        for position, (cell, one) in enumerate(zip(cells, decided, strict=True))
    ]


def _described(indicator: Indicator, value: dict[str, Any]) -> dict[str, Any]:
    """The cohort's value; null when a measure that it needs is withheld, or its divisor is zero."""
    return {
        "unit": indicator.unit,
        **value,
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
    indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums], figures: Figures
) -> dict[str, Any]:
    """Ratio of sums over the best bands nearest a tenth of the members; says which and how many.

    Where they are too many to stand for a tenth there is no value, and the reason.
    """
    best = best_set(bands, indicator.direction, BEST_PERCENT)
    names = () if best.withheld else (indicator.numerator, indicator.denominator)
    united = {name: sum(sums[index][name] for index in best.bands) for name in names}
    return {
        "indicator": indicator.name,
        "unit": indicator.unit,
        "target_share": f"1/{100 // BEST_PERCENT}",
        "share": f"{best.members}/{best.total}",
        "n": best.members,
        "near": best.near,
        "bands": list(best.bands),
        "withheld": best.withheld or None,
        **figures.ratio(indicator, united, best.members),
    }


def _curve(
    indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums], figures: Figures
) -> list[dict[str, Any]]:
    """Cumulative sums after each band, the least efficient first: the strategy's knots."""
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
        | ({"errors": figures.errors(list(columns), count)} if figures.shares else {})
        for position, count in enumerate(members)
    ]


def _computable(indicator: Indicator, sums: Sums) -> bool:
    """Whether both sums are there, and the divisor not zero; noise may make it anything."""
    if indicator.numerator not in sums or indicator.denominator not in sums:
        return False
    return sums[indicator.denominator] != 0
