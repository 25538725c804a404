"""Tampered bundles of a round with a table, a withheld cell and a withheld measure.

As :mod:`tests.tampering`: the attacker signs as the coordinator and as all trustees.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import lru_cache

from protocols.atoms import Declared
from protocols.cells import Decided
from protocols.ceremony import Ceremony
from protocols.plan import Level, Measure, Plan, Ranking, Unrelated
from protocols.release import canonical_json
from protocols.roster import Roster
from protocols.walkthrough import Cast, Played, run_round
from tests.bundles import Bundle
from tests.keys import cast, trustees
from tests.scenes import small_plan
from tests.tables import TABLE, TABLE_MEASURES, table_members

ALONE, BESIDE = (
    next(p for p, cell in enumerate(TABLE.cells) if cell.path == path)
    for path in ("food", "textiles")
)
"""The cell of one enterprise, and the cell that is withheld with it."""

WITHHELD = "electricity"


def tabulated_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    """A table, a ranking by counts, and a cohort-level measure."""
    plan = small_plan(roster, ceremony)
    electricity = Measure(WITHHELD, "kWh", bound=10**9, level=Level.COHORT)
    return dataclasses.replace(
        plan,
        measures=(*TABLE_MEASURES, electricity),
        indicators=(dataclasses.replace(plan.indicators[0], ranking=Ranking.COUNTS),),
        relations=(),
        unrelated=(Unrelated((WITHHELD, "emissions"), "emissions are those of fuels"),),
        table=TABLE,
    )


@lru_cache(maxsize=1)
def scene() -> tuple[Cast, Played]:
    """A finished round: one enterprise is alone in its leaf, one uses most of the electricity."""
    measures, leaves = table_members()
    for place, own in enumerate(measures):
        own[WITHHELD] = 10**8 if place == 0 else 1000 + place
    players = cast(trustees(), len(measures))
    return players, run_round(
        players, measures, tabulated_plan, say=lambda _: None, categories=leaves
    )


def small_cell(b: Bundle) -> None:
    """The certificate publishes the cell of one enterprise, and its neighbour too."""
    table = list(b.played.certificate.table)
    table[ALONE], table[BESIDE] = Decided(1), Decided(6)
    b.certify_again(dataclasses.replace(b.played.certificate, table=tuple(table)))


def residual_of_a_cell(b: Bundle) -> None:
    """The small cell is withheld, and its neighbour is not: it follows by subtraction."""
    table = list(b.played.certificate.table)
    table[BESIDE] = Decided(6)
    b.certify_again(dataclasses.replace(b.played.certificate, table=tuple(table)))


def withheld_cell_opened(b: Bundle) -> None:
    """t corrupt trustees opened the leaf that the certificate withholds."""
    b.open_too(b.played.layout.union_sum_labels((TABLE.cells[ALONE].first,))[0])


def withheld_measure_opened(b: Bundle) -> None:
    """t corrupt trustees opened the measure that the certificate withholds."""
    b.open_too(b.played.layout.cohort_sum_labels(WITHHELD)[0])


def withheld_measure_allowed(b: Bundle) -> None:
    """The certificate withholds a measure with a reason, and allows it too."""
    b.certify_again(dataclasses.replace(b.played.certificate, cohort_measures=(WITHHELD,)))


def forgotten_measure(b: Bundle) -> None:
    """The certificate says nothing of a measure that the plan publishes."""
    b.certify_again(dataclasses.replace(b.played.certificate, withheld_measures={}))


def withheld_measure_published(b: Bundle) -> None:
    """The document has a total of the withheld measure, which nothing was opened for."""
    document = json.loads(b.played.release.document_bytes)
    document["measures"][WITHHELD] = dict(document["measures"]["output"])
    b.release_again(document=canonical_json(document))


def table_beside_totals_only(b: Bundle) -> None:
    """The closing allows totals only, and the certificate has cells."""
    b.declare_again(Declared(totals_only=True))


def table_beside_a_fresh_atom(b: Bundle) -> None:
    """Earlier data of the period was opened, and cells are published all the same."""
    places = tuple(range(b.played.certificate.members))
    b.declare_again(Declared((places[:9], places[9:]), frozenset((1,))))


TAMPERINGS: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "small-cell": (small_cell, "certificate-quorum"),
    "residual-of-a-cell": (residual_of_a_cell, "certificate-quorum"),
    "withheld-cell-opened": (withheld_cell_opened, "openings"),
    "withheld-measure-opened": (withheld_measure_opened, "openings"),
    "withheld-measure-allowed": (withheld_measure_allowed, "certificate-quorum"),
    "forgotten-measure": (forgotten_measure, "certificate-quorum"),
    "withheld-measure-published": (withheld_measure_published, "figures"),
    "table-beside-totals-only": (table_beside_totals_only, "certificate-quorum"),
    "table-beside-a-fresh-atom": (table_beside_a_fresh_atom, "declared-atoms"),
}
