"""The coordinator's own view of earlier rounds: who is the same there, and what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coordinator.board import Board
from coordinator.earlier import (
    Held,
    _closed,
    by_key,
    check_roster,
    decide_closing,
    registered,
    warnings,
)
from coordinator.folder import Office
from coordinator.history import closed_rounds
from protocols.atoms import NOTHING_DECLARED, declare
from protocols.closing import read_proposal
from protocols.errors import PolicyRefusal
from protocols.items import Item
from protocols.notices import make_deadline, make_refusal
from protocols.signing import VerifyKey, open_signed
from protocols.terms import read_terms
from tests.cohort import COORDINATOR, NOW, Scene, member_key

FIRST = Scene()
SECOND = Scene(round_id="round-2", numbers=tuple(range(1, 19)))
RENEWED = 101
"""The number of the key that takes the place of member 1's."""


def renewed(keys: Sequence[VerifyKey]) -> list[Item]:
    """Who is behind keys, where member 1 has two of them."""
    new, old = member_key(RENEWED).public.raw, member_key(1).public.raw
    return [Item(key.raw, *(2 * (old if key.raw == new else key.raw,))) for key in keys]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """The first round, closed by the coordinator."""
    board = FIRST.board(tmp_path / "board.sqlite")
    finish(board, FIRST)
    yield board
    board.close()


def finish(board: Board, scene: Scene, *absent: int) -> None:
    for number in scene.numbers:
        if number not in absent:
            scene.submit(board, number)
    notice = make_deadline(scene.plan, NOW, NOW, "enough", COORDINATOR)
    if board.describe(scene.round_id)[1] == "open":
        board.announce(scene.round_id, notice)
    while board.advance():
        pass


def propose(board: Board, scene: Scene) -> None:
    board.create_round(scene.record)
    scene.countersign(board)


def test_the_close_declares_what_earlier_rounds_cut(board: Board) -> None:
    propose(board, SECOND)
    finish(board, SECOND)

    entries = list(board.read(SECOND.round_id, 0))
    close = next(entry for entry in entries if entry.kind == "close")
    declared = read_proposal(open_signed(close.payload, "close").payload, SECOND.plan).declared

    assert sorted(map(len, declared.atoms)) == [6, 12]
    (fresh,) = declared.fresh
    assert len(declared.atoms[fresh]) == 6
    assert declared.totals_only


def test_a_round_that_must_not_be_closed_is_cancelled(board: Board) -> None:
    propose(board, SECOND)
    finish(board, SECOND, 18, 17)

    kinds = [entry.kind for entry in board.read(SECOND.round_id, 0)]
    assert board.describe(SECOND.round_id)[1] == "cancelled"
    assert kinds == ["plan"]  # the contributions are shown to nobody


def test_a_new_key_is_the_same_enterprise_by_the_registry(board: Board) -> None:
    scene = Scene(round_id="round-2", numbers=(*range(2, 19), RENEWED))
    terms = read_terms(scene.record, COORDINATOR.public, read_ceremony=scene.read_ceremony)
    desks = list(board._desks.values())

    check_roster(terms, desks, renewed)
    with pytest.raises(PolicyRefusal, match="no round can be closed with this roster: round-1 "):
        check_roster(terms, desks, by_key)


@pytest.mark.parametrize(
    ("numbers", "period", "reason"),
    [
        (range(1, 13), "2020", "opened before, last in round-1"),
        (range(1, 17), "2020", "may be opened with at least 5 enterprises more"),
        (range(1, 19), "2020-Q1", "which overlaps with 2020-Q1"),
    ],
)
def test_rosters_that_no_closing_can_be_over_are_not_proposed(
    board: Board, numbers: Sequence[int], period: str, reason: str
) -> None:
    scene = Scene(round_id="round-2", period=period, numbers=tuple(numbers))
    with pytest.raises(PolicyRefusal, match="no round can be closed with this roster") as raised:
        board.create_round(scene.record)
    assert reason in str(raised.value)
    assert [row.round_id for row in board.rounds()] == ["round-1"]


def test_a_few_entrants_are_warned_about_and_may_stay_away(board: Board) -> None:
    scene = Scene(round_id="round-2", period="2021", numbers=tuple(range(1, 17)))

    def told(scene: Scene) -> list[str]:
        closed = list(closed_rounds(board._store, "round-2", read_ceremony=scene.read_ceremony))
        return warnings(scene.plan, scene.roster, closed, by_key)

    (warning,) = told(scene)
    assert "would leave 1 group of fewer than 5 enterprises" in warning
    assert told(Scene(round_id="round-2", period="2021")) == []
    assert told(Scene(round_id="round-2", period="2021", numbers=tuple(range(1, 18)))) == []
    propose(board, scene)
    finish(board, scene, 13, 14, 15, 16)
    assert board.describe("round-2")[1] == "closed"


def test_the_store_tells_the_same_closings_as_the_board(board: Board) -> None:
    def held(but: str) -> list[Held]:
        return list(closed_rounds(board._store, but, read_ceremony=FIRST.read_ceremony))

    ((plan, keys, declared),) = held("")
    assert (plan, declared) == (FIRST.plan, NOTHING_DECLARED)
    assert set(keys) == {member_key(number).public for number in FIRST.numbers}
    assert held("round-1") == []
    for key in FIRST.held.signing[:3]:
        board.post("round-1", make_refusal(FIRST.plan, "no", key), key.public)
    assert held("") == []  # q trustees never sign it, so nothing of it can be opened
    assert list(_closed(board._desks.values(), "")) == []


def test_another_firm_of_the_group_takes_nobodys_place(board: Board) -> None:
    scene = Scene(round_id="round-2", numbers=(*range(2, 19), RENEWED))
    terms = read_terms(scene.record, COORDINATOR.public, read_ceremony=scene.read_ceremony)

    def of_one_group(keys: Sequence[VerifyKey]) -> list[Item]:
        return [
            Item(key.raw, key.raw, item.group)
            for key, item in zip(keys, renewed(keys), strict=True)
        ]

    with pytest.raises(PolicyRefusal, match="replaced by another of the group"):
        check_roster(terms, list(board._desks.values()), of_one_group)


def test_the_rounds_own_closing_is_no_earlier_one(board: Board) -> None:
    desk = board._desks[FIRST.round_id]
    included = sorted(item.hash for item in desk.contributions)

    decision = decide_closing(desk, included, list(board._desks.values()), by_key)

    assert decision.allowed
    assert declare(decision).atoms == ()


def test_the_registry_says_who_is_behind_keys(tmp_path: Path) -> None:
    office = Office.create(tmp_path / "platform", ["localhost"], "")
    known, stranger = member_key(1).public, member_key(2).public
    with office.registry() as registry:
        registry.admit_many([(known, "E-1", "Acme")])
        found = registered(registry)([stranger, known])

    assert found == [*by_key([stranger]), Item.of(known.raw, "e-1", "ACME")]
