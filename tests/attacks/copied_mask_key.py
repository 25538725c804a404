"""Colluding members copy the mask keys of a member's honest neighbours.

The victim subtracts its masks with neighbours before it on the list and adds those with neighbours
behind it. Colluding members behind it who give the mask keys of the honest ones before it would
have the masks cancel in pairs: in a cohort of five with two who collude, on the right side of the
victim, its vector would be left without any. Nobody has to know a secret for that, and a copy
cannot be refused by its bytes: X25519 ignores a bit, so each key has another encoding
(:func:`in_another_encoding`). What stops it: what two members agree on is bound to their places,
and to the bytes of both keys.

Removed by ``--weakened``: the places and keys that a mask is bound to.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.federated import masked
from protocols.federated.keys import make_round_key
from protocols.federated.masks import RoundKey
from protocols.hashing import length_prefixed
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import certify, one_member, words_of
from tests.cohort import values
from tests.protocols.federated.certified import Certified

VICTIM, HONEST, COLLUDING = 2, (0, 1), (3, 4)


def run(weakened: bool) -> Result:
    """The keys as they are."""
    return _attack(weakened, flip=0)


def in_another_encoding(weakened: bool) -> Result:
    """The same keys in other bytes."""
    return _attack(weakened, flip=0x80)


def _attack(weakened: bool, flip: int) -> Result:
    round_ = Certified.of(len(HONEST) + 1 + len(COLLUDING))
    own = values(round_.members[VICTIM])
    keys = list(round_.round_keys)
    for place, of in zip(COLLUDING, HONEST, strict=True):
        public = bytearray(round_.scene.secret_key(round_.members[of]).public)
        public[-1] ^= flip
        keys[place] = make_round_key(round_.plan.hash, bytes(public), b"", round_.key(place))
    with removed(weakened, RoundKey, "agree", _unbound) as what:
        terms = round_.read(VICTIM, certify(round_, keys, VICTIM))
        secret = round_.scene.secret_key(round_.members[VICTIM])
        vector = masked.mask(terms, own, secret, round_.key(VICTIM))
    gained = one_member(round_.plan, terms.certificate, words_of(vector))
    return Result(
        had="two of five members, behind the victim on the list",
        did="contributed with the mask keys of the two others, and read the victim's vector",
        planted={name: own[name] for name in ("output", "emissions")},
        gained=gained,
        removed=what and f"the places and keys that a mask is bound to ({what})",
        figures={"masks in the victim's vector": "none" if gained else "some"},
    )


def _unbound(key: RoundKey, other: bytes, context: tuple[bytes, ...]) -> bytes:
    """What follows from the shared secret, whoever shares it and where; the places come last."""
    shared = key._key.exchange(X25519PublicKey.from_public_bytes(other))
    info = length_prefixed((b"cefed/round-key/v1", *context[:-2]))
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


if __name__ == "__main__":
    main(run, __doc__)
