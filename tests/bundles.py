"""A finished round's public parts, free to be changed and signed again: :mod:`tests.tampering`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from protocols import closing, release
from protocols.atoms import NOTHING_DECLARED, Declared
from protocols.certificate import BandCertificate
from protocols.closing import ClosingStatement, read_proposal
from protocols.signing import open_signed, statement_hash
from protocols.threshold import Opened, combine, make_share
from protocols.transcript import replay
from protocols.walkthrough import Cast, Played
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode, encode_fixed, encode_uint

Entries = list[tuple[str, bytes]]


@dataclass
class Bundle:
    """The parts of a public bundle, free to be changed."""

    cast: Cast
    played: Played
    ceremony: bytes
    countersignatures: list[bytes]
    roster: bytes
    entries: Entries

    @classmethod
    def of(cls, cast: Cast, played: Played) -> Bundle:
        return cls(
            cast,
            played,
            cast.ceremony.received,
            list(cast.countersignatures),
            played.roster.to_bytes(),
            [(entry.kind, entry.payload) for entry in played.transcript.entries],
        )

    def first(self, kind: str) -> int:
        return next(i for i, (name, _) in enumerate(self.entries) if name == kind)

    def replace(self, kind: str, payloads: list[bytes]) -> None:
        """Put ``payloads`` in the place of all entries of ``kind``."""
        place = self.first(kind)
        kept = [entry for entry in self.entries if entry[0] != kind]
        self.entries = [*kept[:place], *((kind, p) for p in payloads), *kept[place:]]

    def of_kind(self, kind: str) -> list[bytes]:
        return [payload for name, payload in self.entries if name == kind]

    def replan(self, **changes: Any) -> None:
        plan = dataclasses.replace(self.played.plan, **changes)
        self.replace("plan", [self.cast.coordinator.sign("plan", plan.to_bytes())])

    def statement(self) -> ClosingStatement:
        return closing.tally(self.of_kind("closing"), self.played.plan, self.cast.ceremony)

    def close_again(
        self,
        contributions: list[bytes],
        statement: ClosingStatement | None,
        listed: list[bytes] | None = None,
    ) -> None:
        """Log other contributions, post a list, and all trustees' votes for ``statement`` if any.

        :param listed: what the list names, by default all of them.
        """
        self.replace("contribution", contributions)
        hashes = [statement_hash(data) for data in (contributions if listed is None else listed)]
        self.replace("close", [self._close(hashes)])
        if statement is not None:
            votes = [closing.vote(statement, bytes(32), key) for key in self.cast.trustees]
            self.replace("closing", votes)

    def _close(self, hashes: list[bytes], declared: Declared = NOTHING_DECLARED) -> bytes:
        before = takewhile(lambda entry: entry[0] != "close", self.entries)
        head = replay(self.played.plan.round_id, before).head
        return closing.propose(self.played.plan, hashes, head, self.cast.coordinator, declared)

    def declare_again(self, voted: Declared, closed: Declared | None = None) -> None:
        """All trustees sign a closing that declares ``voted``, and the certificate rests on it.

        :param closed: what the coordinator's list declares, by default the same.
        """
        statement = dataclasses.replace(self.statement(), declared=voted)
        listed = voted if closed is None else closed
        (closed,) = self.of_kind("close")
        included = read_proposal(open_signed(closed, "close").payload, self.played.plan).included
        self.replace("close", [self._close(list(included), listed)])
        votes = [closing.vote(statement, bytes(32), key) for key in self.cast.trustees]
        self.replace("closing", votes)
        self.certify_again(
            dataclasses.replace(self.played.certificate, statement_hash=statement.hash)
        )

    def certify_again(self, certificate: BandCertificate) -> None:
        """All trustees sign another certificate, and the release refers to it."""
        payload = certificate.to_bytes()
        self.replace("certificate", [k.sign("certificate", payload) for k in self.cast.trustees])
        self.release_again(certificate_hash=certificate.hash)

    def release_again(
        self,
        openings: dict[str, Opened] | None = None,
        document: bytes | None = None,
        certificate_hash: bytes | None = None,
    ) -> None:
        """Another release, signed by the coordinator and endorsed by all trustees."""
        held = self.played.release
        size = self.cast.ceremony.key.public.modulus_bytes
        message = pb.Release(
            plan_hash=held.plan_hash,
            certificate_hash=certificate_hash or held.certificate_hash,
            openings=[
                pb.Opening(
                    label=label,
                    plaintext=encode_uint(opened.plaintext),
                    root=encode_fixed(opened.root, size),
                )
                for label, opened in (openings or held.openings).items()
            ],
            document=document or held.document_bytes,
        )
        signed = self.cast.coordinator.sign("release", encode(message))
        self.replace("release", [signed])
        payload = release.endorse_payload(statement_hash(signed))
        self.replace("endorsement", [k.sign("endorsement", payload) for k in self.cast.trustees])

    def open_too(self, label: str) -> None:
        """The release opens one aggregate more, with the shares of t corrupt trustees."""
        key = self.cast.ceremony.key
        ciphertext = int(self.played.aggregates.ciphertext(label))
        made = [make_share(key, share, ciphertext) for share in self.cast.shares[:2]]
        self.release_again({**self.played.release.openings, label: combine(key, ciphertext, made)})
