"""Declared atoms: in statements, against a ledger, and in what a certificate may still allow."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import atom_classes, closing
from protocols.aggregate import Aggregates
from protocols.atoms import NOTHING_DECLARED, Declared, check_declared, check_partition, declare
from protocols.bands import BinRange
from protocols.certificate import BandCertificate, RankingResult, check_form
from protocols.closing import ClosingStatement
from protocols.differencing import Opened, decide
from protocols.errors import OpeningInconsistent, PolicyRefusal, TranscriptBroken
from protocols.plan import Level
from protocols.plan_terms import Policy
from protocols.signing import open_signed
from tests.cohort import COORDINATOR, Scene, values
from tests.plain_round import PlainRound, play
from tests.tables import table_members, table_plan

POLICY = Policy(minimum_cohort=3)
HASHES = tuple(bytes([n]) * 32 for n in range(6))
HALVES = Declared(((0, 1, 2), (3, 4, 5)), frozenset((1,)), totals_only=True)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(members=18)


@pytest.mark.parametrize("declared", [NOTHING_DECLARED, HALVES, Declared(totals_only=True)])
def test_declarations_survive_their_statements(scene: Scene, declared: Declared) -> None:
    signed = closing.propose(scene.plan, HASHES, bytes(32), COORDINATOR, declared)
    proposal = closing.read_proposal(open_signed(signed, "close").payload, scene.plan)
    statement = ClosingStatement.of(scene.plan.hash, HASHES, bytes(32), declared)

    assert proposal.declared == declared
    assert ClosingStatement.from_bytes(statement.to_bytes()) == statement
    bare = dataclasses.replace(statement, declared=NOTHING_DECLARED)
    assert (statement.hash == bare.hash) == (declared == NOTHING_DECLARED)


@pytest.mark.parametrize(
    "atoms",
    [
        ((0, 1, 2, 3, 4, 5),),
        ((0, 1, 2), (3, 4)),
        ((0, 1, 2), (2, 3, 4, 5)),
        ((3, 4, 5), (0, 1, 2)),
        ((2, 1, 0), (3, 4, 5)),
        ((), (0, 1, 2), (3, 4, 5)),
        ((0, 1, 2), (3, 4, 6)),
    ],
)
def test_a_partition_is_written_in_one_way(atoms: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(TranscriptBroken, match="do not part the inclusion list"):
        check_partition(Declared(atoms), 6)


BLOCKS = st.sets(st.sampled_from((range(3), range(3, 6), range(6, 12))), min_size=1)


@given(st.lists(BLOCKS, max_size=2), st.lists(BLOCKS, max_size=2))
def test_trustees_accept_what_their_own_ledgers_demand(
    seen: list[set[range]], known: list[set[range]]
) -> None:
    """A coordinator that knows more rounds than a trustee is refused where these cut finer."""
    proposed = Opened("new", "2026", tuple(range(12)))
    rounds = [
        Opened(f"r{n}", "2025", frozenset(item for block in blocks for item in block))
        for n, blocks in enumerate([*seen, *known])
    ]
    whole = decide(rounds, proposed, POLICY)
    own = decide(rounds[: len(seen)], proposed, POLICY)

    assert whole.allowed
    check_declared(declare(own), own, proposed.order, POLICY)
    if whole.atoms == own.atoms:
        check_declared(declare(whole), own, proposed.order, POLICY)
    else:
        with pytest.raises(PolicyRefusal, match="declares finer atoms"):
            check_declared(declare(whole), own, proposed.order, POLICY)


@given(st.lists(st.integers(0, 2), min_size=9, max_size=9))
def test_a_trustee_accepts_its_own_atoms_only(labels: list[int]) -> None:
    proposed = Opened("new", "2026", tuple(range(9)))
    own = decide([Opened("old", "2025", frozenset(range(4)))], proposed, POLICY)
    atoms = [tuple(i for i, x in enumerate(labels) if x == label) for label in range(3)]
    declared = Declared(tuple(sorted(filter(None, atoms))), totals_only=True)

    if declared.atoms == own.atoms:
        check_declared(declared, own, proposed.order, POLICY)
    else:
        with pytest.raises(PolicyRefusal):
            check_declared(declared, own, proposed.order, POLICY)


@pytest.mark.parametrize("pick", [range(5), range(3, 8)])
def test_atoms_that_nothing_cut_are_no_oracle(pick: range) -> None:
    """Any few enterprises as an atom would tell whether one of them dominates."""
    own = decide([], Opened("new", "2026", tuple(range(9))), POLICY)
    rest = tuple(place for place in range(9) if place not in pick)
    declared = Declared(tuple(sorted((tuple(pick), rest))))

    with pytest.raises(PolicyRefusal, match="declares finer atoms"):
        check_declared(declared, own, tuple(range(9)), POLICY)


def test_a_declaration_for_other_members_is_refused() -> None:
    own = decide([], Opened("new", "2026", tuple(range(9))), POLICY)
    with pytest.raises(PolicyRefusal, match="no partition"):
        check_declared(HALVES, own, tuple(range(9)), POLICY)


# Size classes of atoms, on a round without encryption


def opened(scene: Scene, declared: Declared, members: list[dict[str, int]]) -> dict[str, int]:
    """What trustees open of the atoms, from plain sums."""
    found: dict[str, int] = {}
    for place, atom in enumerate(declared.atoms):
        own = play(scene.plan, [members[index] for index in atom], scene.layout.modulus_bits)
        start = f"A/{place}/"
        mine = [x for x in atom_classes.labels(scene.layout, declared) if x.startswith(start)]
        labels = [label.removeprefix(start) for label in mine]
        found.update(zip(mine, own.open(labels).values(), strict=True))
    return found


def restricted(
    scene: Scene, declared: Declared, members: list[dict[str, int]]
) -> tuple[PlainRound, BandCertificate]:
    whole = play(scene.plan, members, scene.layout.modulus_bits)
    counts = atom_classes.one_part(scene.plan, whole.counts, declared)
    whole.__dict__["counts"] = counts
    atoms = atom_classes.read_classes(scene.layout, declared, opened(scene, declared, members))
    return whole, atom_classes.restrict(
        whole.certificate, scene.plan, counts, whole.classes, declared, atoms
    )


ADDED = Declared((tuple(range(12)), tuple(range(12, 18))), frozenset((1,)), totals_only=True)


def test_totals_are_all_that_is_left(scene: Scene) -> None:
    members = [values(number) for number in range(1, 19)]

    whole, certificate = restricted(scene, ADDED, members)

    assert len(whole.counts.tentative) == 1
    assert certificate == whole.certificate
    assert certificate.rankings == (RankingResult("cef", (BinRange(0, 8, 18),)),)


def test_with_bands_where_totals_are_not_all(scene: Scene) -> None:
    members = [values(number) for number in range(1, 19)]
    declared = dataclasses.replace(ADDED, totals_only=False)

    whole, certificate = restricted(scene, declared, members)

    assert len(certificate.rankings[0].bands) >= 2
    assert certificate == whole.certificate
    with pytest.raises(OpeningInconsistent, match="totals only"):
        atom_classes.check_totals_only(certificate, ADDED)
    atom_classes.check_totals_only(certificate, declared)


@pytest.mark.parametrize("measure", ["emissions", "electricity"])
def test_an_atom_that_one_enterprise_dominates(scene: Scene, measure: str) -> None:
    members = [values(number) for number in range(1, 19)]
    members[17] = members[17] | {measure: 1 << 17}

    whole, certificate = restricted(scene, ADDED, members)

    assert not whole.certificate.withheld
    assert not whole.certificate.withheld_measures
    if scene.plan.measure(measure).level is Level.BAND:
        assert "would leave enterprises unsafe: " in certificate.withheld
        assert not any(mark.isdigit() for mark in certificate.withheld.split(":")[0])
        assert not certificate.rankings
    else:
        assert set(certificate.withheld_measures) == {measure}
        assert measure not in certificate.cohort_measures
        assert not certificate.withheld


def test_other_data_shows_in_the_class_counts(scene: Scene) -> None:
    members = [values(number) for number in range(1, 19)]
    first = play(scene.plan, members[:12], scene.layout.modulus_bits)
    known = atom_classes.known_classes(scene.plan, first.classes)
    found = opened(scene, ADDED, members)
    (again, _) = atom_classes.read_classes(scene.layout, ADDED, found)

    assert set(known) == {"output", "emissions", "electricity"}
    assert atom_classes.comparable(scene.plan, known, [again])
    assert not atom_classes.corrected(scene.plan, known, [again])
    for measure, held in known.items():
        counts = (*held.counts[:-1], held.counts[-1] - 1, 1)
        changed = known | {measure: dataclasses.replace(held, counts=counts)}
        assert atom_classes.comparable(scene.plan, changed, [again])
        assert atom_classes.corrected(scene.plan, changed, [again])


@pytest.mark.parametrize("other", [{"unit": "t"}, {"resolution": 2}, {"name": "another"}])
def test_classes_of_another_kind_are_not_compared(scene: Scene, other: dict[str, Any]) -> None:
    """Neither passed over, as a renamed measure was once, nor called a correction."""
    members = [values(number) for number in range(1, 19)]
    first = play(scene.plan, members[:12], scene.layout.modulus_bits)
    known = atom_classes.known_classes(scene.plan, first.classes)
    (again, _) = atom_classes.read_classes(scene.layout, ADDED, opened(scene, ADDED, members))
    for measure in known:
        changed = dict(known)
        held = changed.pop(measure)
        if "name" in other:
            changed[other["name"]] = held
        else:
            changed[measure] = dataclasses.replace(held, **other)

        assert not atom_classes.comparable(scene.plan, changed, [again])
        assert not atom_classes.corrected(scene.plan, changed, [again])


def test_a_member_that_is_not_one_hot_in_its_atom(scene: Scene) -> None:
    members = [values(number) for number in range(1, 19)]
    found = opened(scene, ADDED, members)
    label = next(iter(found))

    with pytest.raises(OpeningInconsistent, match="not one-hot"):
        atom_classes.read_classes(scene.layout, ADDED, found | {label: found[label] + 1})


def test_of_a_table_the_total_is_left() -> None:
    plan = table_plan()
    members, leaves = table_members()
    before = play(plan, members, categories=leaves)
    round_ = play(plan, members, categories=leaves)
    declared = Declared(totals_only=True)
    counts = atom_classes.one_part(plan, round_.counts, declared)
    round_.__dict__["counts"] = counts

    certificate = atom_classes.restrict(
        round_.certificate, plan, counts, round_.classes, declared, ()
    )

    assert len(counts.units) == 1
    assert sum(1 for cell in before.certificate.table if cell.members) > 1
    total, *cells = certificate.table
    assert total.members == len(members)
    assert {(cell.members, cell.withheld) for cell in cells} == {(0, atom_classes.TOTALS_ONLY)}
    check_form(certificate, plan)
    atom_classes.check_totals_only(certificate, declared)
    with pytest.raises(OpeningInconsistent, match="totals only"):
        atom_classes.check_totals_only(before.certificate, declared)


@pytest.mark.parametrize("label", ["A/2/KC#0", "A/0/V/[0:8]#0", "A/00/KC#0", "A/0/K/[0:9]#0"])
def test_labels_that_name_no_atom(scene: Scene, label: str) -> None:
    key = scene.held.ceremony.key.public
    one = Aggregates(scene.layout, key, ())
    with pytest.raises(OpeningInconsistent):
        dataclasses.replace(one, atoms=(one, one)).ciphertext(label)
