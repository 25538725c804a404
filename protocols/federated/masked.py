"""A ``certified`` round's masked vectors: how a member makes its own, and what the sum of all says.

A member masks for one band certificate, once. Its masks with its neighbours cancel in the sum over
exactly the members that the certificate counts; the sum over any others is noise to whoever lacks
the keys of the rest. There is nothing to unmask, so nothing is asked of a member afterwards. Every
vector is signed and logged, and anybody adds them up. SPEC.md section 11, which has the argument.

The member's side (:func:`read_masking`, :func:`mask`) runs on the private side of a node; the
receiver's (:func:`read_masked`, :func:`add_up`) in coordinator, trustees and verifiers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from protocols import certificate as certificates
from protocols import noise
from protocols.ceremony import Ceremony
from protocols.certificate import BandCertificate
from protocols.errors import (
    KeyRefused,
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
    PolicyRefusal,
)
from protocols.federated import keys, masks, sections
from protocols.federated.keybook import graph_of
from protocols.federated.masks import WORD_BYTES, RoundKey, Words
from protocols.hashing import HASH_BYTES
from protocols.merkle import check_entries
from protocols.plan import Mode, Plan
from protocols.roster import Roster
from protocols.signing import SigningKey, Statement, VerifyKey, open_signed
from protocols.sums import CertifiedSums
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import decode, encode

KIND = "masked"
ENVELOPE_BYTES = 512
"""Room for everything in a signed masked statement but its words."""
_FIELD_BYTES = 16

NOTHING: Words = masks.added((), 0)
"""What is added up in a round that is withheld."""


@dataclass(frozen=True)
class MaskingTerms:
    """What a member masks for and with, checked by :func:`read_masking`.

    :ivar place: the member's own on the inclusion list. :ivar mask_key: its public key there.
    :ivar neighbours: the public mask keys of its neighbours, by their places.
    """

    plan: Plan
    certificate: BandCertificate
    place: int
    mask_key: bytes
    neighbours: Mapping[int, bytes]


@dataclass(frozen=True)
class Masked:
    """A member's vector, whose signature and form were checked."""

    member: VerifyKey
    words: Words


def read_masking(
    reply: service_pb2.MaskingReply,
    plan: Plan,
    ceremony: Ceremony,
    member: VerifyKey,
    round_key: bytes,
) -> MaskingTerms:
    """Check what the coordinator answers a member that asks what to mask for.

    :param plan: that the member accepted when it contributed. :param ceremony: its key's.
    :param round_key: the signed statement in the member's counted contribution.
    :raises QuorumMissing: fewer than q trustees signed the certificate.
    :raises PolicyRefusal: the certificate lets nothing be summed, or leaves the member too few
        others to hide among.
    :raises ProtocolError: keys that are not those of exactly the member and its neighbours.
    """
    if plan.mode is not Mode.CERTIFIED:
        raise PlanError("the plan asks for no masks for a certificate")
    certificate = certificates.tally(reply.certificates, plan, ceremony)
    if certificate.withheld:
        raise PolicyRefusal("the cohort is withheld: there is nothing to mask for")
    if certificate.members < plan.policy.minimum_cohort:
        raise PolicyRefusal("the certificate counts too few enterprises: nothing is masked for it")
    place = reply.place
    if place >= certificate.members:
        raise MalformedMessage("masking: a place beyond the list of what is counted")
    asked = sorted({place, *graph_of(plan, certificate).neighbours(place)})
    if [key.place for key in reply.keys] != asked:
        raise MalformedMessage("masking: not the keys of exactly the member and its neighbours")
    signed = {key.place: key.round_key for key in reply.keys}
    check_entries(certificate.masks_root, certificate.members, signed, reply.proof)
    if signed[place] != round_key:
        raise MalformedMessage("masking: the certificate counts another round key of this member")
    read = {at: keys.read_round_key(data, plan.hash) for at, data in signed.items()}
    if read[place].member != member:
        raise MalformedMessage("masking: the own round key is signed by another member")
    # A mask key may stand at two places: masks are bound to places, so that a copy cancels nothing,
    # and were it refused, whoever copies one could have a whole neighbourhood stay away.
    if len({found.member.raw for found in read.values()}) != len(read):
        raise MalformedMessage("masking: a member stands at two places")
    others = {at: found.mask_key for at, found in read.items() if at != place}
    return MaskingTerms(plan, certificate, place, read[place].mask_key, others)


def mask(
    terms: MaskingTerms,
    measures: Mapping[str, int],
    key: RoundKey,
    signer: SigningKey,
    *,
    category: str | None = None,
    randbits: Callable[[int], int] = secrets.randbits,
) -> bytes:
    """The member's signed masked vector. The caller keeps the bytes, and makes no others.

    :param measures: every measure, as in the counted contribution, and so ``category``.
    :param key: the secret of the round key in that contribution.
    :param randbits: for the plan's noise. Two vectors with different noise under the same masks
        tell the difference, so a caller that could forget the bytes draws from a stream that
        depends on the key's seed.
    :raises KeyRefused: another round key. :raises ContributionRefused: as for a contribution.
    """
    plan, certificate = terms.plan, terms.certificate
    if key.public != terms.mask_key:
        raise KeyRefused("the round key is not the one that this member contributed with")
    drawn = noise.draw(noise.shares_of(plan), randbits)
    values = sections.encode(plan, certificate, measures, category, drawn)
    own = masks.to_words(values)
    context = (KIND.encode(), plan.hash, certificate.hash)
    masked = own + masks.pairwise(key, terms.place, terms.neighbours, context, len(own))
    message = pb.Masked(plan_hash=plan.hash, basis=certificate.hash, words=masks.to_bytes(masked))
    return signer.sign(KIND, encode(message))


def read_masked(data: bytes, plan: Plan, certificate: BandCertificate, roster: Roster) -> Masked:
    """Check a masked vector's form; whether its member is counted is the caller's to know.

    :raises ProtocolError: not signed by a member, for another plan or certificate, or of another
        length.
    """
    statement = open_signed(data, KIND, _limit(plan, certificate))
    return check_form(statement, plan, certificate, roster)


def check_form(
    statement: Statement, plan: Plan, certificate: BandCertificate, roster: Roster
) -> Masked:
    """:func:`read_masked` of a statement whose signature was checked."""
    roster.member(statement.signer)
    message = decode(pb.Masked, statement.payload, _limit(plan, certificate))
    if message.plan_hash != plan.hash:
        raise PlanError("the values were masked for another plan")
    if message.basis != certificate.hash:
        raise PolicyRefusal("the values were masked for another band certificate")
    words = masks.from_bytes(message.words, sections.words(plan, certificate))
    return Masked(statement.signer, words)


def add_up(
    statements: Iterable[bytes],
    plan: Plan,
    certificate: BandCertificate,
    roster: Roster,
    counted: Sequence[VerifyKey],
) -> Words:
    """The sum of every counted member's vector; what it says is :func:`sums`'s business.

    :param statements: every signed masked vector in the log, in any order.
    :param counted: the members that the inclusion list counts.
    :raises OpeningInconsistent: a member's vector is missing or repeated, or one of somebody else.
    """
    missing = {member.raw for member in counted}
    total = masks.added((), sections.words(plan, certificate))
    for data in statements:
        found = read_masked(data, plan, certificate, roster)
        if found.member.raw not in missing:
            raise OpeningInconsistent(
                f"a masked vector of {found.member.fingerprint}, who is not counted or has another"
            )
        missing.remove(found.member.raw)
        total = total + found.words
    if missing:
        raise OpeningInconsistent(
            f"{len(missing)} of {len(counted)} counted members have sent no masked vector"
        )
    return total


def sums(plan: Plan, certificate: BandCertificate, total: Words) -> CertifiedSums:
    """The certified sums in the sum of all vectors. :raises OpeningInconsistent: it has none."""
    return sections.decode(plan, certificate, [int(word) for word in total])


def max_bytes(plan: Plan) -> int:
    """The largest signed masked vector of a plan that is looked at."""
    return WORD_BYTES * sections.most_words(plan) + ENVELOPE_BYTES


def max_reply_bytes(plan: Plan, trustees: int) -> int:
    """The largest answer about masking that is looked at; logarithmic in the members."""
    asked = 1 + (plan.aggregation.neighbours if plan.aggregation else 0)
    depth = plan.participants.bit_length()
    proof = asked * depth * (HASH_BYTES + 2)
    votes = trustees * (certificates.max_bytes(plan) + _FIELD_BYTES)
    return votes + asked * (keys.MAX_BYTES + _FIELD_BYTES) + proof + ENVELOPE_BYTES


def _limit(plan: Plan, certificate: BandCertificate) -> int:
    return WORD_BYTES * sections.words(plan, certificate) + ENVELOPE_BYTES
