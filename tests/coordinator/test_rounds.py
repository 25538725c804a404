"""What each statement means for a round, and what a round refuses."""

from __future__ import annotations

import pytest

from coordinator.rounds import Duty, Round
from coordinator.states import State
from protocols import closing, notices
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PlanExpired,
    PolicyRefusal,
    TranscriptBroken,
)
from protocols.signing import open_signed
from protocols.terms import read_terms
from tests.cohort import COORDINATOR, DEADLINE, NOW, Scene, member_key
from tests.keys import signing_key


@pytest.fixture
def round_(scene: Scene) -> Round:
    return Round(read_terms(scene.record, COORDINATOR.public, read_ceremony=scene.read_ceremony))


def apply(round_: Round, data: bytes, kind: str) -> None:
    statement = open_signed(data, kind)
    round_.admit(statement)
    round_.apply(kind, statement.signer, data, statement.payload)


def admit(scene: Scene, round_: Round) -> None:
    for key in scene.held.signing[:3]:
        apply(round_, notices.roster_vote(scene.plan, scene.roster, key), "roster")


def close(scene: Scene, round_: Round) -> None:
    admit(scene, round_)
    round_.end()
    apply(round_, closing.propose(round_.terms.plan, [b"c" * 32], bytes(32), COORDINATOR), "close")


def vote(scene: Scene, index: int, aggregates: bytes = b"a" * 32) -> bytes:
    statement = closing.ClosingStatement.of(scene.plan.hash, (b"c" * 32,), aggregates)
    return closing.vote(statement, b"h" * 32, scene.held.signing[index - 1])


def test_q_roster_votes_open_a_round(scene: Scene, round_: Round) -> None:
    for key in scene.held.signing[:2]:
        apply(round_, notices.roster_vote(scene.plan, scene.roster, key), "roster")
    assert round_.state is State.PROPOSED
    with pytest.raises(PlanExpired, match="not open yet"):
        round_.check_time(member_key(1).public, NOW)

    apply(round_, notices.roster_vote(scene.plan, scene.roster, scene.held.signing[2]), "roster")
    assert round_.state is State.OPEN
    round_.check_time(member_key(1).public, NOW)
    # The fourth adds its signature, and changes nothing.
    apply(round_, notices.roster_vote(scene.plan, scene.roster, scene.held.signing[3]), "roster")
    assert round_.state is State.OPEN


def test_a_roster_vote_for_another_roster_is_refused(scene: Scene, round_: Round) -> None:
    other = Scene(members=11)

    with pytest.raises(PlanError, match="another plan or roster"):
        apply(
            round_, notices.roster_vote(scene.plan, other.roster, scene.held.signing[0]), "roster"
        )


def test_duties_of_an_open_round(scene: Scene, round_: Round) -> None:
    assert round_.duty(DEADLINE) is None  # proposed: nothing could have come in
    admit(scene, round_)
    assert round_.duty(NOW) is None
    assert round_.duty(DEADLINE) is Duty.END
    for member in scene.roster.members:
        round_.apply_contribution(member.key.raw, 1, member.key.raw)
    assert round_.duty(NOW) is Duty.END
    assert round_.duty(NOW, when_complete=False) is None
    round_.end()
    assert round_.duty(NOW) is Duty.CLOSE


def test_a_deadline_takes_the_place_of_every_earlier_one(scene: Scene, round_: Round) -> None:
    member = member_key(1).public
    admit(scene, round_)
    later = notices.make_deadline(scene.plan, NOW, DEADLINE + 100, "holidays", COORDINATOR)
    apply(round_, later, "deadline")
    assert round_.duty(DEADLINE) is None
    round_.check_time(member, DEADLINE + 99)
    with pytest.raises(PlanExpired, match="deadline"):
        round_.check_time(member, DEADLINE + 100)

    apply(round_, notices.make_deadline(scene.plan, NOW, NOW, "enough", COORDINATOR), "deadline")
    assert round_.duty(NOW) is Duty.END
    assert len(round_.notices) == 2


def test_only_the_coordinator_announces(scene: Scene, round_: Round) -> None:
    for key in (member_key(1), scene.held.signing[0]):
        with pytest.raises(InvalidSignature, match="the coordinator's to sign"):
            apply(round_, notices.make_reminder(scene.plan, NOW, 0, key), "reminder")
    other = Scene(title="Another plan").plan
    with pytest.raises(PlanError, match="another plan"):
        apply(round_, notices.make_reminder(other, NOW, 0, COORDINATOR), "reminder")
    with pytest.raises(MalformedMessage, match="not after the round's opening"):
        apply(round_, notices.make_deadline(scene.plan, NOW, 1, "x", COORDINATOR), "deadline")
    assert round_.notices == []


def test_a_cancelled_round_takes_nothing(scene: Scene, round_: Round) -> None:
    admit(scene, round_)
    cancellation = notices.make_cancellation(scene.plan, NOW, "wrong factors", COORDINATOR)
    apply(round_, cancellation, "cancellation")

    assert round_.state is State.CANCELLED
    assert round_.duty(DEADLINE) is Duty.CLEAN
    with pytest.raises(PlanExpired, match="cancelled"):
        round_.check_time(member_key(1).public, NOW)
    with pytest.raises(PolicyRefusal, match="no longer be cancelled"):
        apply(round_, cancellation, "cancellation")


def test_a_trustee_leaves_a_round_once_and_says_why(scene: Scene, round_: Round) -> None:
    key = scene.held.signing[1]
    apply(round_, notices.make_refusal(scene.plan, "the limit is 2 rounds", key), "refusal")
    assert round_.refusals == {2: "the limit is 2 rounds"}
    assert round_.state is State.PROPOSED

    with pytest.raises(PolicyRefusal, match="the first stands"):
        apply(round_, notices.make_refusal(scene.plan, "and another", key), "refusal")
    with pytest.raises(InvalidSignature, match="not a trustee"):
        apply(round_, notices.make_refusal(scene.plan, "x", signing_key(9, "stranger")), "refusal")


@pytest.mark.parametrize(
    ("version", "last"),
    [(1, 1), (1, 3), (3, 3)],
)
def test_versions_only_rise(scene: Scene, round_: Round, version: int, last: int) -> None:
    admit(scene, round_)
    member = member_key(1).public
    for number in range(1, last + 1):
        round_.check_contribution(member, number)
        round_.apply_contribution(member.raw, number, bytes([number]) * 32)

    with pytest.raises(ContributionRefused, match="superseded"):
        round_.check_contribution(member, version)
    round_.check_contribution(member, last + 1)
    round_.check_contribution(member, last + 5)


def test_after_the_closing_a_correction_is_only_noted(scene: Scene, round_: Round) -> None:
    member, other = member_key(1).public, member_key(2).public
    admit(scene, round_)
    round_.apply_contribution(member.raw, 1, bytes(32))
    round_.end()
    with pytest.raises(PlanExpired, match="is closing"):
        round_.check_time(member, NOW)
    apply(round_, closing.propose(scene.plan, [], bytes(32), COORDINATOR), "close")

    with pytest.raises(ContributionRefused, match=r"after the closing .* is noted"):
        round_.check_time(member, NOW)
    with pytest.raises(PlanExpired, match="is closed"):
        round_.check_time(other, NOW)


def test_q_equal_closing_votes_make_the_statement(scene: Scene, round_: Round) -> None:
    close(scene, round_)
    apply(round_, vote(scene, 1), "closing")
    apply(round_, vote(scene, 2), "closing")
    assert round_.closing is None
    apply(round_, vote(scene, 4), "closing")
    assert round_.closing is not None
    assert round_.closing.lists([b"c" * 32])


def test_a_closing_vote_for_more_than_the_plans_members(scene: Scene, round_: Round) -> None:
    close(scene, round_)
    counted = tuple(bytes([i]) * 32 for i in range(scene.members + 1))

    def made(count: int) -> bytes:
        statement = closing.ClosingStatement.of(scene.plan.hash, counted[:count], b"a" * 32)
        return closing.vote(statement, b"h" * 32, scene.held.signing[0])

    with pytest.raises(PolicyRefusal, match="counts 13 contributions of 12 members"):
        apply(round_, made(scene.members + 1), "closing")
    assert len(made(scene.members)) <= round_.largest["closing"]
    apply(round_, made(scene.members), "closing")


def test_two_different_closings_of_one_trustee(scene: Scene, round_: Round) -> None:
    close(scene, round_)
    apply(round_, vote(scene, 1), "closing")

    with pytest.raises(PolicyRefusal, match="the first stands"):
        apply(round_, vote(scene, 1, b"b" * 32), "closing")
    apply(round_, vote(scene, 2), "closing")
    apply(round_, vote(scene, 3), "closing")
    assert round_.closing is not None


def test_closings_that_differ_do_not_add_up(scene: Scene, round_: Round) -> None:
    close(scene, round_)
    for index in (1, 2):
        apply(round_, vote(scene, index), "closing")
    for index in (3, 4):
        apply(round_, vote(scene, index, b"b" * 32), "closing")
    assert round_.closing is None


def test_a_stranger_has_no_vote(scene: Scene, round_: Round) -> None:
    close(scene, round_)
    statement = closing.ClosingStatement.of(scene.plan.hash, (b"c" * 32,), b"a" * 32)

    with pytest.raises(InvalidSignature, match="not a trustee"):
        apply(round_, closing.vote(statement, b"h" * 32, signing_key(9, "stranger")), "closing")
    other = scene.held.signing[0].sign("release", b"")
    round_.state = State.CERTIFIED
    with pytest.raises(InvalidSignature, match="the coordinator's to sign"):
        apply(round_, other, "release")


def test_a_log_out_of_order_is_not_believed(scene: Scene, round_: Round) -> None:
    proposal = closing.propose(scene.plan, [], bytes(32), COORDINATOR)
    content = open_signed(proposal, "close").payload

    with pytest.raises(TranscriptBroken, match="out of order"):
        round_.apply("close", COORDINATOR.public, proposal, content)
