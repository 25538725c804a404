"""Closing a round: the list of what is counted, certified by q trustees before anything is opened.

What is counted is not the coordinator's to choose: it follows from the log by one rule
(:func:`select`), which coordinator, trustees and verifiers run alike. The coordinator proposes the
list (:func:`propose`). Each trustee reads the contributions, finds the list itself
(:func:`recompute`) and signs it (:func:`vote`), once a round. With ``2q - n >= t`` no two different
statements of a round can both reach q votes unless t trustees are corrupt. SPEC.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from protocols.aggregate import Aggregates, aggregate
from protocols.atoms import (
    NOTHING_DECLARED,
    Declared,
    atom_messages,
    check_partition,
    read_atoms,
)
from protocols.ceremony import Ceremony
from protocols.contribution import Contribution, ciphertext_marks, peek, read, verify_proof
from protocols.errors import PlanError, PolicyRefusal, ProtocolError, TranscriptBroken
from protocols.hashing import domain_hash
from protocols.layout import Layout
from protocols.merkle import MerkleTree, check_entries
from protocols.paillier import encryptor_for
from protocols.plan import Plan
from protocols.quorum import agreed, open_vote
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

PLACE_BYTES = 12
"""Room for a member's place in its atom, and its part of what is around the places."""
VOTE_BYTES = 1024
"""Room for everything in a signed closing vote but the atoms."""


@dataclass(frozen=True)
class ClosingStatement:
    """What q trustees certify of a round.

    Plan; root of the Merkle tree over the inclusion list (statement hashes, ascending) and the
    list's length; the aggregates' hash; declared atoms. The list itself is in the coordinator's
    ``close``, and whoever holds it compares (:meth:`lists`); a node is shown its own place
    (:meth:`check_counted`).
    """

    plan_hash: bytes
    included_root: bytes
    members: int
    aggregates_hash: bytes
    declared: Declared = NOTHING_DECLARED

    @classmethod
    def of(
        cls,
        plan_hash: bytes,
        included: Sequence[bytes],
        aggregates_hash: bytes,
        declared: Declared = NOTHING_DECLARED,
    ) -> ClosingStatement:
        """The statement over an inclusion list, which is ascending."""
        root = inclusion_tree(included).root
        return cls(plan_hash, root, len(included), aggregates_hash, declared)

    def lists(self, included: Sequence[bytes]) -> bool:
        """Whether this is over the inclusion list ``included``, and no other."""
        return self.members == len(included) and self.included_root == inclusion_tree(included).root

    def check_counted(self, contribution: bytes, place: int, proof: Sequence[bytes]) -> None:
        """Check that the inclusion list has a contribution's hash at ``place``, from 0.

        :param proof: of :func:`inclusion_tree`.
        :raises MalformedMessage: it is not shown.
        """
        check_entries(self.included_root, self.members, {place: contribution}, proof)

    def to_bytes(self) -> bytes:
        """The bytes on which q trustees must agree."""
        return encode(
            pb.ClosingStatement(
                plan_hash=self.plan_hash,
                included_root=self.included_root,
                members=self.members,
                aggregates_hash=self.aggregates_hash,
                atoms=atom_messages(self.declared),
                totals_only=self.declared.totals_only,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ClosingStatement:
        """Decode canonical bytes."""
        message = decode(pb.ClosingStatement, data)
        declared = read_atoms(message.atoms, totals_only=message.totals_only)
        return cls(
            message.plan_hash,
            message.included_root,
            message.members,
            message.aggregates_hash,
            declared,
        )

    @property
    def hash(self) -> bytes:
        """How certificates and share sets refer to this statement."""
        return domain_hash("cefed/closing/v1", self.to_bytes())


def inclusion_tree(included: Sequence[bytes]) -> MerkleTree:
    """The tree whose root closing statements carry.

    :param included: statement hashes of what is counted, ascending.
    """
    return MerkleTree(included)


@dataclass(frozen=True)
class Proposal:
    """What the coordinator closes: the list, and the log's head before this entry.

    The head signs the order and content of everything that came in, also of what is not counted.
    ``declared``: what the rounds that it closed before demand of this one.
    """

    included: tuple[bytes, ...]
    transcript_head: bytes
    declared: Declared = NOTHING_DECLARED


def propose(
    plan: Plan,
    included: Iterable[bytes],
    transcript_head: bytes,
    coordinator: SigningKey,
    declared: Declared = NOTHING_DECLARED,
) -> bytes:
    """The coordinator's signed inclusion list.

    :param declared: atoms of the list in ascending order.
    """
    message = pb.Close(
        plan_hash=plan.hash,
        included=sorted(included),
        transcript_head=transcript_head,
        atoms=atom_messages(declared),
        totals_only=declared.totals_only,
    )
    return coordinator.sign("close", encode(message))


def read_proposal(payload: bytes, plan: Plan) -> Proposal:
    """The content of a ``close`` statement; its list is ascending and without repetition.

    Its atoms are none, or two and more that part the list. The caller compares ``transcript_head``
    with the log that it read.
    """
    message = decode(pb.Close, payload)
    if message.plan_hash != plan.hash:
        raise PlanError("the inclusion list belongs to another plan")
    included = tuple(message.included)
    if list(included) != sorted(set(included)):
        raise TranscriptBroken("the inclusion list is unsorted or repeats a contribution")
    declared = read_atoms(message.atoms, totals_only=message.totals_only)
    check_partition(declared, len(included))
    return Proposal(included, message.transcript_head, declared)


class Logged(Protocol):
    """What the inclusion rule asks of a logged contribution."""

    @property
    def member(self) -> VerifyKey: ...

    @property
    def version(self) -> int: ...

    @property
    def hash(self) -> bytes: ...


L = TypeVar("L", bound=Logged)

Marks = Sequence[bytes]
"""A digest of each ciphertext: :func:`protocols.contribution.ciphertext_marks`."""


def select(logged: Sequence[L], marks: Callable[[L], Marks | None]) -> list[L]:
    """The contributions that are counted, in the log's order: the inclusion rule.

    Of each member the highest version whose form and proof hold; among these, one that repeats a
    ciphertext of an earlier one is left out. Nobody can have another member's contribution left out
    by copying it: a copy is bound to its signer by no valid proof, and so is no candidate.

    :param logged: every logged contribution, in the log's order.
    :param marks: the marks of a contribution that holds, None for one that does not; asked only
        where the answer matters.
    """
    counted: dict[bytes, tuple[int, L, Marks]] = {}
    # The sort is stable: of one member's equal versions the first in the log is asked first.
    for place, item in sorted(enumerate(logged), key=lambda pair: -pair[1].version):
        if item.member.raw in counted:
            continue
        found = marks(item)
        if found is not None:
            counted[item.member.raw] = (place, item, found)
    seen: set[bytes] = set()
    selected = []
    for _, item, found in sorted(counted.values(), key=lambda entry: entry[0]):
        if len(set(found)) == len(found) and seen.isdisjoint(found):
            seen.update(found)
            selected.append(item)
    return selected


@dataclass(frozen=True)
class Counted:
    """What the log of a round comes to.

    ``included``: hashes of the counted contributions, ascending; ``signers``: who signed them, in
    the same order. ``members``: the same in the log's order. ``left_out``: for each other logged
    contribution, why it is not counted. ``round_keys``: in a ``certified`` round the signed round
    keys of the counted contributions, in the order of ``included``; else none.
    """

    included: tuple[bytes, ...]
    members: tuple[VerifyKey, ...]
    aggregates: Aggregates
    left_out: Mapping[bytes, str]
    signers: tuple[VerifyKey, ...]
    round_keys: tuple[bytes, ...] = ()


def recompute(
    plan: Plan,
    layout: Layout,
    roster: Roster,
    ceremony: Ceremony,
    contributions: Sequence[bytes],
) -> Counted:
    """Check the logged contributions from their signed bytes and multiply those that count.

    Run by each trustee and by every verifier. The expensive part of a round: about 0.35 ms a
    ciphertext at 3072 bits. One parsed contribution is held at a time.

    :param contributions: every logged contribution's signed bytes, in the log's order.
    """
    key = ceremony.key.public
    encryptor = encryptor_for(key)
    left_out: dict[bytes, str] = {}
    logged: list[_Candidate] = []
    for data in contributions:
        try:
            arrived, _ = peek(data, plan, layout, roster, key)
            round_key = arrived.round_key.received if arrived.round_key else b""
            logged.append(
                _Candidate(arrived.member, arrived.version, arrived.hash, data, round_key)
            )
        except ProtocolError as error:
            left_out[statement_hash(data)] = str(error)

    def marks(candidate: _Candidate) -> Marks | None:
        try:
            found = read(candidate.data, plan, layout, roster, key)
            verify_proof(found, encryptor)
        except ProtocolError as error:
            left_out[candidate.hash] = str(error)
            return None
        return ciphertext_marks(found)

    selected = select(logged, marks)
    chosen = {item.hash for item in selected}
    heads = {item.member.raw: item.version for item in selected}
    for item in logged:
        if item.hash not in chosen:
            superseded = heads.get(item.member.raw, 0) >= item.version
            reason = "superseded by a later version" if superseded else "repeats a ciphertext"
            left_out.setdefault(item.hash, reason)

    def parsed() -> Iterator[Contribution]:
        for item in selected:
            yield read(item.data, plan, layout, roster, key)

    in_order = sorted(selected, key=lambda item: item.hash)
    return Counted(
        included=tuple(sorted(chosen)),
        members=tuple(item.member for item in selected),
        aggregates=aggregate(layout, key, parsed()),
        left_out=left_out,
        signers=tuple(item.member for item in in_order),
        round_keys=tuple(item.round_key for item in in_order if item.round_key),
    )


def check_proposal(proposal: Proposal, counted: Counted) -> None:
    """Refuse a close list that is not what the log comes to.

    :raises TranscriptBroken: naming the first contribution that is listed or missing wrongly.
    """
    listed, found = set(proposal.included), set(counted.included)
    for extra in sorted(listed - found):
        reason = counted.left_out.get(extra, "it is not in the log")
        raise TranscriptBroken(f"contribution {extra.hex()[:16]} is listed and cannot be: {reason}")
    if missing := sorted(found - listed):
        raise TranscriptBroken(
            f"contribution {missing[0].hex()[:16]} was logged, and so acknowledged, but not counted"
        )


def check_cohort_size(plan: Plan, members: int) -> str | None:
    """None if enough members take part, else the reason to withhold the cohort.

    A member is a whole corporate group; the roster refuses two of one group.
    """
    needed = plan.policy.minimum_cohort
    return None if members >= needed else f"fewer than {needed} enterprises took part"


def max_vote_bytes(plan: Plan) -> int:
    """The largest closing vote of a trustee that is looked at: each member in an atom, and room."""
    return plan.participants * PLACE_BYTES + VOTE_BYTES


def vote(statement: ClosingStatement, ledger_head: bytes, trustee: SigningKey) -> bytes:
    """A trustee's signed vote for ``statement``; its ledger allows one a round."""
    message = pb.ClosingVote(statement=statement.to_bytes(), ledger_head=ledger_head)
    return trustee.sign("closing", encode(message))


def tally(votes: Iterable[bytes], plan: Plan, ceremony: Ceremony) -> ClosingStatement:
    """The closing statement that q trustees signed.

    :raises QuorumMissing: fewer than q distinct trustees agree.
    :raises PolicyRefusal: the agreed statement belongs to another plan.
    """
    opened = (open_vote(data, "closing", ceremony) for data in votes)
    content = agreed(
        ((who, decode(pb.ClosingVote, vote.payload).statement) for who, vote in opened),
        ceremony,
        "closing statement",
    )
    statement = ClosingStatement.from_bytes(content)
    if statement.plan_hash != plan.hash:
        raise PolicyRefusal("the closing statement belongs to another plan")
    return statement


def parted(plan: Plan) -> bool:
    """Whether a round publishes parts of its cohort whose members are secret: bands or cells."""
    return bool(plan.ranked_indicators or plan.table)


@dataclass(frozen=True)
class _Candidate:
    """A contribution of good form whose proof has not been looked at."""

    member: VerifyKey
    version: int
    hash: bytes
    data: bytes
    round_key: bytes
