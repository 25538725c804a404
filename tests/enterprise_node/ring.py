"""A certified round around one node: five others who mask, and a certificate made for the test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from protocols.bands import BinRange
from protocols.certificate import BandCertificate, RankingResult
from protocols.contribution import peek
from protocols.federated import keys as round_keys
from protocols.federated import masked
from protocols.federated.keybook import KeyBook, root_of
from protocols.federated.masks import RoundKey
from protocols.federated.terms import Aggregation
from protocols.layout import Layout
from protocols.plan import Plan
from protocols.sums import CertifiedSums
from protocols.wire import service_pb2
from tests import keys
from tests.enterprise_node.scene import Scene, make_scene

OTHERS = 5
OWN_PLACE = 2
FIGURES = {
    "output": 3_000_000,
    "emissions": 200_000,
    "electricity": 100_000,
    "other_emissions": 129_660,
}


def certified_scene(folder: Path, **changes: object) -> Scene:
    """A node and a coordinator with a certified round of six members for it."""
    terms = Aggregation.certified(1 + OTHERS, int(time.time()) + 7200)
    return make_scene(folder, aggregation=terms, **changes)


@dataclass
class Ring:
    """The counted members in the order of the inclusion list, the node at :data:`OWN_PLACE`."""

    scene: Scene
    statement_hash: bytes = bytes(32)

    @property
    def plan(self) -> Plan:
        """The round's plan."""
        return self.scene.plan

    @property
    def own_key(self) -> bytes:
        """The signed round key in the node's last contribution."""
        public = keys.trustees().ceremony.key.public
        layout = Layout(self.plan, public.bits)
        data = self.scene.desk.submitted[-1]
        arrived, _ = peek(data, self.plan, layout, self.scene.roster, public)
        assert arrived.round_key is not None
        return arrived.round_key.received

    def signed_keys(self) -> list[bytes]:
        """Every member's signed round key."""
        others = [
            round_keys.make_round_key(self.plan.hash, _secret(n).public, b"", keys.signing_key(n))
            for n in range(1, 1 + OTHERS)
        ]
        return [*others[:OWN_PLACE], self.own_key, *others[OWN_PLACE:]]

    def certificate(self, **changes: object) -> BandCertificate:
        """One band over all bins; electricity may be opened for the cohort."""
        made = BandCertificate(
            self.plan.hash,
            self.statement_hash,
            1 + OTHERS,
            rankings=(RankingResult("cef", (BinRange(0, 4, 1 + OTHERS),)),),
            cohort_measures=("electricity",),
            masks_root=root_of(self.signed_keys()),
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def reply(
        self, certificate: BandCertificate | None = None, signers: int = 3
    ) -> service_pb2.MaskingReply:
        """What the coordinator tells the node to mask for."""
        certificate = certificate or self.certificate()
        book = KeyBook(self.plan, certificate, self.signed_keys())
        votes = [
            key.sign("certificate", certificate.to_bytes())
            for key in keys.trustees().signing[:signers]
        ]
        return book.reply(OWN_PLACE, votes)

    def sums(
        self, own: Sequence[bytes], certificate: BandCertificate | None = None
    ) -> CertifiedSums:
        """What the node's masked vector and those of the others open to."""
        certificate = certificate or self.certificate()
        book = KeyBook(self.plan, certificate, self.signed_keys())
        votes = [key.sign("certificate", certificate.to_bytes()) for key in keys.trustees().signing]
        statements, signed = list(own), self.signed_keys()
        for number in range(1, 1 + OTHERS):
            place = number - 1 if number - 1 < OWN_PLACE else number
            terms = masked.read_masking(
                book.reply(place, votes),
                self.plan,
                keys.trustees().ceremony,
                keys.signing_key(number).public,
                signed[place],
            )
            statements.append(
                masked.mask(terms, FIGURES, _secret(number), keys.signing_key(number))
            )
        counted = [member.key for member in self.scene.roster.members]
        total = masked.add_up(statements, self.plan, certificate, self.scene.roster, counted)
        return masked.sums(self.plan, certificate, total)


def _secret(number: int) -> RoundKey:
    return RoundKey(bytes([number]) * 32)
