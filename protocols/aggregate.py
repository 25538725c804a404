"""Products of ciphertexts: what every party recomputes for itself from the signed contributions.

The product of Paillier ciphertexts encrypts the sum of their plaintexts. Aggregates are kept one a
position of the layout; bands are formed later by multiplying neighbouring bins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from gmpy2 import mpz

from protocols.contribution import Contribution
from protocols.hashing import domain_hash
from protocols.layout import Layout
from protocols.modular import product
from protocols.paillier import PublicKey
from protocols.wire.codec import encode_fixed


@dataclass(frozen=True)
class Aggregates:
    """One product a layout position, over the included contributions."""

    layout: Layout
    key: PublicKey
    products: tuple[mpz, ...]

    @cached_property
    def hash(self) -> bytes:
        """What a closing statement commits to."""
        size = self.key.ciphertext_bytes
        return domain_hash(
            "cefed/aggregates/v1", *(encode_fixed(int(c), size) for c in self.products)
        )

    def ciphertext(self, label: str) -> mpz:
        """The ciphertext that opening label ``label`` stands for; see :mod:`protocols.layout`."""
        indexes = self.layout.factors(label)
        return product([self.products[i] for i in indexes], self.key.n_squared)


def aggregate(layout: Layout, key: PublicKey, included: Iterable[Contribution]) -> Aggregates:
    """Multiply the included contributions position by position.

    The caller has checked form, proof and distinctness of every contribution.
    """
    products = [mpz(1)] * len(layout.labels)
    for contribution in included:
        for position, ciphertext in enumerate(contribution.ciphertexts):
            products[position] = products[position] * ciphertext % key.n_squared
    return Aggregates(layout, key, tuple(products))
