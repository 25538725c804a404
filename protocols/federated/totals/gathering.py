"""The coordinator's side of a totals round: stage after stage, as far as members answer.

Pure and deterministic: the same answers and the same calls of :meth:`Gathering.go_on`, in the same
order, make the same steps and the same release. So whoever conducts a round keeps a journal of
them, and plays it again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from protocols.errors import MalformedMessage, OpeningInconsistent, PolicyRefusal, ProtocolError
from protocols.federated.keys import RoundKeys, read_round_key
from protocols.federated.masks import Words
from protocols.federated.offer import read_gathering_terms
from protocols.federated.totals.neighbours import basis_of, keys_message
from protocols.federated.totals.opening import Gathered, Opening
from protocols.federated.totals.release import make_release
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import Dealt, read_dealt, read_masked, read_revealed
from protocols.federated.totals.steps import make_step, read_answer
from protocols.federated.totals.survivors import Survivors, quorum_of, read_signature
from protocols.hashing import domain_hash
from protocols.on_demand import OnDemand
from protocols.places import Place
from protocols.roster import Roster
from protocols.signing import SigningKey
from protocols.wire import federated_pb2 as fb

V = TypeVar("V")


class Gathering:
    """One round. ``stage`` says where it stands, ``reason`` why it was abandoned.

    ``survivors``: the list, once everybody masked. ``suspects``: see :class:`.opening.Opening`.
    ``release``: the signed release, once done.
    """

    def __init__(self, plan_signed: bytes, roster: Roster, coordinator: SigningKey) -> None:
        """:raises PlanError: not a plan of totals for this roster, signed by the coordinator."""
        terms = read_gathering_terms(plan_signed, roster.to_bytes(), coordinator.public)
        self._setting = Setting(terms.plan)
        self._roster = roster
        self._coordinator = coordinator
        self._plan_signed = plan_signed
        self.stage = Stage.KEYS
        self.reason = ""
        self.survivors: Survivors | None = None
        self.suspects: tuple[int, ...] = ()
        self.release: bytes | None = None
        self._asked: tuple[int, ...] = tuple(range(len(roster.members)))
        self._answered: set[int] = set()
        self._seen: set[tuple[int, bytes]] = set()
        self._keys: dict[int, RoundKeys] = {}
        self._publics: set[bytes] = set()
        self._dealt: dict[int, Dealt] = {}
        self._masked: dict[int, Words] = {}
        self._signatures: dict[int, bytes] = {}
        self._revealed: dict[int, dict[int, int]] = {}
        self._common = b""

    def steps(self) -> Mapping[int, bytes]:
        """What goes to each member that owes an answer in this stage, by its roster place."""
        return OnDemand(set(self._asked) - self._answered, self._step)

    def receive(self, place: int, answer: bytes) -> None:
        """Take a member's answer; the same one again changes nothing.

        :raises ProtocolError: naming the member: the answer counts as none.
        """
        mark = (place, domain_hash("cefed/totals-answer/v1", answer))
        if mark in self._seen:
            return
        try:
            if place not in self._asked:
                raise MalformedMessage(f"nothing is asked of it in stage {self.stage}")
            if place in self._answered:
                raise MalformedMessage(f"it answered otherwise in stage {self.stage}")
            most = self._setting.most_answer_bytes
            signed = read_answer(answer, self._setting.plan.hash, self.stage, most)
            self._readers[self.stage](place, signed)
        except ProtocolError as error:
            raise type(error)(f"place {place}{self._name(place)}: {error}") from error
        self._answered.add(place)
        self._seen.add(mark)

    def go_on(self) -> None:
        """End the stage with those who answered; the round may be abandoned.

        :raises ValueError: it is over.
        """
        if self.stage not in self._endings:
            raise ValueError(f"the round is {self.stage}")
        self._endings[self.stage]()

    @property
    def _readers(self) -> Mapping[Stage, Callable[[int, bytes], None]]:
        return {
            Stage.KEYS: self._take_keys,
            Stage.SHARES: self._take_dealt,
            Stage.MASKING: self._take_masked,
            Stage.AGREEMENT: self._take_signature,
            Stage.UNMASKING: self._take_revealed,
        }

    @property
    def _endings(self) -> Mapping[Stage, Callable[[], None]]:
        return {
            Stage.KEYS: self._end_keys,
            Stage.SHARES: self._end_shares,
            Stage.MASKING: self._end_masking,
            Stage.AGREEMENT: self._end_agreement,
            Stage.UNMASKING: self._end_unmasking,
        }

    # What is asked.

    def _step(self, place: int) -> bytes:
        if self.stage in (Stage.AGREEMENT, Stage.UNMASKING):
            return self._common
        step = fb.TotalsStep(plan_hash=self._setting.plan.hash)
        if self.stage is Stage.KEYS:
            member = self._roster.members[place]
            own = Place(place, member, self._roster.prove([place]))
            step.keys.plan, step.keys.place = self._plan_signed, own.to_bytes()
        elif self.stage is Stage.SHARES:
            keys = {other: self._keys[other] for other in self._neighbours(place)}
            step.shares.CopyFrom(keys_message(keys, self._roster))
        else:
            deals = [
                fb.SealedDeal(place=other, sealed=self._dealt[other].deals[place])
                for other in self._neighbours(place)
            ]
            step.masking.deals.extend(deals)
        return make_step(step, self._coordinator)

    def _neighbours(self, place: int) -> list[int]:
        """Those that are still taking part, ascending."""
        taking = self._taking
        return [other for other in self._setting.graph.neighbours(place) if other in taking]

    @property
    def _taking(self) -> Collection[int]:
        return self._dealt if self.stage in (Stage.MASKING, Stage.UNMASKING) else self._keys

    # What is answered.

    def _take_keys(self, place: int, signed: bytes) -> None:
        member = self._roster.members[place]
        keys = read_round_key(signed, self._setting.plan.hash, member.key, sealing=True)
        publics = {keys.mask_key, keys.seal_key}
        if len(publics) < 2 or publics & self._publics:
            raise MalformedMessage("a round key that is there already")
        self._publics |= publics
        self._keys[place] = keys

    def _take_dealt(self, place: int, signed: bytes) -> None:
        member = self._roster.members[place]
        self._dealt[place] = read_dealt(signed, self._setting, member, self._neighbours(place))

    def _take_masked(self, place: int, signed: bytes) -> None:
        with_keys = {other: self._keys[other].mask_key for other in self._neighbours(place)}
        basis = basis_of(self._setting, place, with_keys)
        member = self._roster.members[place]
        self._masked[place] = read_masked(signed, self._setting, member, basis)

    def _take_signature(self, place: int, signed: bytes) -> None:
        member = self._roster.members[place]
        self._signatures[place] = read_signature(signed, self._list, member)

    def _take_revealed(self, place: int, signed: bytes) -> None:
        dealers = self._neighbours(place)
        member = self._roster.members[place]
        self._revealed[place] = read_revealed(signed, self._setting, member, self._list, dealers)

    # How a stage ends.

    def _end_keys(self) -> None:
        self._keys = _kept(self._keys, self._enough(self._keys))
        self._go_to(Stage.SHARES, self._keys, "gave round keys")

    def _end_shares(self) -> None:
        self._dealt = _kept(self._dealt, self._enough(self._dealt))
        self._go_to(Stage.MASKING, self._dealt, "dealt shares")

    def _end_masking(self) -> None:
        masked = self._masked
        if not self._many(masked, "masked their values"):
            return
        lost = [place for place in self._dealt if not self._has_enough(place, masked)]
        if lost:
            self._abandon(
                f"of the neighbours of {len(lost)} members fewer than {self._setting.threshold} "
                "masked their values, so that masks could not be taken off"
            )
            return
        self._dealt = {at: Dealt(one.commitment, {}) for at, one in self._dealt.items()}
        survivors = Survivors.of(self._setting, masked)
        try:
            survivors.check_windows(self._setting)
        except PolicyRefusal as error:
            self._abandon(f"no member would sign the list of survivors: {error}")
            return
        self.survivors = survivors
        signers = [place for place in self._setting.committee if place in masked]
        step = fb.TotalsStep(plan_hash=self._setting.plan.hash)
        step.agreement.survivors = survivors.bits
        self._common = make_step(step, self._coordinator)
        if self._quorum(signers, "remain of the committee"):
            self._ask(Stage.AGREEMENT, signers)

    def _end_agreement(self) -> None:
        if not self._quorum(self._signatures, "of the committee signed the list of survivors"):
            return
        first = sorted(self._signatures)[: self._setting.terms.quorum]
        signatures = {place: self._signatures[place] for place in first}
        step = fb.TotalsStep(plan_hash=self._setting.plan.hash)
        step.unmasking.CopyFrom(quorum_of(self._list, signatures, self._roster))
        self._common = make_step(step, self._coordinator)
        self._ask(Stage.UNMASKING, self._masked)

    def _end_unmasking(self) -> None:
        gathered = Gathered(self._keys, self._dealt, self._masked, self._revealed)
        opening = Opening(self._setting, gathered)
        try:
            sums = opening.sums()
        except OpeningInconsistent as error:
            self._abandon(f"nothing is published: {error}")
            return
        finally:
            self.suspects = tuple(sorted(opening.suspects))
        self.release = make_release(self._setting, self._list, sums, self._coordinator)
        self._ask(Stage.DONE, ())

    @property
    def _list(self) -> Survivors:
        if self.survivors is None:
            raise ValueError("there is no list of survivors before everybody masked")
        return self.survivors

    def _go_to(self, stage: Stage, taking: Collection[int], done: str) -> None:
        if self._many(taking, f"{done}, with {self._setting.threshold} neighbours that did"):
            self._ask(stage, taking)

    def _many(self, members: Collection[int], done: str) -> bool:
        if len(members) >= self._setting.minimum:
            return True
        self._abandon(
            f"{len(members)} members {done}; the plan's policy asks for {self._setting.minimum}"
        )
        return False

    def _quorum(self, signers: Collection[int], done: str) -> bool:
        if len(signers) >= self._setting.terms.quorum:
            return True
        self._abandon(f"{len(signers)} {done}; {self._setting.terms.quorum} are needed")
        return False

    def _enough(self, places: Collection[int]) -> set[int]:
        """Those who can go on: each with as many neighbours among them as rebuild a secret."""
        remaining = set(places)
        waiting = sorted(remaining)
        while waiting:
            place = waiting.pop()
            if place in remaining and not self._has_enough(place, remaining):
                remaining.remove(place)
                waiting.extend(self._setting.graph.neighbours(place))
        return remaining

    def _has_enough(self, place: int, among: Collection[int]) -> bool:
        found = sum(other in among for other in self._setting.graph.neighbours(place))
        return found >= self._setting.threshold

    def _ask(self, stage: Stage, places: Iterable[int]) -> None:
        self.stage = stage
        self._asked = tuple(sorted(places))
        self._answered = set()

    def _abandon(self, reason: str) -> None:
        self.reason = reason
        self._ask(Stage.ABANDONED, ())

    def _name(self, place: int) -> str:
        known = 0 <= place < len(self._roster.members)
        return f" ({self._roster.members[place].key.fingerprint})" if known else ""


def _kept(found: Mapping[int, V], places: Collection[int]) -> dict[int, V]:
    return {place: value for place, value in found.items() if place in places}
