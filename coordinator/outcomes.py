"""What a node needs of a finished round: the release, who signed it, and that it was counted in it.

A node does not read the log. Everything here is checked by it, and its size is a logarithm of the
round's (the atoms that closing votes declare aside). Made by :class:`coordinator.board.Board` for
each call; what all members of a round share is kept for the rounds that were asked about last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from coordinator.desk import Desk, Logged
from coordinator.states import State
from coordinator.store import Store
from protocols.closing import inclusion_tree
from protocols.errors import PolicyRefusal
from protocols.merkle import MerkleTree
from protocols.signing import VerifyKey
from protocols.wire import service_pb2 as pb

ROUNDS = 16
"""Finished rounds that are kept ready; nodes come for a release when it is new."""

PUBLISHED = frozenset({State.RELEASED, State.WITHHELD})


@dataclass(frozen=True)
class _Shared:
    """What is the same for all members of a round."""

    release: bytes
    tree: MerkleTree
    places: dict[bytes, int]
    """On the list of what is counted, by the contribution's hash."""
    contributions: dict[int, Logged]
    """By their places in the log."""
    last: dict[bytes, int]
    """The place in the log of each member's last contribution, by the member's key."""


class Outcomes:
    """The outcomes of a board's rounds. Safe to call from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shared = lru_cache(maxsize=ROUNDS)(self._read)

    def of(self, desk: Desk, member: VerifyKey, index: int) -> pb.OutcomeReply:
        """The outcome for ``member``.

        :param index: of the entry in the log that the member's receipt names, whatever is not its
            own contribution being left out; 0 for its last contribution.
        :raises PolicyRefusal: the round has no release that trustees endorsed.
        """
        with desk.turn:
            round_ = desk.round
            released = round_.release_hash
            if round_.state not in PUBLISHED or released is None:
                raise PolicyRefusal(f"round {desk.round_id} is {round_.state}: it has no outcome")
            reply = pb.OutcomeReply(
                endorsements=[vote for _, vote in sorted(round_.votes["endorsement"].items())],
                closings=[vote for _, vote in sorted(round_.votes["closing"].items())],
            )
        shared = self._shared(desk, released)
        reply.release = shared.release
        own = shared.contributions.get(index or shared.last.get(member.raw, 0))
        if own is not None and own.member == member:
            reply.contribution.index = own.index
            reply.contribution.payload_hash = own.hash
            reply.contribution.entry_hash = desk.places[own.hash].hash
            place = shared.places.get(own.hash)
            if place is not None:
                reply.counted.CopyFrom(pb.CountedAt(place=place, proof=shared.tree.prove([place])))
        return reply

    def _read(self, desk: Desk, released: bytes) -> _Shared:
        """Nothing of this changes once trustees have endorsed the release."""
        with desk.turn:
            round_, contributions = desk.round, list(desk.contributions)
            included = round_.proposal.included if round_.proposal is not None else ()
            posted = desk.places[released]
        return _Shared(
            release=self._store.payload(desk.round_id, posted.index),
            tree=inclusion_tree(included),
            places={digest: place for place, digest in enumerate(included)},
            contributions={item.index: item for item in contributions},
            last={item.member.raw: item.index for item in contributions},
        )
