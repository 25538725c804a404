"""The coordinator puts keys of its own in the place of a member's neighbours.

It would then know every mask between the victim and the others, and take them off the victim's
vector. What stops it: a member masks with keys only that a Merkle proof shows to be on the list, in
a certified round under the root in the trustees' certificate (:func:`run`), in one of totals under
the roster's hash in the plan (:func:`in_totals`). There the coordinator would be dealt shares of
both secrets, too.

Removed by ``--weakened``: that proof.
"""

from __future__ import annotations

from protocols.errors import ProtocolError
from protocols.federated import masked
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey, pairwise
from protocols.federated.totals import neighbours
from protocols.federated.totals.sealed import SEALED_BYTES, Route, open_deal
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import combine, read_share
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.steps import make_step
from protocols.signing import open_signed
from protocols.wire import federated_pb2 as fb
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import Figures, asked, one_member, one_of_totals, signed_in, words_of
from tests.cohort import member_key, values
from tests.protocols.federated.certified import Certified
from tests.totals import COORDINATOR, Play, plan_of, signer, values_of

MEMBERS, VICTIM = 8, 3
KINDS = ("mask", "seal")
HAD = "the coordinator's key, and one of its own for every neighbour of the victim"


def run(weakened: bool) -> Result:
    """In a certified round."""
    round_ = Certified.of(MEMBERS)
    number, stopped, gained = round_.members[VICTIM], "", None
    reply = round_.reply(VICTIM)
    for key in reply.keys:
        if key.place != VICTIM:
            public = RoundKey(_seed(key.place)).public
            invented = member_key(100 + key.place)
            key.round_key = make_round_key(round_.plan.hash, public, b"", invented)
    with removed(weakened, masked, "check_entries", lambda *_: None) as what:
        try:
            terms = round_.read(VICTIM, reply)
            own = round_.scene.secret_key(number)
            vector = masked.mask(terms, values(number), own, round_.key(VICTIM))
            gained = _unmasked(round_, terms, vector)
        except ProtocolError as error:
            stopped = str(error)
    return Result(
        had=HAD,
        did="showed the victim these keys, and took the masks off its vector",
        planted={name: values(number)[name] for name in ("output", "emissions")},
        gained=gained,
        stopped_by=(stopped,) if stopped else (),
        removed=what and f"the proof that keys are under the certificate's root ({what})",
    )


def in_totals(weakened: bool) -> Result:
    """In a round of totals, where the coordinator also opens what the victim deals."""
    play = Play(plan_of(MEMBERS)).until(Stage.SHARES)
    stopped, gained = "", None
    step = asked(play, VICTIM)
    for key in step.shares.keys:
        mask_key, seal_key = (RoundKey(_seed(key.place, kind)).public for kind in KINDS)
        invented = signer(100 + key.place)
        key.round_key = make_round_key(play.plan.hash, mask_key, seal_key, invented)
    with removed(weakened, neighbours, "check_members", lambda *_: None) as what:
        try:
            dealt = play.members[VICTIM].answer(make_step(step, COORDINATOR))
            gained = _asked_to_mask(play, dealt)
        except ProtocolError as error:
            stopped = str(error)
    return Result(
        had=HAD,
        did="was dealt the victim's shares, and took self-mask and masks off its vector",
        planted=values_of(VICTIM),
        gained=gained,
        stopped_by=(stopped,) if stopped else (),
        removed=what and f"the proof that keys are those of the roster ({what})",
    )


def _unmasked(round_: Certified, terms: masked.MaskingTerms, vector: bytes) -> Figures | None:
    """The victim's vector, to which the coordinator adds what each neighbour would have."""
    words = words_of(vector)
    context = (b"masked", round_.plan.hash, terms.certificate.hash)
    victim = {terms.place: terms.mask_key}
    for place in terms.neighbours:
        words = words + pairwise(RoundKey(_seed(place)), place, victim, context, len(words))
    return one_member(round_.plan, terms.certificate, words)


def _asked_to_mask(play: Play, dealt: bytes) -> Figures | None:
    """The next stage, and what is found with the shares that were dealt to the coordinator."""
    plan, threshold = play.plan, Setting(play.plan).threshold
    payload = open_signed(signed_in(dealt, plan, Stage.SHARES), "dealt-shares").payload
    seal_key = play.gathering._keys[VICTIM].seal_key
    shares = {}
    step = fb.TotalsStep(plan_hash=plan.hash)
    for deal in fb.DealtShares.FromString(payload).deals:
        route = Route(plan.hash, VICTIM, deal.place)
        opened = open_deal(deal.sealed, RoundKey(_seed(deal.place, "seal")), seal_key, route)
        shares[deal.place + 1] = read_share(opened.self_mask)
        step.masking.deals.add(place=deal.place, sealed=bytes(SEALED_BYTES))
    answer = play.members[VICTIM].answer(make_step(step, COORDINATOR))
    words = words_of(signed_in(answer, plan, Stage.MASKING))
    seeds = {point - 1: _seed(point - 1) for point in shares}
    return one_of_totals(play, VICTIM, words, combine(shares, threshold), seeds)


def _seed(place: int, kind: str = "mask") -> bytes:
    return f"the coordinator's {kind} {place}".encode().ljust(32, b".")


if __name__ == "__main__":
    main(run, __doc__)
