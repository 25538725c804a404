"""The coordinator against members that cheat, and against its own crashes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols.errors import (
    InvalidSignature,
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
    ProtocolError,
)
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey, to_bytes, to_words
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.release import make_release, read_release
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import SHARE_BYTES
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.federated.totals.steps import make_answer, read_answer
from protocols.federated.totals.survivors import Survivors
from protocols.signing import SigningKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.totals import (
    COORDINATOR,
    Play,
    gathering_of,
    key_at,
    plan_of,
    roster_of,
    signed_plan,
    signer,
    sums_of,
)

SIZE = 12
PLAN = plan_of(SIZE)
SETTING = Setting(PLAN)
LIAR = 3


@pytest.fixture(scope="module")
def clean() -> Play:
    play = Play(PLAN)
    play.finish()
    return play


def payload_of(play: Play, stage: Stage, place: int = LIAR) -> tuple[str, bytes]:
    signed = pb.Signed.FromString(
        read_answer(play.answers[stage, place], PLAN.hash, stage, 1 << 20)
    )
    return signed.kind, signed.payload


def signed_answer(stage: Stage, kind: str, payload: bytes, key: SigningKey | None = None) -> bytes:
    signing = key_at(SIZE, LIAR) if key is None else key
    return make_answer(PLAN.hash, stage, signing.sign(kind, payload))


# A member that reveals or deals wrong shares.


def lying(play: Play, place: int, of: list[int]) -> bytes:
    """What a member answers that reveals wrong shares of these neighbours' secrets."""
    kind, payload = payload_of(play, Stage.UNMASKING, place)
    message = fb.RevealedShares.FromString(payload)
    for share in message.shares:
        if share.place in of:
            value = int.from_bytes(share.share, "big") ^ 1
            share.share = value.to_bytes(SHARE_BYTES, "big")
    return signed_answer(Stage.UNMASKING, kind, encode(message), key_at(SIZE, place))


@pytest.mark.parametrize(
    ("liars", "named"), [([0], (0,)), ([LIAR], (LIAR,)), ([0, 1], (0, 1)), ([SIZE - 1], ())]
)
def test_wrong_shares_are_found(clean: Play, liars: list[int], named: tuple[int, ...]) -> None:
    """Eleven neighbours, seven needed: two wrong shares of a secret are corrected.

    The last member's are not among the first seven, and nobody looks at them.
    """
    gathering = clean.fork(Stage.UNMASKING).gathering
    for place in range(SIZE):
        everybody = [other for other in range(SIZE) if other != place]
        true = clean.answers[Stage.UNMASKING, place]
        gathering.receive(place, lying(clean, place, everybody) if place in liars else true)
    gathering.go_on()
    assert gathering.stage is Stage.DONE, gathering.reason
    assert gathering.suspects == named
    assert gathering.release is not None
    assert read_release(gathering.release, PLAN, COORDINATOR.public).sums == sums_of(range(SIZE))


def test_who_was_dealt_a_wrong_share_is_believed_in_other_secrets(clean: Play) -> None:
    """Two bad dealers make suspects of four; each of their secrets has but two wrong shares."""
    gathering = clean.fork(Stage.UNMASKING).gathering
    wrong = {4: [0], 5: [0], 6: [1], 7: [1]}  # by who reveals: whose secret they are of
    for place in range(SIZE):
        gathering.receive(place, lying(clean, place, wrong.get(place, [])))
    gathering.go_on()
    assert gathering.stage is Stage.DONE, gathering.reason
    assert gathering.suspects == (4, 5, 6, 7)


def test_liars_that_are_known_do_not_count_against_the_correction(clean: Play) -> None:
    """Three wrong shares of the last secret are too many, but two of them are of suspects."""
    gathering = clean.fork(Stage.UNMASKING).gathering
    wrong = {0: [8, 9], 1: [8, 9], 2: [9]}
    for place in range(SIZE):
        gathering.receive(place, lying(clean, place, wrong.get(place, [])))
    gathering.go_on()
    assert gathering.stage is Stage.DONE, gathering.reason
    assert gathering.suspects == (0, 1, 2)


def test_too_many_wrong_shares_publish_nothing(clean: Play) -> None:
    gathering = clean.fork(Stage.UNMASKING).gathering
    for place in range(SIZE):
        true = clean.answers[Stage.UNMASKING, place]
        gathering.receive(place, lying(clean, place, [9]) if place < 5 else true)
    gathering.go_on()
    assert gathering.stage is Stage.ABANDONED
    assert "place 9 cannot be rebuilt" in gathering.reason
    assert gathering.release is None


def test_shares_of_another_secret_than_was_committed_to(clean: Play) -> None:
    play = clean.fork(Stage.SHARES)
    for place in range(SIZE):
        kind, payload = payload_of(clean, Stage.SHARES, place)
        message = fb.DealtShares.FromString(payload)
        if place == LIAR:
            message.commitment = bytes(32)
        key = key_at(SIZE, place)
        play.gathering.receive(place, signed_answer(Stage.SHARES, kind, encode(message), key))
    play.gathering.go_on()
    for place, memory in ((place, clean.memories[Stage.MASKING, place]) for place in range(SIZE)):
        play.members[place] = play.new_member(place, clean.steps[Stage.KEYS, place], memory)
    assert play.finish().stage is Stage.ABANDONED
    assert f"place {LIAR} dealt" in play.gathering.reason


def test_deals_that_do_not_open_harm_who_dealt_them(clean: Play) -> None:
    """The others' secrets are rebuilt, its own is not: the round ends without a sum."""
    play = clean.fork(Stage.SHARES)
    for place in range(SIZE):
        kind, payload = payload_of(clean, Stage.SHARES, place)
        message = fb.DealtShares.FromString(payload)
        for deal in message.deals if place == LIAR else ():
            deal.sealed = bytes(len(deal.sealed))
        key = key_at(SIZE, place)
        play.gathering.receive(place, signed_answer(Stage.SHARES, kind, encode(message), key))
    play.gathering.go_on()
    for place in range(SIZE):
        memory = clean.memories[Stage.MASKING, place]
        play.members[place] = play.new_member(place, clean.steps[Stage.KEYS, place], memory)
    assert play.finish().stage is Stage.ABANDONED
    assert f"place {LIAR} cannot be rebuilt" in play.gathering.reason


@pytest.mark.parametrize("words", [[2, 1, 1], [1, 1 << 40, 1], [0, 0, 0]])
def test_a_vector_that_no_member_has(clean: Play, words: list[int]) -> None:
    """Only the sum is seen: its count, and whether it can be one of so many members."""
    play = clean.fork(Stage.MASKING)
    for place, step in play.gathering.steps().items():
        answer = play.answer(place, step)
        if place == LIAR:
            kind, payload = payload_of(play, Stage.MASKING)
            message = pb.Masked.FromString(payload)
            message.words = to_bytes(to_words(words))
            answer = signed_answer(Stage.MASKING, kind, encode(message))
        play.gathering.receive(place, answer)
    play.gathering.go_on()
    assert play.finish().stage is Stage.ABANDONED
    assert play.gathering.reason.startswith("nothing is published")


# Answers that count as none.


def _by_another(stage: Stage, play: Play) -> bytes:
    return signed_answer(stage, *payload_of(play, stage), signer(1000))


def _of_another_member(stage: Stage, play: Play) -> bytes:
    return play.answers[stage, LIAR + 1]


def _of_another_kind(stage: Stage, play: Play) -> bytes:
    return signed_answer(stage, "plan", payload_of(play, stage)[1])


def _of_another_stage(stage: Stage, play: Play) -> bytes:
    following = ANSWERED[(ANSWERED.index(stage) + 1) % len(ANSWERED)]
    signed = read_answer(play.answers[stage, LIAR], PLAN.hash, stage, 1 << 20)
    return make_answer(PLAN.hash, following, signed)


def _of_another_round(stage: Stage, play: Play) -> bytes:
    other = plan_of(SIZE, round_id="r2")
    kind, payload = payload_of(play, stage)
    changed = payload.replace(PLAN.hash, other.hash)
    assert changed != payload
    return signed_answer(stage, kind, changed)


def _longer(stage: Stage, play: Play) -> bytes:
    return play.answers[stage, LIAR] + b"\0"


def _huge(stage: Stage, play: Play) -> bytes:
    return make_answer(PLAN.hash, stage, bytes(1 << 20))


def _altered(stage: Stage, play: Play) -> bytes:
    data = bytearray(play.answers[stage, LIAR])
    data[-1] ^= 1
    return bytes(data)


@pytest.mark.parametrize("stage", ANSWERED)
@pytest.mark.parametrize(
    "change",
    [
        _by_another,
        _of_another_member,
        _of_another_kind,
        _of_another_stage,
        _of_another_round,
        _longer,
        _huge,
        _altered,
    ],
)
def test_answers_that_count_as_none(
    clean: Play, stage: Stage, change: Callable[[Stage, Play], bytes]
) -> None:
    gathering = clean.fork(stage).gathering
    fingerprint = roster_of(SIZE).members[LIAR].key.fingerprint
    with pytest.raises(ProtocolError, match=fingerprint):
        gathering.receive(LIAR, change(stage, clean))
    assert LIAR in gathering.steps()
    gathering.receive(LIAR, clean.answers[stage, LIAR])
    assert LIAR not in gathering.steps()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.deals.pop(),
        lambda m: m.deals.insert(0, m.deals[0]),
        lambda m: setattr(m.deals[0], "place", LIAR),
        lambda m: setattr(m.deals[0], "sealed", b"short"),
        lambda m: setattr(m, "commitment", b"short"),
    ],
)
def test_deals_that_are_not_one_for_each_neighbour(
    clean: Play, change: Callable[[fb.DealtShares], None]
) -> None:
    kind, payload = payload_of(clean, Stage.SHARES)
    message = fb.DealtShares.FromString(payload)
    change(message)
    with pytest.raises(MalformedMessage):
        clean.fork(Stage.SHARES).gathering.receive(
            LIAR, signed_answer(Stage.SHARES, kind, encode(message))
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "basis", bytes(32)),
        lambda m: setattr(m, "words", m.words[:-8]),
        lambda m: setattr(m, "words", m.words + bytes(8)),
    ],
)
def test_vectors_masked_for_something_else(
    clean: Play, change: Callable[[pb.Masked], None]
) -> None:
    kind, payload = payload_of(clean, Stage.MASKING)
    message = pb.Masked.FromString(payload)
    change(message)
    with pytest.raises(MalformedMessage):
        clean.fork(Stage.MASKING).gathering.receive(
            LIAR, signed_answer(Stage.MASKING, kind, encode(message))
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "survivors_hash", bytes(32)),
        lambda m: m.shares.insert(0, m.shares[0]),
        lambda m: setattr(m.shares[LIAR], "place", LIAR),
        lambda m: setattr(m.shares[-1], "place", SIZE),
    ],
)
def test_shares_revealed_for_something_else(
    clean: Play, change: Callable[[fb.RevealedShares], None]
) -> None:
    kind, payload = payload_of(clean, Stage.UNMASKING)
    message = fb.RevealedShares.FromString(payload)
    change(message)
    with pytest.raises(MalformedMessage):
        clean.fork(Stage.UNMASKING).gathering.receive(
            LIAR, signed_answer(Stage.UNMASKING, kind, encode(message))
        )


def test_a_signature_of_another_list(clean: Play) -> None:
    other = Survivors.of(SETTING, range(SIZE - 1))
    answer = make_answer(PLAN.hash, Stage.AGREEMENT, other.sign(key_at(SIZE, LIAR)))
    with pytest.raises(InvalidSignature, match="another list"):
        clean.fork(Stage.AGREEMENT).gathering.receive(LIAR, answer)


@pytest.mark.parametrize("copied", ["mask", "seal", "own", "low order"])
def test_round_keys_that_members_would_refuse(clean: Play, copied: str) -> None:
    """The coordinator refuses them first, or all who neighbour this member would drop out."""
    gathering = gathering_of(PLAN)
    gathering.receive(0, clean.answers[Stage.KEYS, 0])
    first = gathering._keys[0]
    fresh = RoundKey(b"f" * 32).public
    publics = {
        "mask": (first.mask_key, fresh),
        "seal": (fresh, first.seal_key),
        "own": (fresh, fresh),
        "low order": (fresh, bytes(32)),
    }[copied]
    signed = make_round_key(PLAN.hash, *publics, key_at(SIZE, LIAR))
    with pytest.raises(MalformedMessage):
        gathering.receive(LIAR, make_answer(PLAN.hash, Stage.KEYS, signed))
    gathering.receive(LIAR, clean.answers[Stage.KEYS, LIAR])


def test_the_same_answer_changes_nothing_and_another_is_refused(clean: Play) -> None:
    gathering = clean.fork(Stage.SHARES).gathering
    answer = clean.answers[Stage.SHARES, LIAR]
    gathering.receive(LIAR, answer)
    gathering.receive(LIAR, answer)
    gathering.receive(LIAR, clean.answers[Stage.KEYS, LIAR])  # late, and known
    kind, payload = payload_of(clean, Stage.SHARES)
    message = fb.DealtShares.FromString(payload)
    message.commitment = bytes(32)
    with pytest.raises(MalformedMessage, match="answered otherwise"):
        gathering.receive(LIAR, signed_answer(Stage.SHARES, kind, encode(message)))


@pytest.mark.parametrize("place", [-1, SIZE])
def test_nobodys_answer(clean: Play, place: int) -> None:
    with pytest.raises(MalformedMessage, match="nothing is asked"):
        gathering_of(PLAN).receive(place, clean.answers[Stage.KEYS, 0])


def test_who_dropped_out_is_not_asked_again(clean: Play) -> None:
    play = clean.fork(Stage.SHARES)
    play.stage([LIAR])
    assert LIAR not in play.gathering.steps()
    with pytest.raises(MalformedMessage, match="nothing is asked"):
        play.gathering.receive(LIAR, clean.answers[Stage.SHARES, LIAR])
    with pytest.raises(KeyError):
        play.gathering.steps()[LIAR]


def test_the_same_journal_makes_the_same_release(clean: Play) -> None:
    again = clean.fork(Stage.UNMASKING)
    for stage in ANSWERED[:-1]:
        fork = clean.fork(stage)
        assert dict(fork.gathering.steps()) == {
            place: clean.steps[stage, place] for place in fork.gathering.steps()
        }
    for place in range(SIZE):
        again.gathering.receive(place, clean.answers[Stage.UNMASKING, place])
    again.gathering.go_on()
    assert again.gathering.release == clean.gathering.release


def test_a_roster_or_coordinator_of_another_plan() -> None:
    with pytest.raises(ProtocolError):
        Gathering(signed_plan(PLAN), roster_of(SIZE + 1), COORDINATOR)
    with pytest.raises(ProtocolError):
        Gathering(signed_plan(PLAN), roster_of(SIZE), signer(1000))


# The release.


def release_with(clean: Play, change: Callable[[fb.TotalsRelease], None]) -> bytes:
    assert clean.gathering.release is not None
    statement = open_signed(clean.gathering.release, "totals-release")
    message = fb.TotalsRelease.FromString(statement.payload)
    change(message)
    return COORDINATOR.sign("totals-release", encode(message))


def test_what_a_release_says(clean: Play) -> None:
    assert clean.gathering.release is not None
    release = read_release(
        clean.gathering.release, PLAN, COORDINATOR.public, clean.members[LIAR].revealed_for
    )
    assert b'"publicly_verifiable":false' in release.document_bytes
    assert b'"dominance_controlled":false' in release.document_bytes
    assert LIAR in release.survivors
    assert clean.fork(Stage.UNMASKING).members[LIAR].revealed_for is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: setattr(m, "document", m.document.replace(b"12", b"13")), OpeningInconsistent),
        (lambda m: m.sums.__setitem__(0, m.sums[0] + 1), OpeningInconsistent),
        (lambda m: m.sums.__setitem__(0, SIZE * 10**9 + 1), OpeningInconsistent),
        (lambda m: m.sums.pop(), OpeningInconsistent),
        (lambda m: setattr(m, "survivors", b"\x07\x00"), OpeningInconsistent),
        (lambda m: setattr(m, "survivors", b"\xff"), MalformedMessage),
        (lambda m: setattr(m, "plan_hash", bytes(32)), PlanError),
    ],
)
def test_releases_that_do_not_hold(
    clean: Play, change: Callable[[fb.TotalsRelease], None], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        read_release(release_with(clean, change), PLAN, COORDINATOR.public)


def test_a_release_of_another_list_or_signer(clean: Play) -> None:
    others = Survivors.of(SETTING, range(SIZE - 1))
    sums = sums_of(range(SIZE - 1))
    data = make_release(SETTING, others, sums, COORDINATOR)
    read_release(data, PLAN, COORDINATOR.public)
    with pytest.raises(OpeningInconsistent, match="another list"):
        read_release(data, PLAN, COORDINATOR.public, clean.members[LIAR].revealed_for)
    with pytest.raises(InvalidSignature, match="not the coordinator"):
        read_release(make_release(SETTING, others, sums, signer(1000)), PLAN, COORDINATOR.public)
