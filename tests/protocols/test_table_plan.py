"""A plan with a table from its bytes to its release: layout, certificate, document, checks."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import certificate as certificates
from protocols import release
from protocols.cells import Decided
from protocols.certificate import BandCertificate
from protocols.document import CONTRADICTION
from protocols.errors import (
    ContributionRefused,
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
    ProtocolError,
)
from protocols.layout import Layout
from protocols.plan import Level, Measure, Plan, Ranking
from protocols.table import Table
from protocols.template import PlanTemplate
from tests.plain_round import STATEMENT, PlainRound, SparseEncoder, play
from tests.strategies import PLAIN_INDICATORS, frame, plain_plan
from tests.tables import CEF, TABLE, TABLE_MEASURES, member, table_members, table_plan, tables

PLAN = table_plan()
LAYOUT = Layout(PLAN, 2048)
BY_PATH = {cell.path: position for position, cell in enumerate(TABLE.cells)}


def played() -> PlainRound:
    members, leaves = table_members()
    return play(PLAN, members, categories=leaves)


def test_the_table_is_in_the_plans_bytes_and_hash() -> None:
    assert Plan.from_bytes(PLAN.to_bytes()) == PLAN
    others = [
        table_plan(table=Table("size", TABLE.leaves)),
        table_plan(table=Table("sector", TABLE.leaves[::-1])),
        table_plan(table=Table("sector", TABLE.leaves[:3])),
        table_plan(table=None, measures=_cohort_level()),
        table_plan(measures=_cohort_level()[:1] + TABLE_MEASURES[1:]),
    ]
    assert len({plan.hash for plan in (PLAN, *others)}) == len(others) + 1


def _cohort_level() -> tuple[Measure, ...]:
    return tuple(dataclasses.replace(m, level=Level.COHORT) for m in TABLE_MEASURES[:2])


def test_an_empty_table_is_not_canonical() -> None:
    """Field 16 present and empty: a table without a name."""
    with pytest.raises((MalformedMessage, PlanError)):
        Plan.from_bytes(plain_plan().to_bytes() + b"\x82\x01\x00")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indicators": PLAIN_INDICATORS[:1]}, "not both: a band less a cell"),
        ({"measures": _cohort_level()}, "nothing to publish"),
        ({"table": None}, "or a table"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        table_plan(**changes)


def test_labels_are_in_the_order_of_the_specification() -> None:
    leaves = [f"{kind}/{leaf}#0" for leaf in range(4) for kind in "KV"]
    assert list(LAYOUT.labels) == ["N/cef#0", "NT#0", *leaves]


def test_only_the_own_leaf_holds_anything() -> None:
    plaintexts = dict(zip(LAYOUT.labels, LAYOUT.encode(member(100), "food"), strict=True))
    assert {label for label, value in plaintexts.items() if value} == {
        "N/cef#0",
        "NT#0",
        "K/2#0",
        "V/2#0",
    }
    assert plaintexts["NT#0"] == 1 << 2 * PLAN.participants.bit_length()


@given(st.integers(1, 10**6), st.sampled_from(TABLE.leaves), st.sampled_from([512, 2048]))
def test_every_contribution_is_what_the_specification_says(size: int, leaf: str, bits: int) -> None:
    layout = Layout(PLAN, bits)
    encoded = zip(layout.labels, layout.encode(member(size), leaf), strict=True)
    expected = SparseEncoder(PLAN, bits).plaintexts(member(size), leaf)
    assert {x: v for x, v in encoded if v} == {x: v for x, v in expected.items() if v}


@given(tables)
def test_every_table_survives_the_plans_bytes(table: Table) -> None:
    plan = table_plan(table=table)
    again = Plan.from_bytes(plan.to_bytes())
    assert again == plan
    assert again.table == table
    assert again.sections == len(table.leaves)


@pytest.mark.parametrize("category", [None, "metals", "Food", ""])
def test_a_category_that_is_no_leaf_is_refused(category: str | None) -> None:
    with pytest.raises(ContributionRefused):
        LAYOUT.encode(member(100), category)


@given(st.sets(st.integers(0, 3), min_size=1))
def test_a_union_of_leaves_opens_their_product(leaves: set[int]) -> None:
    (label,) = LAYOUT.union_sum_labels(leaves)
    assert LAYOUT.factors(label) == [LAYOUT.labels.index(f"V/{leaf}#0") for leaf in sorted(leaves)]
    members, own = table_members()
    round_ = play(PLAN, members, categories=own)
    chosen = {TABLE.leaves[leaf] for leaf in leaves}
    inside = [values for values, leaf in zip(members, own, strict=True) if leaf in chosen]
    assert LAYOUT.decode_sums([label], round_.open([label])) == {
        name: sum(values[name] for values in inside) for name in ("output", "emissions")
    }


@pytest.mark.parametrize(
    "label",
    [
        "K/[0:1]+[1:2]#0",  # adjacent: [0:2]
        "K/[2:3]+[0:1]#0",  # descending
        "K/[0:2]+[1:3]#0",  # overlapping
        "K/[0:1]+[3:5]#0",  # beyond the last leaf
        "K/[0:1]+[2:2]#0",  # empty
        "K/[00:1]+[2:3]#0",
        "K/[0:1]+[2:3]+#0",
        "K/[0:1][2:3]#0",
        "K/[0:1]+[2:3]#1",
        "V/[0:1]+K/[2:3]#0",
        "NT#1",
    ],
)
def test_only_one_label_stands_for_a_union(label: str) -> None:
    with pytest.raises(OpeningInconsistent):
        LAYOUT.factors(label)


def test_the_release_equals_a_plain_computation() -> None:
    members, leaves = table_members()
    document = played().document
    assert document["withheld"] is None
    assert document["tabulated_by"] == "sector"
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    counts: dict[str, int] = defaultdict(int)
    for values, leaf in zip(members, leaves, strict=True):
        parts = leaf.split("/")
        for depth in range(len(parts) + 1):
            path = "/".join(parts[:depth])
            counts[path] += 1
            for name in ("output", "emissions"):
                sums[path][name] += values[name]
    shown = {cell["path"]: cell for cell in document["table"]}
    assert list(shown) == [cell.path for cell in TABLE.cells]
    withheld = {path for path, cell in shown.items() if cell["withheld"]}
    assert withheld == {"food", "textiles"}
    for path, cell in shown.items():
        if path in withheld:
            assert (cell["n"], cell["measures"], cell["indicators"]) == (None, {}, {})
            continue
        assert cell["n"] == counts[path]
        assert {n: int(m["value"]) for n, m in cell["measures"].items()} == sums[path]
        ratio = Fraction(cell["indicators"]["cef"]["value"])
        exact = 1000 * Fraction(sums[path]["output"], sums[path]["emissions"])
        assert abs(ratio - exact) <= exact / 10**19
    assert document["measures"]["output"]["value"] == str(sums[""]["output"])
    assert "imports" not in json.dumps(document["table"])


def test_what_is_opened_is_disjoint_and_holds_no_fewer_than_k() -> None:
    round_ = played()
    assert sorted(map(sorted, round_.counts.units)) == [[0], [1], [2, 3]]
    labels = certificates.sum_labels(PLAN, LAYOUT, round_.certificate)
    assert labels == ["V/[2:4]#0", "V/[0:1]#0", "V/[1:2]#0"]
    positions = [index for label in labels for index in LAYOUT.factors(label)]
    assert len(positions) == len(set(positions))


def test_an_empty_leaf_is_published_and_nothing_is_opened_for_it() -> None:
    members, leaves = table_members()
    moved = ["textiles" if leaf == "food" else leaf for leaf in leaves]
    round_ = play(PLAN, members, categories=moved)
    (food,) = [cell for cell in round_.document["table"] if cell["path"] == "food"]
    assert (food["n"], food["withheld"], food["measures"]) == (0, None, {})
    opened = [LAYOUT.factors(x) for x in certificates.sum_labels(PLAN, LAYOUT, round_.certificate)]
    assert LAYOUT.labels.index("V/2#0") not in [index for one in opened for index in one]


def test_a_cohort_is_withheld_whose_total_fails_though_a_part_is_safe() -> None:
    giant = [member(10**6), *(member(1) for _ in range(5))]
    members = [*giant, *(member(1000) for _ in range(6))]
    leaves = ["food"] * 6 + ["textiles"] * 6
    round_ = play(PLAN, members, categories=leaves)
    assert round_.certificate.withheld.startswith("even as one cell: one enterprise dominates")
    assert (round_.document["table"], round_.document["measures"]) == ([], {})
    assert certificates.sum_labels(PLAN, LAYOUT, round_.certificate) == []


def test_a_cohort_in_which_no_cell_passes_is_withheld() -> None:
    members = [member(10**6), *(member(1) for _ in range(5))]
    round_ = play(PLAN, members, categories=["food"] * 6)
    assert round_.certificate.withheld.startswith("even as one cell: one enterprise dominates")
    assert round_.document["table"] == []
    certificates.check_form(round_.certificate, PLAN)
    assert certificates.sum_labels(PLAN, LAYOUT, round_.certificate) == []


def test_a_certificate_survives_its_bytes() -> None:
    certificate = played().certificate
    assert BandCertificate.from_bytes(certificate.to_bytes()) == certificate
    certificates.check_form(certificate, PLAN)


SHOWN = Decided(9)
HIDDEN = Decided(0, "because")


def with_cells(**cells: Decided) -> BandCertificate:
    """The played certificate with other cells; keys are paths with ``_`` for ``/``, or ``all``."""
    certificate = played().certificate
    table = list(certificate.table)
    for key, decided in cells.items():
        table[BY_PATH["" if key == "all" else key.replace("_", "/")]] = decided
    return dataclasses.replace(certificate, table=tuple(table))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"food": Decided(1)}, "less those inside it, has fewer than 5"),
        ({"food": Decided(1, "small")}, "counts members of a cell that it withholds"),
        ({"all": Decided(21)}, "do not add up"),
        ({"all": Decided(0)}, "cells of a table without its total"),
        ({"metals": Decided(16)}, "does not add up"),
        ({"metals_steel": Decided(0)}, "does not add up|fewer than"),
        ({"metals_steel": HIDDEN, "metals_other": Decided(12)}, "fewer than 5"),
        ({"all": HIDDEN}, "cells of a table without its total"),
        (dict.fromkeys(("all", "metals", "metals_steel", "metals_other"), HIDDEN), "its total"),
    ],
)
def test_a_certificate_of_no_possible_form_is_refused(
    cells: dict[str, Decided], message: str
) -> None:
    with pytest.raises(OpeningInconsistent, match=message):
        certificates.check_form(with_cells(**cells), PLAN)


def test_a_certificate_decides_exactly_the_plans_cells() -> None:
    certificate = played().certificate
    short = dataclasses.replace(certificate, table=certificate.table[:-1])
    with pytest.raises(OpeningInconsistent, match="exactly the table's cells"):
        certificates.check_form(short, PLAN)
    bands = dataclasses.replace(PLAN, table=None, measures=_cohort_level())
    stray = BandCertificate(bands.hash, STATEMENT, 10, table=(SHOWN,))
    with pytest.raises(OpeningInconsistent):
        certificates.check_form(stray, bands)


def test_sums_that_contradict_the_classes_are_not_endorsed() -> None:
    round_ = played()
    labels = certificates.sum_labels(PLAN, LAYOUT, round_.certificate)
    opened = round_.open(labels)
    arguments = (PLAN, LAYOUT, round_.certificate)
    release.check_against_classes(*arguments, opened, round_.counts, round_.classes)
    for label in labels:
        with pytest.raises(OpeningInconsistent, match="contradicts its size classes"):
            release.check_against_classes(
                *arguments, {**opened, label: opened[label] * 4}, round_.counts, round_.classes
            )


def test_a_sum_that_no_members_can_have_withholds_the_cohort() -> None:
    round_ = played()
    opened = dict(round_.sums)
    label = next(iter(opened))
    opened[label] = 1 << 2000
    document = release.build_document(PLAN, LAYOUT, round_.certificate, opened)
    assert document["withheld"] == CONTRADICTION
    assert document["table"] == []


def test_members_in_two_leaves_are_noticed() -> None:
    round_ = played()
    label = "NT#0"
    opened = round_.open(LAYOUT.count_labels())
    with pytest.raises(OpeningInconsistent, match="not one-hot"):
        certificates.read_counts(PLAN, LAYOUT, {**opened, label: opened[label] + 1}, round_.members)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(1, 10**6), st.sampled_from(TABLE.leaves)), min_size=5, max_size=20
    )
)
def test_every_round_has_a_certificate_and_a_document_of_good_form(
    drawn: list[tuple[int, str]],
) -> None:
    members = [member(size) for size, _ in drawn]
    round_ = play(PLAN, members, categories=[leaf for _, leaf in drawn])
    certificates.check_form(round_.certificate, PLAN)
    if round_.document["withheld"] is None:
        arguments = (PLAN, LAYOUT, round_.certificate, round_.sums)
        release.check_against_classes(*arguments, round_.counts, round_.classes)


def test_the_largest_certificate_is_looked_at() -> None:
    leaves = tuple(f"{'文' * 20}{i:02d}/{'字' * 56}{j}" for i in range(32) for j in "ab")
    plan = table_plan(table=Table("sector", leaves))
    members = [member(100 + i) for i in range(6)]
    round_ = play(plan, members, categories=[leaves[2 * i] for i in range(6)])
    assert len(round_.certificate.to_bytes()) < certificates.max_bytes(plan)


TEMPLATE = """
schema = "cefed.plan/1"
[plan]
title = "t"
[table]
name = "sector"
leaves = ["metals/steel", "metals/other", "food"]
[[measures]]
name = "output"
unit = "yuan"
bound = 1000
"""


def test_a_template_names_the_leaves() -> None:
    template = PlanTemplate.parse(TEMPLATE)
    plan = template.instantiate(**frame(period="2024"))
    assert plan.table == Table("sector", ("metals/steel", "metals/other", "food"))
    with pytest.raises(ProtocolError, match="leafs"):
        PlanTemplate.parse(TEMPLATE.replace("leaves =", "leafs ="))


def test_counts_may_be_ranked_beside_a_table() -> None:
    assert CEF.ranking is Ranking.COUNTS
    assert played().document["rankings"]["cef"]["sums"] is False
