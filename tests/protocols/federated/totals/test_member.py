"""A member against a coordinator that cheats: it refuses, or says again what it said before.

Every negative here is signed by the coordinator: what fails is the content.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from protocols.errors import (
    BoundExceeded,
    ContributionRefused,
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PolicyRefusal,
    ProtocolError,
    QuorumMissing,
    StorageError,
)
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey, from_bytes
from protocols.federated.totals.member import Member
from protocols.federated.totals.sealed import SEALED_BYTES
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import combine, read_share
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.federated.totals.statements import commitment_to
from protocols.federated.totals.steps import invitation, make_step, read_answer, read_step
from protocols.federated.totals.survivors import Survivors, quorum_of, read_signature
from protocols.roster import Member as RosterMember
from protocols.signing import SigningKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire import messages_pb2 as pb
from tests.totals import (
    COORDINATOR,
    Play,
    gathering_of,
    key_at,
    plan_of,
    roster_of,
    signer,
    terms_of,
    values_of,
)

SIZE = 9
PLAN = plan_of(SIZE)
SETTING = Setting(PLAN)
ROSTER = roster_of(SIZE)
VICTIM = 4
OUTSIDER = signer(1000)


@pytest.fixture(scope="module")
def clean() -> Play:
    """A round that went through: what it recorded is changed by the tests."""
    play = Play(PLAN)
    play.finish()
    return play


def step_of(play: Play, stage: Stage, place: int = VICTIM) -> fb.TotalsStep:
    """A copy of what a member was asked."""
    copy = fb.TotalsStep()
    copy.CopyFrom(read_step(play.steps[stage, place], COORDINATOR.public).message)
    return copy


def refused(play: Play, step: fb.TotalsStep, stage: Stage, error: type[ProtocolError]) -> None:
    """The victim refuses a step, remembers nothing of it, and still answers the true one."""
    member = at(play, stage)
    before = member.remember()
    with pytest.raises(error):
        member.answer(make_step(step, COORDINATOR))
    assert member.remember() == before
    assert member.answer(play.steps[stage, VICTIM]) == play.answers[stage, VICTIM]


def at(play: Play, stage: Stage, place: int = VICTIM) -> Member:
    """A member as it was before a stage."""
    first = play.steps[Stage.KEYS, place]
    return play.new_member(place, first, play.memories[stage, place])


@pytest.mark.parametrize("stage", ANSWERED)
def test_the_same_step_gets_the_same_bytes(clean: Play, stage: Stage) -> None:
    """In the same process, after a crash before the answer left, and after one behind it."""
    step, answer = clean.steps[stage, VICTIM], clean.answers[stage, VICTIM]
    member = at(clean, stage)
    assert member.answer(step) == answer
    assert member.answer(step) == answer
    again = clean.new_member(VICTIM, clean.steps[Stage.KEYS, VICTIM], member.remember())
    assert again.answer(step) == answer
    assert again.remember() == member.remember()


def test_a_round_of_processes_that_die_after_every_answer() -> None:
    gathering = Play(PLAN, restart=True).finish({Stage.MASKING: [2]})
    assert gathering.stage is Stage.DONE


def test_later_values_do_not_change_what_was_masked(clean: Play) -> None:
    terms = terms_of(clean.steps[Stage.KEYS, VICTIM])
    memory = at(clean, Stage.AGREEMENT).remember()
    other = {"output": 1, "emissions": 1}
    member = Member(terms, key_at(SIZE, VICTIM), other, memory)
    assert member.answer(clean.steps[Stage.MASKING, VICTIM]) == clean.answers[Stage.MASKING, VICTIM]


@pytest.mark.parametrize("stage", ANSWERED[1:4])
def test_stages_are_not_skipped(clean: Play, stage: Stage) -> None:
    earlier = at(clean, ANSWERED[ANSWERED.index(stage) - 1])
    with pytest.raises(PlanError, match="was not answered"):
        earlier.answer(clean.steps[stage, VICTIM])


def test_nothing_is_revealed_before_it_masked(clean: Play) -> None:
    with pytest.raises(PlanError, match="was not answered"):
        at(clean, Stage.MASKING).answer(clean.steps[Stage.UNMASKING, VICTIM])


def test_steps_of_others() -> None:
    member = Play(PLAN)
    member.stage()
    step = gathering_of(PLAN).steps()[VICTIM]
    message = read_step(step, COORDINATOR.public).message
    with pytest.raises(InvalidSignature, match="not the coordinator"):
        member.members[VICTIM].answer(make_step(message, OUTSIDER))
    with pytest.raises(PlanError, match="another round"):
        member.members[VICTIM].answer(gathering_of(plan_of(SIZE, round_id="r2")).steps()[VICTIM])
    message.plan_hash = b""
    with pytest.raises(MalformedMessage):
        member.members[VICTIM].answer(make_step(message, COORDINATOR))
    with pytest.raises(MalformedMessage):
        member.members[VICTIM].answer(step + b"\0")


def test_the_place_is_the_members_own(clean: Play) -> None:
    terms = terms_of(clean.steps[Stage.KEYS, VICTIM])
    with pytest.raises(InvalidSignature):
        Member(terms, key_at(SIZE, VICTIM + 1), values_of(VICTIM))


def test_a_later_step_is_no_invitation(clean: Play) -> None:
    with pytest.raises(PlanError, match="not invited"):
        invitation(read_step(clean.steps[Stage.MASKING, VICTIM], COORDINATOR.public))


# Keys.


def forged(key: SigningKey, mask: bytes = b"forged mask", seal: bytes = b"forged seal") -> bytes:
    publics = (RoundKey(part.ljust(32)).public for part in (mask, seal))
    return make_round_key(PLAN.hash, *publics, key)


def _by_the_coordinator(message: fb.TotalsKeys) -> None:
    message.keys[0].round_key = forged(COORDINATOR)


def _by_an_outsider(message: fb.TotalsKeys) -> None:
    message.keys[0].round_key = forged(OUTSIDER)


def _of_another_round(message: fb.TotalsKeys) -> None:
    publics = (RoundKey(bytes([i]) * 32).public for i in (1, 2))
    other = plan_of(SIZE, round_id="r2")
    key = key_at(SIZE, message.keys[0].place)
    message.keys[0].round_key = make_round_key(other.hash, *publics, key)


def _two_swapped(message: fb.TotalsKeys) -> None:
    first, second = message.keys[0].round_key, message.keys[1].round_key
    message.keys[0].round_key, message.keys[1].round_key = second, first


def _altered(message: fb.TotalsKeys) -> None:
    data = bytearray(message.keys[0].round_key)
    data[-1] ^= 1
    message.keys[0].round_key = bytes(data)


def _copied(message: fb.TotalsKeys) -> None:
    """A neighbour that signs the mask key of another: masks could cancel."""
    statement = open_signed(message.keys[0].round_key, "round-key")
    copied = pb.RoundKey.FromString(statement.payload)
    key = key_at(SIZE, message.keys[1].place)
    seal = RoundKey(bytes(31) + b"s").public
    message.keys[1].round_key = make_round_key(PLAN.hash, copied.mask_key, seal, key)


def _low_order(message: fb.TotalsKeys) -> None:
    key = key_at(SIZE, message.keys[0].place)
    message.keys[0].round_key = make_round_key(PLAN.hash, bytes(32), bytes(32), key)


def _no_proof(message: fb.TotalsKeys) -> None:
    del message.proof[:]


def _out_of_order(message: fb.TotalsKeys) -> None:
    last = message.keys.pop()
    message.keys.insert(0, last)


def _repeated(message: fb.TotalsKeys) -> None:
    message.keys.insert(0, message.keys[0])


def _itself(message: fb.TotalsKeys) -> None:
    message.keys[0].place = VICTIM


@pytest.mark.parametrize(
    "change",
    [
        _by_the_coordinator,
        _by_an_outsider,
        _of_another_round,
        _two_swapped,
        _altered,
        _copied,
        _low_order,
        _no_proof,
        _out_of_order,
        _repeated,
        _itself,
    ],
)
def test_keys_that_are_not_the_neighbours(
    clean: Play, change: Callable[[fb.TotalsKeys], None]
) -> None:
    step = step_of(clean, Stage.SHARES)
    change(step.shares)
    refused(clean, step, Stage.SHARES, ProtocolError)


def test_fewer_neighbours_than_rebuild_a_secret() -> None:
    """An honest coordinator would have given up, or left this member out."""
    play = Play(PLAN)
    play.stage()
    few = [place for place in range(SIZE) if place != VICTIM][: SETTING.threshold - 1]
    gathering = gathering_of(PLAN)
    for place in (*few, VICTIM):
        gathering.receive(place, play.answers[Stage.KEYS, place])
    gathering.stage = Stage.SHARES
    with pytest.raises(PolicyRefusal, match="are needed"):
        play.members[VICTIM].answer(gathering._step(VICTIM))


def test_a_second_set_of_neighbours_is_refused(clean: Play) -> None:
    """Two sets would show what masks the difference of two answers has."""
    for stage in (Stage.SHARES, Stage.MASKING):
        member = at(clean, ANSWERED[ANSWERED.index(stage) + 1])
        second = clean.fork(stage)
        second.gathering._keys.pop(0)
        second.gathering._dealt.pop(0, None)
        with pytest.raises(PolicyRefusal, match="answers each stage once"):
            member.answer(second.gathering.steps()[VICTIM])


# Shares.


def test_deals_of_strangers_or_of_no_length(clean: Play) -> None:
    step = step_of(clean, Stage.MASKING)
    step.masking.deals[0].sealed = bytes(SEALED_BYTES - 1)
    refused(clean, step, Stage.MASKING, MalformedMessage)
    step = step_of(clean, Stage.MASKING)
    step.masking.deals[0].place = SIZE
    refused(clean, step, Stage.MASKING, MalformedMessage)
    step = step_of(clean, Stage.MASKING)
    del step.masking.deals[: SIZE - SETTING.threshold]
    refused(clean, step, Stage.MASKING, PolicyRefusal)


def test_swapped_deals_reveal_nothing(clean: Play) -> None:
    """A deal is bound to sender and recipient: another's does not open, and no share comes out."""
    step = step_of(clean, Stage.MASKING)
    first, second = step.masking.deals[0].sealed, step.masking.deals[1].sealed
    step.masking.deals[0].sealed, step.masking.deals[1].sealed = second, first
    member = at(clean, Stage.MASKING)
    member.answer(make_step(step, COORDINATOR))
    member.answer(clean.steps[Stage.AGREEMENT, VICTIM])
    revealed = opened(member.answer(clean.steps[Stage.UNMASKING, VICTIM]))
    swapped = {step.masking.deals[0].place, step.masking.deals[1].place}
    assert set(revealed) == set(range(SIZE)) - swapped - {VICTIM}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"output": 5}, ContributionRefused),
        ({"output": 5, "emissions": 1.5}, ContributionRefused),
        ({"output": 5, "emissions": True}, ContributionRefused),
        ({"output": 0, "emissions": 1}, BoundExceeded),
        ({"output": 5, "emissions": 10**7 + 1}, BoundExceeded),
        ({"output": 5, "emissions": -1}, BoundExceeded),
    ],
)
def test_values_outside_their_bounds_are_never_masked(
    clean: Play, values: dict[str, int], error: type[ProtocolError]
) -> None:
    terms = terms_of(clean.steps[Stage.KEYS, VICTIM])
    memory = at(clean, Stage.MASKING).remember()
    member = Member(terms, key_at(SIZE, VICTIM), values, memory)
    with pytest.raises(error):
        member.answer(clean.steps[Stage.MASKING, VICTIM])
    assert member.remember() == memory


def test_masks_never_repeat() -> None:
    """The same values in the same round, with fresh round secrets: another vector in every word."""
    first, second = (masked_words(Play(PLAN)) for _ in range(2))
    assert not np.any(first == second)


def masked_words(play: Play) -> np.ndarray:
    play.until(Stage.AGREEMENT)
    answers = [play.answers[Stage.MASKING, place] for place in range(SIZE)]
    signed = [read_answer(a, PLAN.hash, Stage.MASKING, 1 << 16) for a in answers]
    payloads = [open_signed(data, "masked").payload for data in signed]
    words = [from_bytes(pb.Masked.FromString(p).words, SETTING.vector.words) for p in payloads]
    return np.array(words)


# Lists of survivors.


def agreement(survivors: Survivors) -> bytes:
    step = fb.TotalsStep(plan_hash=PLAN.hash)
    step.agreement.survivors = survivors.bits
    return make_step(step, COORDINATOR)


def unmasking(survivors: Survivors, signatures: dict[int, bytes]) -> bytes:
    step = fb.TotalsStep(plan_hash=PLAN.hash)
    step.unmasking.CopyFrom(quorum_of(survivors, signatures, ROSTER))
    return make_step(step, COORDINATOR)


def everybody_signs(survivors: Survivors) -> dict[int, bytes]:
    """What only a committee that colludes as a whole would give out."""
    return {
        place: read_signature(survivors.sign(key_at(SIZE, place)), survivors, ROSTER.members[place])
        for place in range(SIZE)
    }


def opened(answer: bytes) -> dict[int, bytes]:
    """Revealed shares by place."""
    signed = read_answer(answer, PLAN.hash, Stage.UNMASKING, 1 << 16)
    message = fb.RevealedShares.FromString(open_signed(signed, "revealed-shares").payload)
    return {share.place: share.share for share in message.shares}


FULL = Survivors.of(SETTING, range(SIZE))
WITHOUT_ONE = Survivors.of(SETTING, set(range(SIZE)) - {0})


def test_one_list_is_signed(clean: Play) -> None:
    member = at(clean, Stage.AGREEMENT)
    member.answer(agreement(FULL))
    with pytest.raises(PolicyRefusal, match="another list"):
        member.answer(agreement(WITHOUT_ONE))
    with pytest.raises(PolicyRefusal, match="another list"):
        member.answer(unmasking(WITHOUT_ONE, everybody_signs(WITHOUT_ONE)))


def test_one_list_is_revealed_for(clean: Play) -> None:
    """Never both secrets of a neighbour, even if the whole committee signed two lists."""
    member = at(clean, Stage.AGREEMENT)
    first = opened(member.answer(unmasking(FULL, everybody_signs(FULL))))
    with pytest.raises(PolicyRefusal, match="another list"):
        member.answer(unmasking(WITHOUT_ONE, everybody_signs(WITHOUT_ONE)))
    with pytest.raises(PolicyRefusal, match="another list"):
        member.answer(agreement(WITHOUT_ONE))
    other = opened(
        at(clean, Stage.AGREEMENT).answer(unmasking(WITHOUT_ONE, everybody_signs(WITHOUT_ONE)))
    )
    assert set(first) == set(other)
    assert first[0] != other[0]  # its mask key's share, had it dropped out
    assert {at_: share for at_, share in first.items() if at_} == {
        at_: share for at_, share in other.items() if at_
    }


def test_a_coordinator_that_shows_two_lists_opens_nothing(clean: Play) -> None:
    """Half of the members are asked for each list: neither gets a quorum, whoever collects."""
    signed: dict[bytes, int] = {}
    for place in range(SIZE):
        survivors = FULL if place % 2 else WITHOUT_ONE
        member = at(clean, Stage.AGREEMENT, place)
        try:
            member.answer(agreement(survivors))
        except PolicyRefusal:
            assert place == 0  # it is not on one of the lists
            continue
        signed[survivors.hash] = signed.get(survivors.hash, 0) + 1
        with pytest.raises(PolicyRefusal):
            member.answer(agreement(WITHOUT_ONE if place % 2 else FULL))
    assert max(signed.values()) < SETTING.terms.quorum


@pytest.mark.parametrize(
    ("places", "match"),
    [
        (range(4), "policy asks for 5"),
        (set(range(SIZE)) - {VICTIM}, "does not have this member"),
        (range(5), "neighbours survive"),
    ],
)
def test_lists_that_no_member_acts_on(clean: Play, places: range, match: str) -> None:
    survivors = Survivors.of(SETTING, places)
    for step in (agreement(survivors), unmasking(survivors, everybody_signs(survivors))):
        with pytest.raises(PolicyRefusal, match=match):
            at(clean, Stage.AGREEMENT).answer(step)


def test_a_survivor_that_was_not_masked_with() -> None:
    """It would be asked for a share that it does not have, and the sum would keep a mask."""
    play = Play(PLAN).until(Stage.AGREEMENT, {Stage.SHARES: [0]})
    with pytest.raises(PolicyRefusal, match="did not mask with"):
        play.members[VICTIM].answer(agreement(FULL))


@pytest.mark.parametrize("bits", [b"", b"\xff", b"\xff\x03", b"\xff\x01\x00"])
def test_bits_that_are_no_list(clean: Play, bits: bytes) -> None:
    step = fb.TotalsStep(plan_hash=PLAN.hash)
    step.agreement.survivors = bits
    refused(clean, step, Stage.AGREEMENT, MalformedMessage)


def _too_few(quorum: fb.TotalsQuorum) -> None:
    quorum.CopyFrom(quorum_of(FULL, dict(list(everybody_signs(FULL).items())[:-3]), ROSTER))


def _one_twice(quorum: fb.TotalsQuorum) -> None:
    quorum.signatures[1].CopyFrom(quorum.signatures[0])


def _one_at_two_places(quorum: fb.TotalsQuorum) -> None:
    quorum.signatures[1].member = quorum.signatures[0].member
    quorum.signatures[1].signature = quorum.signatures[0].signature


def _outside(quorum: fb.TotalsQuorum) -> None:
    quorum.signatures[-1].place = SIZE


def _stranger(quorum: fb.TotalsQuorum) -> None:
    stranger = RosterMember(OUTSIDER.public, OUTSIDER.public.fingerprint)
    quorum.signatures[0].member = stranger.to_bytes()
    quorum.signatures[0].signature = read_signature(FULL.sign(OUTSIDER), FULL, stranger)


def _other_list(quorum: fb.TotalsQuorum) -> None:
    quorum.survivors = WITHOUT_ONE.bits


def _bad_signature(quorum: fb.TotalsQuorum) -> None:
    quorum.signatures[0].signature = bytes(64)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_too_few, QuorumMissing),
        (_one_twice, InvalidSignature),
        (_one_at_two_places, InvalidSignature),
        (_outside, InvalidSignature),
        (_stranger, MalformedMessage),
        (_other_list, InvalidSignature),
        (_bad_signature, InvalidSignature),
    ],
)
def test_no_quorum(
    clean: Play, change: Callable[[fb.TotalsQuorum], None], error: type[ProtocolError]
) -> None:
    step = step_of(clean, Stage.UNMASKING)
    change(step.unmasking)
    refused(clean, step, Stage.UNMASKING, error)


@pytest.mark.parametrize("lost", [True, False])
def test_which_secret_the_shares_are_of(lost: bool) -> None:
    """The mask key's of a neighbour that dropped out, the self-mask's of a survivor: never both."""
    play = Play(PLAN)
    gathering = play.finish({Stage.MASKING: [0]} if lost else {})
    others = [place for place in range(SIZE) if place != 0]
    revealed = {at_: opened(play.answers[Stage.UNMASKING, at_]) for at_ in others}
    assert all(set(shares) == set(range(SIZE)) - {at_} for at_, shares in revealed.items())
    shares = {at_ + 1: read_share(revealed[at_][0]) for at_ in others}
    secret = combine(shares, SETTING.threshold)
    assert (RoundKey(secret).public == gathering._keys[0].mask_key) is lost
    assert (commitment_to(PLAN.hash, secret) == gathering._dealt[0].commitment) is not lost


# Memory.


def test_memory_of_another_round_or_none(clean: Play) -> None:
    memory = at(clean, Stage.MASKING).remember()
    other = plan_of(SIZE, round_id="r2")
    first = gathering_of(other).steps()[VICTIM]
    with pytest.raises(StorageError):
        clean.new_member(VICTIM, first, memory)
    with pytest.raises(MalformedMessage):
        clean.new_member(VICTIM, clean.steps[Stage.KEYS, VICTIM], memory[:-1])


def test_nothing_secret_is_shown(clean: Play) -> None:
    member = at(clean, Stage.MASKING)
    assert "redacted" in repr(member)
    assert "redacted" in repr(member._memory)
