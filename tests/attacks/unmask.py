"""What a coordinator computes from masked vectors and shares, for attacks on federated rounds.

Honest members, and the colluding ones up to where they deviate, run the product's code; this is the
other side's arithmetic.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from protocols.certificate import BandCertificate
from protocols.federated.keybook import KeyBook, root_of
from protocols.federated.masks import RoundKey, Words, expand, from_bytes, pairwise
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import read_share
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import self_mask_key
from protocols.federated.totals.steps import make_step, read_answer, read_step
from protocols.federated.totals.survivors import Survivors, quorum_of, read_signature
from protocols.plan import Level, Plan
from protocols.roster import Roster
from protocols.signing import open_signed
from protocols.sums import sections_of
from protocols.wire import federated_pb2 as fb
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import MAX_LARGE
from tests.protocols.federated.certified import Certified
from tests.totals import COORDINATOR, Play, key_at, roster_of

Figures = dict[str, int]


def words_of(statement: bytes) -> Words:
    """The words of a signed masked statement."""
    data = pb.Masked.FromString(open_signed(statement, "masked").payload).words
    return from_bytes(data, len(data) // 8)


# Certified rounds.


def certify(round_: Certified, round_keys: Sequence[bytes], place: int) -> service_pb2.MaskingReply:
    """What a member is told where these keys are counted, in the order of the list."""
    certificate = dataclasses.replace(round_.certificate, masks_root=root_of(round_keys))
    payload = certificate.to_bytes()
    votes = [key.sign("certificate", payload) for key in round_.scene.held.signing[:3]]
    return KeyBook(round_.plan, certificate, round_keys).reply(place, votes)


def one_member(plan: Plan, certificate: BandCertificate, words: Words) -> Figures | None:
    """The band-level figures in one member's vector; None if masks are left in it."""
    names = [m.name for m in plan.measures_at(Level.BAND, published=True)]
    width, found = 1 + len(names), list[Figures]()
    parts = len(sections_of(plan, certificate))
    for start in range(0, width * parts, width):
        count, *values = (int(word) for word in words[start : start + width])
        if count == 1:
            found.append(dict(zip(names, values, strict=True)))
        elif count or any(values):
            return None
    return found[0] if len(found) == 1 and words[width * parts] == 1 else None


# Rounds of totals.


def signed_in(answer: bytes, plan: Plan, stage: Stage) -> bytes:
    """The signed statement in a member's answer."""
    return read_answer(answer, plan.hash, stage, MAX_LARGE)


def asked(play: Play, place: int) -> fb.TotalsStep:
    """A copy of what the member at a place is asked now."""
    copy = fb.TotalsStep()
    copy.CopyFrom(read_step(play.gathering.steps()[place], COORDINATOR.public).message)
    return copy


def agreement(plan: Plan, survivors: Survivors) -> bytes:
    """The step that asks the committee to sign a list."""
    step = fb.TotalsStep(plan_hash=plan.hash)
    step.agreement.survivors = survivors.bits
    return make_step(step, COORDINATOR)


def signature(play: Play, survivors: Survivors, place: int, answer: bytes) -> bytes:
    """The bare signature in an answer to that step."""
    member = roster_of(play.plan.participants).members[place]
    return read_signature(signed_in(answer, play.plan, Stage.AGREEMENT), survivors, member)


def bought(survivors: Survivors, places: Sequence[int]) -> dict[int, bytes]:
    """Signatures of members of the committee that sign whatever they are asked to."""
    roster: Roster = roster_of(survivors.size)
    return {
        place: read_signature(
            survivors.sign(key_at(survivors.size, place)), survivors, roster.members[place]
        )
        for place in places
    }


def unmasking(plan: Plan, survivors: Survivors, signatures: Mapping[int, bytes]) -> bytes:
    """The step that asks for shares, with a list and who signed it."""
    step = fb.TotalsStep(plan_hash=plan.hash)
    step.unmasking.CopyFrom(quorum_of(survivors, signatures, roster_of(plan.participants)))
    return make_step(step, COORDINATOR)


def share_of(answer: bytes, plan: Plan, place: int) -> int:
    """The share of one neighbour's secret in a member's answer to that step."""
    signed = signed_in(answer, plan, Stage.UNMASKING)
    message = fb.RevealedShares.FromString(open_signed(signed, "revealed-shares").payload)
    return next(read_share(one.share) for one in message.shares if one.place == place)


def one_of_totals(
    play: Play, place: int, words: Words, self_mask: bytes, masks: Mapping[int, bytes] | RoundKey
) -> Figures | None:
    """A member's figures, by the seed of its self-mask and what its masks follow from.

    :param masks: its own mask key, rebuilt; or the mask-key seeds of all its neighbours.
    :returns: None if masks are left in it.
    """
    setting = Setting(play.plan)
    publics = {at: keys.mask_key for at, keys in play.gathering._keys.items()}
    context, size = setting.masking_context, len(words)
    bare = words - expand(self_mask_key(play.plan.hash, self_mask), size)
    if isinstance(masks, RoundKey):
        others = {at: public for at, public in publics.items() if at != place}
        bare = bare - pairwise(masks, place, others, context, size)
    else:
        for at, seed in masks.items():
            bare = bare + pairwise(RoundKey(seed), at, {place: publics[place]}, context, size)
    count, *values = (int(word) for word in bare)
    names = [measure.name for measure in setting.vector.measures]
    return dict(zip(names, values, strict=True)) if count == 1 else None
