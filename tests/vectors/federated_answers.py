"""Known answers of the federated backend, and two whole rounds, for :mod:`.federated`.

Every secret that an answer follows from stands beside it, so that another implementation computes
it from the file alone. What must be refused is in :mod:`.federated_negative`.
"""

from __future__ import annotations

from typing import Any

from protocols.federated import masked, masks
from protocols.federated.graph import MaskGraph, committee
from protocols.federated.keybook import graph_of
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey
from protocols.federated.totals.memory import Memory
from protocols.federated.totals.shamir import Polynomial
from protocols.federated.totals.statements import commitment_to
from protocols.merkle import MerkleTree
from protocols.places import Place
from protocols.roster import Roster
from protocols.signing import SigningKey
from tests import totals
from tests.cohort import member_key, values
from tests.vectors.federated_rounds import (
    COORDINATOR_SEED,
    PLAN_HASH,
    TOTALS_MEMBERS,
    FrozenPlay,
    Vector,
    certified_round,
    drawn,
    hexed,
    seed_of,
    totals_round,
)

# Lists, graphs, masks.


def merkle() -> list[Vector]:
    """Roots and multiproofs of short lists; the empty places of each set are proven by hashes."""
    found = []
    for size in (1, 2, 3, 7, 8, 9):
        entries = [b"entry %d" % number for number in range(size)]
        tree = MerkleTree(entries)
        wanted = {(0,), (size - 1,), (0, size - 1), tuple(range(0, size, 2)), tuple(range(size))}
        proofs = [
            {"places": list(places), "proof": hexed(tree.prove(places))}
            for places in sorted({tuple(sorted(set(places))) for places in wanted})
        ]
        found.append({"entries": hexed(entries), "root": tree.root.hex(), "proofs": proofs})
    return found


def roster() -> Vector:
    """A roster's hash, and one member's place on it."""
    held = Roster.of_keys(member_key(number).public for number in range(1, 8))
    place = Place(4, held.members[4], held.prove([4]))
    return {
        "roster": held.to_bytes().hex(),
        "members": [
            {"signing_key": member.key.raw.hex(), "group": member.group} for member in held.members
        ],
        "hash": held.hash.hex(),
        "place": {"index": 4, "bytes": place.to_bytes().hex(), "proof": hexed(place.proof)},
    }


def graphs() -> list[Vector]:
    """Who masks with whom; the ring is empty where everybody masks with everybody."""
    shapes = {(5, 4): range(5), (10, 4): range(10), (100, 6): (0, 57, 99), (300, 64): (0, 299)}
    found = []
    for (size, degree), places in shapes.items():
        seed = seed_of(f"graph {size} {degree}")
        graph = MaskGraph(seed, size, degree)
        found.append(
            {
                "seed": seed.hex(),
                "size": size,
                "degree": degree,
                "ring": list(graph.ring) if size <= 10 else None,
                "neighbours": {str(place): list(graph.neighbours(place)) for place in places},
            }
        )
    return found


def committees() -> list[Vector]:
    """Who signs a list of survivors."""
    seed = seed_of("committee")
    return [
        {
            "seed": seed.hex(),
            "size": size,
            "members": members,
            "places": list(committee(seed, size, members)),
        }
        for size, members in ((6, 6), (10, 4), (1000, 12))
    ]


def masking() -> Vector:
    """Round keys of three members, what two of them agree on, and each one's masks."""
    words, context = 4, (b"masked", PLAN_HASH)
    seeds = [seed_of(f"mask key {place}") for place in range(3)]
    held = [RoundKey(seed) for seed in seeds]
    publics = {place: key.public for place, key in enumerate(held)}
    places = ((0).to_bytes(4, "big"), (1).to_bytes(4, "big"))
    agreed = held[0].agree(publics[1], (*context, *places))
    return {
        "seeds": hexed(seeds),
        "public": hexed(publics.values()),
        "context": hexed(context),
        "agreed": {"places": [0, 1], "context": hexed((*context, *places)), "key": agreed.hex()},
        "expanded": {
            "key": agreed.hex(),
            "words": words,
            "stream": masks.to_bytes(masks.expand(agreed, words)).hex(),
        },
        "pairwise": [
            masks.to_bytes(masks.pairwise(key, own, _without(publics, own), context, words)).hex()
            for own, key in enumerate(held)
        ],
    }


def round_keys() -> list[Vector]:
    """Signed round-key statements: with a seal key for totals, without one for certified."""
    signer = seed_of("enterprise key")
    mask, seal = (seed_of(name) for name in ("mask key", "seal key"))
    key = SigningKey.from_seed(signer)
    found = []
    for seal_seed in (b"", seal):
        public = RoundKey(seal_seed).public if seal_seed else b""
        signed = make_round_key(PLAN_HASH, RoundKey(mask).public, public, key)
        found.append(
            {
                "plan_hash": PLAN_HASH.hex(),
                "signing_seed": signer.hex(),
                "mask_seed": mask.hex(),
                "seal_seed": seal_seed.hex(),
                "signed": signed.hex(),
            }
        )
    return found


def shamir() -> Vector:
    """Shares of one secret; any ``threshold`` of them rebuild it."""
    secret, seed, threshold = seed_of("shared secret"), seed_of("coefficients"), 3
    polynomial = Polynomial(secret, threshold, seed)
    return {
        "secret": secret.hex(),
        "seed": seed.hex(),
        "threshold": threshold,
        "shares": {str(point): polynomial.share(point).hex() for point in (1, 2, 3, 5, 10_000)},
    }


def _without(publics: dict[int, bytes], own: int) -> dict[int, bytes]:
    return {place: public for place, public in publics.items() if place != own}


# A certified round.


def certified() -> Vector:
    """From the certificate to the sums. The order of the list is given: it is that of the keys."""
    held = certified_round()
    total = held.add_up(held.vectors)
    sums = masked.sums(held.plan, held.certificate, total)
    graph = graph_of(held.plan, held.certificate)
    return {
        "plan": held.plan.to_bytes().hex(),
        "plan_hash": held.plan.hash.hex(),
        "ceremony": held.scene.held.ceremony.received.hex(),
        "roster": held.scene.roster.to_bytes().hex(),
        "statement_hash": held.statement.hex(),
        "masks_root": held.certificate.masks_root.hex(),
        "certificate": held.certificate.to_bytes().hex(),
        "certificate_hash": held.certificate.hash.hex(),
        "votes": hexed(held.votes),
        "members": [
            {
                "signing_seed": _signing_seed(number).hex(),
                "mask_seed": _mask_seed(number).hex(),
                "measures": values(number),
                "round_key": held.round_keys[place].hex(),
                "neighbours": list(graph.neighbours(place)),
                "masked": held.vectors[place].hex(),
            }
            for place, number in enumerate(held.members)
        ],
        "masking_reply": {"place": 3, "bytes": held.reply(3).SerializeToString().hex()},
        "sum": masks.to_bytes(total).hex(),
        "sections": [_decimal(section) for section in sums.sections],
        "cohort": _decimal(sums.cohort),
    }


def _signing_seed(number: int) -> bytes:
    """As :func:`tests.keys.signing_key` has it for members; the tests compare what it signs."""
    return b"node".ljust(24, b".") + number.to_bytes(8, "big")


def _mask_seed(number: int) -> bytes:
    """As :meth:`tests.cohort.Scene.secret_key` has it."""
    return f"mask {number} 1".encode().ljust(32, b".")


def _decimal(sums: Any) -> dict[str, str]:
    return {name: str(value) for name, value in sums.items()}


# A round of totals.


def without_trustees() -> Vector:
    """The whole round: every step in the order of stages and places, every answer, the release."""
    play = totals_round()
    survivors, release = play.gathering.survivors, play.gathering.release
    if survivors is None or release is None:
        raise RuntimeError(f"the frozen round did not finish: {play.gathering.reason}")
    return {
        "plan": totals.signed_plan(play.plan).hex(),
        "plan_hash": play.plan.hash.hex(),
        "roster": totals.roster_of(TOTALS_MEMBERS).to_bytes().hex(),
        "coordinator_seed": COORDINATOR_SEED.hex(),
        "members": [_member(play, place) for place in range(TOTALS_MEMBERS)],
        "exchanges": play.exchanges,
        "survivors": {"bits": survivors.bits.hex(), "hash": survivors.hash.hex()},
        "sums": _decimal(totals.sums_of([p for p in range(TOTALS_MEMBERS) if p in survivors])),
        "release": release.hex(),
    }


def _member(play: FrozenPlay, place: int) -> Vector:
    """What one member knows, and what follows from the 32 bytes that it drew."""
    memory = Memory(play.plan.hash, drawn(place))
    key = totals.key_at(TOTALS_MEMBERS, place)
    number = next(n for n in range(TOTALS_MEMBERS) if totals.signer(n) is key)
    secrets = ("mask-key", "seal-key", "self-mask", "mask-shares", "self-shares")
    return {
        "signing_seed": number.to_bytes(32, "big").hex(),
        "drawn": drawn(place).hex(),
        "measures": totals.values_of(place),
        "secrets": {name: memory.secret(name).hex() for name in secrets},
        "commitment": commitment_to(play.plan.hash, memory.secret("self-mask")).hex(),
    }


def answers() -> Vector:
    """All known answers."""
    return {
        "merkle": merkle(),
        "roster": roster(),
        "graphs": graphs(),
        "committees": committees(),
        "masking": masking(),
        "round_keys": round_keys(),
        "shamir": shamir(),
        "certified": certified(),
        "totals": without_trustees(),
    }
