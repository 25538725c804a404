"""A certified round without ciphertexts: everything from the certificate to the sum.

Counts and classes are added up in plain (:mod:`tests.plain_round`), so that a round of forty
members takes a few milliseconds; round keys, certificate, masks and sum are the product's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from protocols import certificate as certificates
from protocols.bands import BinRange
from protocols.certificate import BandCertificate
from protocols.federated import masked, masks
from protocols.federated.keybook import KeyBook, root_of
from protocols.federated.masked import MaskingTerms
from protocols.federated.sections import words
from protocols.plan import Plan
from protocols.signing import SigningKey, VerifyKey
from protocols.wire import service_pb2
from tests.cohort import Scene, member_key, values
from tests.plain_round import STATEMENT, play


@dataclass(frozen=True)
class Certified:
    """A cohort whose bands are certified; member ``i`` (from 0) is at place ``i`` of the list.

    :param statement: hash of the closing statement, which the graph follows from.
    """

    scene: Scene
    members: tuple[int, ...]
    statement: bytes = STATEMENT
    _read: dict[bytes, masks.Words] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, count: int) -> Certified:
        """Everybody on the roster contributed."""
        scene = Scene(members=count, certified=True)
        return cls(scene, tuple(scene.numbers))

    @property
    def plan(self) -> Plan:
        return self.scene.plan

    @cached_property
    def round_keys(self) -> list[bytes]:
        """The signed round keys, in the order of the list."""
        return [self.scene.round_key(number, member_key(number)) for number in self.members]

    @cached_property
    def certificate(self) -> BandCertificate:
        """What the policy makes of these members."""
        plain = play(self.plan, [values(number) for number in self.members])
        found = certificates.certify(
            self.plan,
            plain.layout,
            self.statement,
            plain.counts,
            plain.classes,
            root_of(self.round_keys),
        )
        assert not found.withheld
        return found

    @property
    def votes(self) -> list[bytes]:
        """The certificate as three of the four trustees signed it."""
        payload = self.certificate.to_bytes()
        return [key.sign("certificate", payload) for key in self.scene.held.signing[:3]]

    @property
    def counted(self) -> list[VerifyKey]:
        """Who has to mask."""
        return [member_key(number).public for number in self.members]

    @cached_property
    def book(self) -> KeyBook:
        return KeyBook(self.plan, self.certificate, self.round_keys)

    def reply(self, place: int) -> service_pb2.MaskingReply:
        """What the coordinator answers the member at ``place``."""
        return self.book.reply(place, self.votes)

    def read(self, place: int, reply: service_pb2.MaskingReply | None = None) -> MaskingTerms:
        """What the member at ``place`` makes of an answer."""
        return masked.read_masking(
            self.reply(place) if reply is None else reply,
            self.plan,
            self.scene.held.ceremony,
            self.key(place).public,
            self.round_keys[place],
        )

    def key(self, place: int) -> SigningKey:
        return member_key(self.members[place])

    def mask(self, place: int, measures: Mapping[str, int] | None = None) -> bytes:
        """The signed vector of the member at ``place``."""
        number = self.members[place]
        own = values(number) if measures is None else measures
        return masked.mask(self.read(place), own, self.scene.secret_key(number), self.key(place))

    @cached_property
    def vectors(self) -> list[bytes]:
        """Everybody's."""
        return [self.mask(place) for place in range(len(self.members))]

    def add_up(self, statements: Sequence[bytes]) -> masks.Words:
        return masked.add_up(
            statements, self.plan, self.certificate, self.scene.roster, self.counted
        )

    def raw_sum(self, statements: Sequence[bytes]) -> masks.Words:
        """The sum of whatever vectors there are: what a coordinator may compute who asks nobody."""
        return masks.added(map(self._words, statements), words(self.plan, self.certificate))

    def _words(self, data: bytes) -> masks.Words:
        if data not in self._read:
            read = masked.read_masked(data, self.plan, self.certificate, self.scene.roster)
            self._read[data] = read.words
        return self._read[data]

    def expected(self, band: BinRange | None = None) -> dict[str, int]:
        """Plain sums over the members of a band, or of the cohort-level measures over all."""
        place = [self.scene.layout.bins_of(values(number))["cef"] for number in self.members]
        inside = [
            values(number)
            for number, own in zip(self.members, place, strict=True)
            if band is None or band.first <= own < band.end
        ]
        names = ("electricity",) if band is None else ("output", "emissions")
        return {name: sum(one[name] for one in inside) for name in names}

    def other_list(self) -> Certified:
        """The round as it would be without its last member, certified for another list."""
        return dataclasses.replace(
            self,
            members=self.members[:-1],
            statement=b"another list".ljust(32, b"."),
            _read={},
        )
