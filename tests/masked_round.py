"""A certified round over plain counts: what the same members publish with masks, not ciphertexts.

Beside :mod:`tests.plain_round`, whose plan it takes: the counts and classes are those of the
certified plan's own layout, and the sums come out of masked vectors.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

from protocols import certificate as certificates
from protocols.certificate import BandCertificate
from protocols.federated import masked, masks
from protocols.federated.keybook import graph_of
from protocols.federated.masked import MaskingTerms
from protocols.federated.masks import RoundKey
from protocols.federated.sections import words
from protocols.federated.terms import Aggregation
from protocols.plan import Plan
from protocols.release import masked_document
from protocols.signing import open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests.keys import signing_key
from tests.plain_round import STATEMENT, PlainRound, play

SIGNER = signing_key(1)


def certified_plan(plan: Plan) -> Plan:
    """The same plan with its values masked instead of encrypted."""
    terms = Aggregation.certified(plan.participants, plan.deadline + 3600)
    return dataclasses.replace(plan, aggregation=terms)


def certify(played: PlainRound) -> BandCertificate:
    """The certificate of a certified plan's round; the root of the keys is made up."""
    return certificates.certify(
        played.plan, played.layout, STATEMENT, played.counts, played.classes, bytes(32)
    )


def sum_of(
    plan: Plan,
    certificate: BandCertificate,
    members: Sequence[Mapping[str, int]],
    categories: Sequence[str] | None = None,
    seed: int = 1,
) -> masks.Words:
    """The sum of the members' masked vectors."""
    if certificate.withheld:
        return masked.NOTHING
    source = random.Random(seed)
    secret = [RoundKey((b"secret %d" % n).ljust(32, b".")) for n in range(len(members))]
    graph, vectors = graph_of(plan, certificate), []
    for place, own in enumerate(members):
        others = {p: secret[p].public for p in graph.neighbours(place)}
        terms = MaskingTerms(plan, certificate, place, secret[place].public, others)
        leaf = categories[place] if categories else None
        data = masked.mask(
            terms, own, secret[place], SIGNER, category=leaf, randbits=source.getrandbits
        )
        message = decode(pb.Masked, open_signed(data, "masked").payload)
        vectors.append(masks.from_bytes(message.words, words(plan, certificate)))
    return masks.added(vectors, words(plan, certificate))


def document_of(
    plan: Plan,
    members: Sequence[Mapping[str, int]],
    modulus_bits: int = 2048,
    categories: Sequence[str] | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """What a certified round of these members publishes.

    :param plan: the Paillier plan that it is to be compared with.
    :param seed: of the members' noise, drawn in their order.
    """
    other = certified_plan(plan)
    certificate = certify(play(other, members, modulus_bits, categories))
    return masked_document(
        other, certificate, sum_of(other, certificate, members, categories, seed)
    )
