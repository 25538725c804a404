"""A round's public parts, each decoded when it is first asked for.

Used by :mod:`protocols.verification`; a decoding error is the failure of the condition that asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from protocols import certificate as certificates
from protocols import closing
from protocols.ceremony import Ceremony
from protocols.certificate import BandCertificate
from protocols.closing import ClosingStatement
from protocols.errors import InvalidSignature, OpeningInconsistent, TranscriptBroken
from protocols.federated import masked
from protocols.federated.masks import Words
from protocols.layout import Layout
from protocols.notices import KINDS as NOTICE_KINDS
from protocols.notices import Notices
from protocols.plan import Plan
from protocols.release import Release
from protocols.roster import Roster
from protocols.signing import Statement, open_signed


@dataclass
class Evidence:
    """The round's parts; the properties raise :class:`ProtocolError` when one cannot be read.

    ``document``: the published document, once the condition about the figures has held.
    """

    round_id: str
    ceremony_bytes: bytes
    countersignatures: Sequence[bytes]
    roster_bytes: bytes
    entries: Sequence[tuple[str, bytes]]
    unsafe_small_modulus: bool
    document: bytes | None = field(default=None)

    def payloads(self, kind: str) -> list[bytes]:
        """The signed statements of ``kind``, in the transcript's order."""
        return [payload for name, payload in self.entries if name == kind]

    def single(self, kind: str) -> Statement:
        """The only statement of ``kind``. :raises TranscriptBroken: none, or several."""
        found = self.payloads(kind)
        if len(found) != 1:
            raise TranscriptBroken(f"{len(found)} {kind} statements in the transcript, 1 expected")
        return open_signed(found[0], kind)

    @cached_property
    def ceremony(self) -> Ceremony:
        return Ceremony.from_signed(
            self.ceremony_bytes, unsafe_small_modulus=self.unsafe_small_modulus
        )

    @cached_property
    def plan_statement(self) -> Statement:
        return self.single("plan")

    @cached_property
    def plan(self) -> Plan:
        return Plan.from_bytes(self.plan_statement.payload)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.plan, self.ceremony.key.public.bits)

    @cached_property
    def roster(self) -> Roster:
        return Roster.from_bytes(self.roster_bytes)

    @cached_property
    def proposal(self) -> closing.Proposal:
        statement = self.single("close")
        if statement.signer != self.plan_statement.signer:
            raise InvalidSignature("the inclusion list is not signed by the plan's coordinator")
        return closing.read_proposal(statement.payload, self.plan)

    @cached_property
    def counted(self) -> closing.Counted:
        """What the log comes to by the inclusion rule."""
        return closing.recompute(
            self.plan, self.layout, self.roster, self.ceremony, self.payloads("contribution")
        )

    @cached_property
    def notices(self) -> Notices:
        """What the coordinator announced."""
        found = [payload for kind, payload in self.entries if kind in NOTICE_KINDS]
        return Notices.read(found, self.plan, self.plan_statement.signer)

    @cached_property
    def statement(self) -> ClosingStatement:
        return closing.tally(self.payloads("closing"), self.plan, self.ceremony)

    @cached_property
    def certificate(self) -> BandCertificate:
        return certificates.tally(self.payloads("certificate"), self.plan, self.ceremony)

    @cached_property
    def release_statement(self) -> Statement:
        return self.single("release")

    @cached_property
    def release(self) -> Release:
        size = self.ceremony.key.public.modulus_bytes
        return Release.from_bytes(self.release_statement.payload, size)

    @cached_property
    def masked_sum(self) -> Words:
        """The sum of the counted members' masked vectors, in a ``certified`` round.

        :raises OpeningInconsistent: a member's is missing or repeated, or there is somebody else's.
        """
        statements = self.payloads(masked.KIND)
        if self.certificate.withheld:
            if statements:
                raise OpeningInconsistent("masked vectors in a round that is withheld")
            return masked.NOTHING
        signers = self.counted.signers
        return masked.add_up(statements, self.plan, self.certificate, self.roster, signers)
