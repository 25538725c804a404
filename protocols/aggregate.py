"""Products of ciphertexts: what every party recomputes for itself from the signed contributions.

The product of Paillier ciphertexts encrypts the sum of their plaintexts. Aggregates are kept one a
position of the layout; bands are formed later by multiplying neighbouring bins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from gmpy2 import mpz

from protocols.contribution import Contribution
from protocols.errors import OpeningInconsistent
from protocols.hashing import domain_hash
from protocols.layout import Layout
from protocols.modular import product
from protocols.paillier import PublicKey
from protocols.wire.codec import encode_fixed

_ATOM = re.compile(r"A/(?P<place>0|[1-9]\d{0,6})/(?P<label>K.+)", re.ASCII)


@dataclass(frozen=True)
class Aggregates:
    """One product a layout position, over the included contributions.

    :ivar atoms: the same over the contributions of each declared atom (:mod:`protocols.atoms`);
        none where the closing declares none, or where nobody asked for them.
    """

    layout: Layout
    key: PublicKey
    products: tuple[mpz, ...]
    atoms: tuple[Aggregates, ...] = ()

    @cached_property
    def hash(self) -> bytes:
        """What a closing statement commits to."""
        size = self.key.ciphertext_bytes
        return domain_hash(
            "cefed/aggregates/v1", *(encode_fixed(int(c), size) for c in self.products)
        )

    def ciphertext(self, label: str) -> mpz:
        """The ciphertext that opening label ``label`` stands for; see :mod:`protocols.layout`.

        ``A/<place>/`` before a label of classes means that of the declared atom at this place.

        :raises OpeningInconsistent: there is no such aggregate.
        """
        if match := _ATOM.fullmatch(label):
            place = int(match["place"])
            if place >= len(self.atoms):
                raise OpeningInconsistent(f"{label[:60]!r} names an atom that was not declared")
            return self.atoms[place].ciphertext(match["label"])
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
