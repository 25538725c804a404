"""What the federated backend must refuse, for :mod:`.federated`.

Each vector is named by its defect, and has the check that must refuse it and the class of the error
that it must raise. All are signed as they should be, unless the defect is the signature.
"""

from __future__ import annotations

import dataclasses

from protocols.federated.keybook import KeyBook
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey
from protocols.federated.totals.shamir import PRIME, SHARE_BYTES
from protocols.merkle import MerkleTree
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests import totals
from tests.cohort import member_key
from tests.vectors.federated_negative_totals import answers, steps
from tests.vectors.federated_rounds import (
    CERTIFIED_MEMBERS,
    ONE,
    PLAN_HASH,
    ZERO,
    Vector,
    certified_round,
    changed,
    hexed,
    negative_vector,
    seed_of,
)

LOW_ORDER = {"zero": ZERO, "one": ONE, "minus-one": b"\xec" + b"\xff" * 30 + b"\x7f"}


def negative() -> list[Vector]:
    """All of them."""
    return [
        *_merkle(),
        *_roster(),
        *_round_keys(),
        *_shares(),
        *_replies(),
        *_vectors(),
        *_sums(),
        *steps(),
        *answers(),
    ]


def _merkle() -> list[Vector]:
    entries = [b"entry %d" % number for number in range(7)]
    tree = MerkleTree(entries)
    proof = tree.prove([2, 5])
    good: Vector = {"size": 7, "entries": {2: entries[2], 5: entries[5]}, "proof": proof}
    cases: dict[str, Vector] = {
        "wrong-proof": {"proof": (ZERO, *proof[1:])},
        "proof-too-long": {"proof": (*proof, ZERO)},
        "proof-cut-short": {"proof": proof[:-1]},
        "proof-with-a-part-of-another-length": {"proof": (proof[0][:-1], *proof[1:])},
        "entry-at-anothers-place": {"entries": {2: entries[5], 5: entries[2]}},
        "place-beyond-the-list": {"entries": {2: entries[2], 7: entries[5]}},
        "list-of-another-size": {"size": 6},
        "no-place": {"entries": {}},
    }
    found = []
    for name, changes in cases.items():
        case = {**good, **changes}
        held = {str(place): entry.hex() for place, entry in case["entries"].items()}
        inputs = {"size": case["size"], "entries": held, "proof": hexed(case["proof"])}
        found.append(
            negative_vector(name, "merkle", "MalformedMessage", root=tree.root.hex(), **inputs)
        )
    return found


def _roster() -> list[Vector]:
    held, other = totals.roster_of(6), totals.roster_of(5)
    cases = {
        "place-on-another-roster": (other.hash, 6, 3, 3),
        "roster-of-another-size": (held.hash, 5, 3, 3),
        "member-at-anothers-place": (held.hash, 6, 3, 2),
    }
    return [
        negative_vector(
            name,
            "roster",
            "MalformedMessage",
            hash=roster_hash.hex(),
            size=size,
            place=place,
            member=held.members[member].to_bytes().hex(),
            proof=hexed(held.prove([place])),
        )
        for name, (roster_hash, size, place, member) in cases.items()
    ]


def _round_keys() -> list[Vector]:
    signer, stranger = (SigningKey.from_seed(seed_of(name)) for name in ("signer", "stranger"))
    mask, seal = (RoundKey(seed_of(name)).public for name in ("mask", "seal"))
    good = make_round_key(PLAN_HASH, mask, b"", signer)
    cases: dict[str, tuple[str, bytes, bool]] = {
        "key-under-another-plan": ("PlanError", make_round_key(ZERO, mask, b"", signer), False),
        "key-that-another-signed": (
            "InvalidSignature",
            make_round_key(PLAN_HASH, mask, b"", stranger),
            False,
        ),
        "key-with-an-altered-signature": (
            "InvalidSignature",
            good[:-1] + bytes([good[-1] ^ 1]),
            False,
        ),
        "key-signed-as-another-kind": (
            "InvalidSignature",
            signer.sign("masked", open_signed(good, "round-key").payload),
            False,
        ),
        "seal-key-missing": ("MalformedMessage", good, True),
        "seal-key-where-nothing-is-sealed": (
            "MalformedMessage",
            make_round_key(PLAN_HASH, mask, seal, signer),
            False,
        ),
    }
    for name, point in LOW_ORDER.items():
        signed = make_round_key(PLAN_HASH, point, b"", signer)
        cases[f"low-order-mask-key-{name}"] = ("MalformedMessage", signed, False)
    low = make_round_key(PLAN_HASH, mask, ZERO, signer)
    cases["low-order-seal-key"] = ("MalformedMessage", low, True)
    return [
        negative_vector(
            name,
            "round-key",
            error,
            plan_hash=PLAN_HASH.hex(),
            member=signer.public.raw.hex(),
            signed=signed.hex(),
            sealing=sealing,
        )
        for name, (error, signed, sealing) in cases.items()
    ]


def _shares() -> list[Vector]:
    cases = {
        "share-no-element-of-the-field": int(PRIME).to_bytes(SHARE_BYTES, "big"),
        "share-a-byte-short": bytes(SHARE_BYTES - 1),
    }
    return [
        negative_vector(n, "share", "InvalidShare", share=share.hex()) for n, share in cases.items()
    ]


# The certified round.


def _replies() -> list[Vector]:
    """What a coordinator answers place 0, where it lies or the trustees do."""
    held = certified_round()
    key, public = member_key(2), held.scene.secret_key(2).public

    def recertified(second: bytes) -> bytes:
        """The answer of trustees who certified a wrong key at place 1."""
        keys = [held.round_keys[0], second, *held.round_keys[2:]]
        root = MerkleTree(keys).root
        certificate = dataclasses.replace(held.certificate, masks_root=root)
        payload = certificate.to_bytes()
        votes = [one.sign("certificate", payload) for one in held.scene.held.signing[:3]]
        return KeyBook(held.plan, certificate, keys).reply(0, votes).SerializeToString()

    few = held.book.reply(0, held.votes[:2])
    swapped = held.reply(0)
    first, second = swapped.keys[1].round_key, swapped.keys[2].round_key
    swapped.keys[1].round_key, swapped.keys[2].round_key = second, first
    elsewhere = held.reply(0)
    elsewhere.place = 1
    cases: dict[str, tuple[str, bytes]] = {
        "certificate-of-a-quorum-too-few": ("QuorumMissing", few.SerializeToString()),
        "neighbours-keys-swapped": ("MalformedMessage", swapped.SerializeToString()),
        "another-members-place": ("MalformedMessage", elsewhere.SerializeToString()),
        "certified-key-under-another-plan": (
            "PlanError",
            recertified(make_round_key(ZERO, public, b"", key)),
        ),
        "certified-key-of-low-order": (
            "MalformedMessage",
            recertified(make_round_key(held.plan.hash, ONE, b"", key)),
        ),
        "member-certified-twice": ("MalformedMessage", recertified(held.round_keys[2])),
    }
    return [
        negative_vector(name, "masking-reply", error, place=0, reply=reply.hex())
        for name, (error, reply) in cases.items()
    ]


def _vectors() -> list[Vector]:
    held = certified_round()
    own, key = held.vectors[0], held.key(0)
    own_words = decode(pb.Masked, open_signed(own, "masked").payload).words
    stranger = member_key(99).sign("masked", open_signed(own, "masked").payload)
    cases = {
        "masked-for-another-certificate": ("PolicyRefusal", changed(own, key, basis=ZERO)),
        "masked-for-another-plan": ("PlanError", changed(own, key, plan_hash=ZERO)),
        "masked-a-word-too-few": ("MalformedMessage", changed(own, key, words=own_words[:-8])),
        "masked-by-a-stranger": ("InvalidSignature", stranger),
    }
    return [
        negative_vector(name, "masked", error, signed=signed.hex())
        for name, (error, signed) in cases.items()
    ]


def _sums() -> list[Vector]:
    """By the places whose vectors are added up: as the parties do it, or the bare words."""
    everybody = list(range(CERTIFIED_MEMBERS))
    cases = {
        "a-vector-missing": ("sum", everybody[:-1]),
        "a-vector-twice": ("sum", [0, *everybody]),
        "words-without-one-member": ("words", everybody[1:]),
        "words-of-one-member": ("words", [5]),
    }
    return [
        negative_vector(name, check, "OpeningInconsistent", places=places)
        for name, (check, places) in cases.items()
    ]
