"""Taking the masks off a sum: secrets rebuilt from revealed shares, and what they are checked by.

Of a survivor the self-mask, of a member that dropped out the mask key, never both. A rebuilt secret
is believed only if it fits what its owner signed: the commitment, or the public mask key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from protocols.errors import InvalidShare, OpeningInconsistent
from protocols.federated.keys import RoundKeys
from protocols.federated.masks import RoundKey, Words, added, expand, pairwise
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import combine, correct
from protocols.federated.totals.statements import Dealt, commitment_to, self_mask_key
from protocols.secrets import Secret


@dataclass(frozen=True, repr=False)
class Gathered(Secret):
    """What the coordinator holds at the end, by place. ``revealed``: share values by neighbour.

    ``dealt`` has exactly the members that others masked with, ``masked`` the survivors.
    """

    keys: Mapping[int, RoundKeys]
    dealt: Mapping[int, Dealt]
    masked: Mapping[int, Words]
    revealed: Mapping[int, Mapping[int, int]]


class Opening:
    """One opening.

    ``suspects``: the places whose shares were found wrong. They revealed them so, or were dealt
    them so, which nobody can tell: the dealer's is the only other word.
    """

    def __init__(self, setting: Setting, gathered: Gathered) -> None:
        self._setting = setting
        self._gathered = gathered
        self.suspects: set[int] = set()

    def sums(self) -> dict[str, int]:
        """The survivors' sums by measure.

        :raises OpeningInconsistent: a secret that cannot be rebuilt, or sums that no such members
            have; nothing may be published.
        """
        words = self._setting.vector.words
        masked = self._gathered.masked
        total = added(masked.values(), words) - added(self._self_masks(), words)
        # What a survivor added for a lost neighbour, that neighbour would have subtracted.
        total = total + added(self._lost_masks(), words)
        return self._setting.vector.decode(total, len(masked))

    def _self_masks(self) -> Iterable[Words]:
        plan_hash = self._setting.plan.hash
        for place in self._gathered.masked:
            commitment = self._gathered.dealt[place].commitment

            def fits(seed: bytes, commitment: bytes = commitment) -> bool:
                return commitment_to(plan_hash, seed) == commitment

            seed = self._rebuilt(place, fits)
            yield expand(self_mask_key(plan_hash, seed), self._setting.vector.words)

    def _lost_masks(self) -> Iterable[Words]:
        for place in self._gathered.dealt:
            if place in self._gathered.masked:
                continue
            public = self._gathered.keys[place].mask_key

            def fits(seed: bytes, public: bytes = public) -> bool:
                return RoundKey(seed).public == public

            key = RoundKey(self._rebuilt(place, fits))
            others = {
                other: self._gathered.keys[other].mask_key
                for other in self._setting.graph.neighbours(place)
                if other in self._gathered.masked
            }
            context = self._setting.masking_context
            yield pairwise(key, place, others, context, self._setting.vector.words)

    def _rebuilt(self, place: int, fits: Callable[[bytes], bool]) -> bytes:
        """The secret of the member at ``place`` that its neighbours revealed.

        First without the suspects' shares. Then with them: a suspect may be one who was dealt a
        wrong share of somebody else's secret, and reveals a right one here.
        """
        threshold, shares = self._setting.threshold, self._shares_of(place)
        trusted = {at: share for at, share in shares.items() if at - 1 not in self.suspects}
        try:
            secret = combine(trusted, threshold)
            if fits(secret):
                return secret
        except InvalidShare:
            pass  # too few, or wrong ones, which are corrected next
        why = f"place {place} dealt its neighbours something else than it committed to"
        for considered in (trusted, shares) if trusted != shares else (shares,):
            try:
                rebuilt = correct(considered, threshold)
            except InvalidShare as error:
                why = f"the secret of the member at place {place} cannot be rebuilt: {error}"
                continue
            if fits(rebuilt.secret):
                self.suspects.update(point - 1 for point in rebuilt.wrong)
                return rebuilt.secret
        raise OpeningInconsistent(why)

    def _shares_of(self, place: int) -> dict[int, int]:
        """By point, those of suspects included."""
        revealed = self._gathered.revealed
        return {
            other + 1: revealed[other][place]
            for other in self._setting.graph.neighbours(place)
            if place in revealed.get(other, {})
        }
