"""What a member deals one neighbour: a share of each of its two secrets, sealed to that neighbour.

ChaCha20-Poly1305 under what the two members' seal keys agree on. Both keys are signed by their
owners, so nobody else can have sealed a deal that opens, and a deal is bound to the round, its
sender and its recipient. Each key seals one deal, the same whenever it is asked for, so the nonce
is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocols.errors import InvalidShare, SealBroken
from protocols.federated.masks import RoundKey
from protocols.federated.totals.shamir import SHARE_BYTES, read_share
from protocols.secrets import Secret

NONCE = bytes(12)
SEALED_BYTES = 2 * SHARE_BYTES + 16


@dataclass(frozen=True, repr=False)
class Deal(Secret):
    """A neighbour's shares: one of them is ever revealed."""

    mask_key: bytes
    self_mask: bytes


@dataclass(frozen=True)
class Route:
    """Whose deal it is, for whom, in which round."""

    plan_hash: bytes
    sender: int
    recipient: int

    @property
    def context(self) -> tuple[bytes, ...]:
        """What the key is bound to."""
        places = (self.sender.to_bytes(4, "big"), self.recipient.to_bytes(4, "big"))
        return (b"deal", self.plan_hash, *places)


def seal(deal: Deal, own: RoundKey, other: bytes, route: Route) -> bytes:
    """Seal a deal to the public seal key ``other``. :raises MalformedMessage: it is none."""
    cipher = ChaCha20Poly1305(own.agree(other, route.context))
    return cipher.encrypt(NONCE, deal.mask_key + deal.self_mask, None)


def open_deal(sealed: bytes, own: RoundKey, other: bytes, route: Route) -> Deal:
    """Open what the owner of ``other`` sealed.

    :raises SealBroken: it does not open, or is not two elements of the field: revealed, such a
        share would have the whole answer of its honest recipient refused.
    """
    try:
        plain = ChaCha20Poly1305(own.agree(other, route.context)).decrypt(NONCE, sealed, None)
    except InvalidTag as error:
        raise SealBroken(
            f"the shares from place {route.sender} do not open at place {route.recipient}"
        ) from error
    shares = plain[:SHARE_BYTES], plain[SHARE_BYTES:]
    try:
        for share in shares:
            read_share(share)
    except InvalidShare as error:
        raise SealBroken(f"place {route.sender} dealt what are not two shares") from error
    return Deal(*shares)
