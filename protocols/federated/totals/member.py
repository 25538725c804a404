"""A member's side of a totals round. Run on the private side of a node, and nowhere else.

A step comes in, an answer goes out; between the two the caller writes :meth:`Member.remember` to
disk. Everything secret follows from 32 bytes that are drawn once a round, and everything a member
says it says once: the same step gets the same bytes, another step of the same stage is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.errors import (
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PolicyRefusal,
    SealBroken,
)
from protocols.federated.keys import RoundKeys, make_round_key, read_round_key
from protocols.federated.masks import RoundKey, Words, expand, pairwise
from protocols.federated.offer import TotalsTerms
from protocols.federated.totals.memory import Answered, Memory, subject_of
from protocols.federated.totals.neighbours import basis_of, check_keys, check_places
from protocols.federated.totals.sealed import Deal, Route, open_deal, seal
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import Polynomial
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import (
    commitment_to,
    read_deals,
    self_mask_key,
    sign_dealt,
    sign_masked,
    sign_revealed,
)
from protocols.federated.totals.steps import Step, make_answer, read_step
from protocols.federated.totals.survivors import Survivors, check_quorum
from protocols.secrets import Secret
from protocols.signing import SigningKey


class Member(Secret):
    """One member in one round."""

    def __init__(
        self,
        terms: TotalsTerms,
        key: SigningKey,
        measures: Mapping[str, int],
        memory: bytes | None = None,
    ) -> None:
        """:param terms: the checked plan and own place on its roster.
        :param measures: an integer for every published measure; looked at when they are masked.
        :param memory: what :meth:`remember` gave last; None before the first step of the round.

        :raises PlanError: not a plan of totals. :raises InvalidSignature: the place is another's.
        :raises StorageError: the memory is of another round.
        """
        terms.place.member(key.public)
        self._setting = Setting(terms.plan)
        self._coordinator = terms.coordinator
        self._place = terms.place.index
        self._key = key
        self._measures = measures
        plan_hash = terms.plan.hash
        self._memory = (
            Memory.new(plan_hash) if memory is None else Memory.from_bytes(memory, plan_hash)
        )
        self._mask_key = RoundKey(self._memory.secret("mask-key"))
        self._seal_key = RoundKey(self._memory.secret("seal-key"))

    def answer(self, step: bytes) -> bytes:
        """The answer to a step of the coordinator.

        Write :meth:`remember` down before it leaves.

        :raises ContributionRefused: the measures do not fit the plan.
        :raises PolicyRefusal: the step asks for what the plan's policy forbids.
        :raises ProtocolError: anything else that does not hold; nothing is remembered of the step.
        """
        read = read_step(step, self._coordinator, self._setting.most_step_bytes)
        if read.plan_hash != self._setting.plan.hash:
            raise PlanError("the step belongs to another round")
        handlers: dict[Stage, Callable[[Step], bytes]] = {
            Stage.KEYS: self._give_keys,
            Stage.SHARES: self._deal,
            Stage.MASKING: self._mask,
            Stage.AGREEMENT: self._agree,
            Stage.UNMASKING: self._reveal,
        }
        return handlers[read.stage](read)

    def remember(self) -> bytes:
        """What a new :class:`Member` goes on from: secret, and never to be rolled back."""
        return self._memory.to_bytes()

    @property
    def answered(self) -> tuple[Stage, ...]:
        """The stages that were answered, in their order."""
        return tuple(sorted(self._memory.answered, key=lambda stage: stage.number))

    @property
    def revealed_for(self) -> bytes | None:
        """Hash of the list of survivors that shares were revealed for, once they were."""
        last = self._memory.answered.get(Stage.UNMASKING)
        return last.subject if last is not None else None

    def _give_keys(self, step: Step) -> bytes:
        """The terms were checked before there was a Member: the step says nothing else."""
        again = self._again(Stage.KEYS, step.plan_hash)
        return again or self._keep(Stage.KEYS, step.plan_hash, self._own_statement())

    def _deal(self, step: Step) -> bytes:
        subject = subject_of(step.received)
        if again := self._again(Stage.SHARES, subject):
            return again
        self._after(Stage.KEYS)
        keys = check_keys(step.message.shares, self._setting, self._place, self._own_keys())
        sealed = self._sealed({place: one.seal_key for place, one in keys.items()})
        commitment = commitment_to(self._setting.plan.hash, self._self_mask_seed())
        signed = sign_dealt(self._setting, commitment, sealed, self._key)
        self._memory.keys = keys
        return self._keep(Stage.SHARES, subject, signed)

    def _mask(self, step: Step) -> bytes:
        subject = subject_of(step.received)
        if again := self._again(Stage.MASKING, subject):
            return again
        self._after(Stage.SHARES)
        dealt = step.message.masking.deals
        places = check_places([deal.place for deal in dealt], self._setting, self._place)
        if not set(places) <= set(self._memory.keys):
            raise MalformedMessage("shares of a neighbour whose keys were not shown")
        deals = read_deals(dealt, places)
        with_keys = {place: self._memory.keys[place].mask_key for place in places}
        words = self._masked(with_keys)
        basis = basis_of(self._setting, self._place, with_keys)
        signed = sign_masked(self._setting, basis, words, self._key)
        self._memory.deals = deals
        return self._keep(Stage.MASKING, subject, signed)

    def _agree(self, step: Step) -> bytes:
        survivors = Survivors.read(self._setting, step.message.agreement.survivors)
        self._only(survivors)
        if again := self._again(Stage.AGREEMENT, survivors.hash):
            return again
        if self._place not in self._setting.committee:
            raise InvalidSignature("this member is not on the committee that signs the list")
        return self._keep(Stage.AGREEMENT, survivors.hash, survivors.sign(self._key))

    def _reveal(self, step: Step) -> bytes:
        survivors = check_quorum(step.message.unmasking, self._setting)
        self._only(survivors)
        if again := self._again(Stage.UNMASKING, survivors.hash):
            return again
        shares = {}
        for place, deal in self._opened_deals().items():
            shares[place] = deal.self_mask if place in survivors else deal.mask_key
        signed = sign_revealed(self._setting, survivors, shares, self._key)
        return self._keep(Stage.UNMASKING, survivors.hash, signed)

    def _only(self, survivors: Survivors) -> None:
        """A list that may be acted on: it fits what was masked, and it is the only one."""
        self._after(Stage.MASKING)
        for stage in (Stage.AGREEMENT, Stage.UNMASKING):
            before = self._memory.answered.get(stage)
            if before is not None and before.subject != survivors.hash:
                raise PolicyRefusal(
                    "this member acted on another list of survivors: it signs one and reveals for "
                    "one"
                )
        survivors.check_for(self._setting, self._place, self._memory.deals)

    def _opened_deals(self) -> dict[int, Deal]:
        """What the neighbours dealt. One that does not open harms who dealt it."""
        opened = {}
        for place, sealed in self._memory.deals.items():
            route = Route(self._setting.plan.hash, place, self._place)
            try:
                seal_key = self._memory.keys[place].seal_key
                opened[place] = open_deal(sealed, self._seal_key, seal_key, route)
            except SealBroken:
                continue
        return opened

    def _masked(self, with_keys: Mapping[int, bytes]) -> Words:
        """The own vector, the self-mask, and the masks with each of these neighbours."""
        own = self._setting.vector.encode(self._measures)
        self_mask = self_mask_key(self._setting.plan.hash, self._self_mask_seed())
        context = self._setting.masking_context
        masks = pairwise(self._mask_key, self._place, with_keys, context, len(own))
        return own + expand(self_mask, len(own)) + masks

    def _sealed(self, seal_keys: Mapping[int, bytes]) -> dict[int, bytes]:
        """A share of each own secret for each neighbour, at the point one above its place."""
        memory, threshold = self._memory, self._setting.threshold
        mask_key = Polynomial(memory.secret("mask-key"), threshold, memory.secret("mask-shares"))
        self_mask = Polynomial(self._self_mask_seed(), threshold, memory.secret("self-shares"))
        sealed = {}
        for place, seal_key in seal_keys.items():
            deal = Deal(mask_key.share(place + 1), self_mask.share(place + 1))
            route = Route(self._setting.plan.hash, self._place, place)
            sealed[place] = seal(deal, self._seal_key, seal_key, route)
        return sealed

    def _self_mask_seed(self) -> bytes:
        return self._memory.secret("self-mask")

    def _own_statement(self) -> bytes:
        publics = self._mask_key.public, self._seal_key.public
        return make_round_key(self._setting.plan.hash, *publics, self._key)

    def _own_keys(self) -> RoundKeys:
        return read_round_key(self._own_statement(), self._setting.plan.hash, sealing=True)

    def _again(self, stage: Stage, subject: bytes) -> bytes | None:
        """The answer that was given to this very question.

        :raises PolicyRefusal: another question of the stage was answered.
        """
        before = self._memory.answered.get(stage)
        if before is None:
            return None
        if before.subject != subject:
            raise PolicyRefusal(
                f"this member answered another step of stage {stage}: it answers each stage once"
            )
        return before.answer

    def _after(self, stage: Stage) -> None:
        if stage not in self._memory.answered:
            raise PlanError(f"a step that comes after stage {stage}, which was not answered")

    def _keep(self, stage: Stage, subject: bytes, signed: bytes) -> bytes:
        answer = make_answer(self._setting.plan.hash, stage, signed)
        self._memory.answered[stage] = Answered(subject, answer)
        return answer
