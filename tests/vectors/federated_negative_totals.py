"""What members and coordinator refuse in the frozen round of totals, for :mod:`.federated`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.steps import make_answer, make_step, read_answer, read_step
from protocols.federated.totals.survivors import Survivors, quorum_of, read_signature
from protocols.signing import open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire.codec import decode, encode
from tests import totals
from tests.vectors.federated_rounds import (
    LOST,
    ONE,
    TOTALS_MEMBERS,
    ZERO,
    Vector,
    changed,
    negative_vector,
    seed_of,
    totals_round,
)

ASKED = 0
"""The place whose member is asked what it must refuse in the round of totals."""


def steps() -> list[Vector]:
    """Steps that the member at :data:`ASKED` gets when it stands before a stage."""
    cases: list[tuple[str, str, Stage, bytes]] = [
        *_wrong_keys(),
        *_wrong_lists(),
        ("step-that-another-signed", "InvalidSignature", Stage.MASKING, _by_a_stranger()),
        ("second-set-of-neighbours", "PolicyRefusal", Stage.AGREEMENT, _fewer_neighbours()),
    ]
    return [
        negative_vector(
            name, "totals-step", error, place=ASKED, before=before.value, step=step.hex()
        )
        for name, error, before, step in cases
    ]


def _asked(stage: Stage) -> fb.TotalsStep:
    """A copy of what the member was asked."""
    step = totals_round().steps[stage, ASKED]
    return read_step(step, totals.COORDINATOR.public).message


def _wrong_keys() -> Iterable[tuple[str, str, Stage, bytes]]:
    plan_hash = totals_round().plan.hash
    mask, seal = (RoundKey(seed_of(name)).public for name in ("mask", "seal"))
    neighbour = totals.key_at(TOTALS_MEMBERS, 1)
    forged = {
        "neighbours-key-under-another-plan": ("PlanError", ZERO, mask, neighbour),
        "neighbours-key-of-low-order": ("MalformedMessage", plan_hash, ONE, neighbour),
        "neighbours-key-of-the-coordinators": (
            "MalformedMessage",
            plan_hash,
            mask,
            totals.COORDINATOR,
        ),
    }
    for name, (error, plan, public, signer) in forged.items():
        step = _asked(Stage.SHARES)
        step.shares.keys[0].round_key = make_round_key(plan, public, seal, signer)
        yield name, error, Stage.SHARES, make_step(step, totals.COORDINATOR)
    step = _asked(Stage.SHARES)
    step.shares.proof[-1] = ZERO
    name = "neighbours-keys-with-a-wrong-proof"
    yield name, "MalformedMessage", Stage.SHARES, make_step(step, totals.COORDINATOR)


def second_list() -> Survivors:
    """A list that whoever has not acted on the first one would take: another one is missing."""
    places = [place for place in range(TOTALS_MEMBERS) if place != LOST + 1]
    return Survivors.of(Setting(totals_round().plan), places)


def _wrong_lists() -> Iterable[tuple[str, str, Stage, bytes]]:
    play, second = totals_round(), second_list()
    setting = Setting(play.plan)
    short = Survivors.of(setting, [0, 1, 3, 4])
    absent = Survivors.of(setting, range(1, TOTALS_MEMBERS))
    refusals: dict[str, tuple[Survivors, Stage]] = {
        "second-list-to-sign": (second, Stage.UNMASKING),
        "list-below-the-minimum": (short, Stage.AGREEMENT),
        "list-without-this-member": (absent, Stage.AGREEMENT),
    }
    for name, (survivors, before) in refusals.items():
        step = fb.TotalsStep(plan_hash=play.plan.hash)
        step.agreement.survivors = survivors.bits
        yield name, "PolicyRefusal", before, make_step(step, totals.COORDINATOR)
    reveal = _quorum(second, (0, 1, 2, 4, 5))
    yield "second-list-to-reveal-for", "PolicyRefusal", Stage.UNMASKING, reveal
    if play.gathering.survivors is not None:
        few = _quorum(play.gathering.survivors, (0, 1, 3, 4))
        yield "list-of-a-quorum-too-few", "QuorumMissing", Stage.UNMASKING, few


def _quorum(survivors: Survivors, places: Iterable[int]) -> bytes:
    """The step of the last stage, with the signatures of these members."""
    roster = totals.roster_of(TOTALS_MEMBERS)
    signatures = {
        place: read_signature(
            survivors.sign(totals.key_at(TOTALS_MEMBERS, place)), survivors, roster.members[place]
        )
        for place in places
    }
    step = fb.TotalsStep(plan_hash=totals_round().plan.hash)
    step.unmasking.CopyFrom(quorum_of(survivors, signatures, roster))
    return make_step(step, totals.COORDINATOR)


def _by_a_stranger() -> bytes:
    return make_step(_asked(Stage.MASKING), totals.signer(1000))


def _fewer_neighbours() -> bytes:
    step = _asked(Stage.MASKING)
    del step.masking.deals[0]
    return make_step(step, totals.COORDINATOR)


def answers() -> list[Vector]:
    """Answers in the name of the member at :data:`ASKED`, in the stage that they are for."""
    play, key = totals_round(), totals.key_at(TOTALS_MEMBERS, ASKED)
    other = totals.key_at(TOTALS_MEMBERS, 1)

    def answered(stage: Stage) -> bytes:
        return read_answer(play.answers[stage, ASKED], play.plan.hash, stage, 1 << 16)

    def revealed(signed: bytes) -> bytes:
        message = decode(fb.RevealedShares, open_signed(signed, "revealed-shares").payload)
        message.survivors_hash = second_list().hash
        return key.sign("revealed-shares", encode(message))

    change: dict[str, tuple[str, Stage, Callable[[bytes], bytes]]] = {
        "masked-with-other-neighbours": (
            "MalformedMessage",
            Stage.MASKING,
            lambda signed: changed(signed, key, basis=ZERO),
        ),
        "masked-in-anothers-name": (
            "InvalidSignature",
            Stage.MASKING,
            lambda signed: changed(signed, other),
        ),
        "signature-for-a-second-list": (
            "InvalidSignature",
            Stage.AGREEMENT,
            lambda _: second_list().sign(key),
        ),
        "revealed-for-a-second-list": ("MalformedMessage", Stage.UNMASKING, revealed),
    }
    return [
        negative_vector(
            name,
            "totals-answer",
            error,
            place=ASKED,
            stage=stage.value,
            answer=make_answer(play.plan.hash, stage, spoil(answered(stage))).hex(),
        )
        for name, (error, stage, spoil) in change.items()
    ]
