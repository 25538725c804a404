"""Honest trustees for tests of the board: they do by protocol functions what is due next.

The trustees' own service (:mod:`trustee`) is tested in its own place; here only their statements
matter, and that the board takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.board import Board
from protocols import certificate as certificates
from protocols import closing, opening, release
from protocols.certificate import BandCertificate
from protocols.closing import ClosingStatement, Counted
from protocols.federated.keybook import root_of
from protocols.release import plaintexts
from protocols.signing import statement_hash
from protocols.threshold import KeyShare
from tests.cohort import Scene

Posts = list[tuple[int, bytes]]
"""Statements by the index of the trustee that signed them."""


@dataclass
class Acting:
    """All trustees of the scene, who see the same log."""

    scene: Scene
    board: Board

    def counted(self) -> Counted:
        """What each of them recomputes from the log."""
        scene = self.scene
        log = self.board.read(scene.round_id, 0)
        logged = [entry.payload for entry in log if entry.kind == "contribution"]
        ceremony = scene.held.ceremony
        return closing.recompute(scene.plan, scene.layout, scene.roster, ceremony, logged)

    def closings(self) -> Posts:
        """Everybody's closing vote."""
        statement = self._statement(self.counted())
        return [
            (index, closing.vote(statement, bytes(32), key))
            for index, key in enumerate(self.scene.held.signing, 1)
        ]

    def certificates(self) -> Posts:
        """Everybody's band certificate."""
        payload = self._certificate(self.counted()).to_bytes()
        return self._signed("certificate", payload)

    def sums(self, *, liar: int | None = None) -> Posts:
        """Everybody's shares for the sums; a liar's are made with another secret."""
        scene, counted = self.scene, self.counted()
        certificate = self._certificate(counted)
        labels = certificates.sum_labels(scene.plan, scene.layout, certificate)
        posts = []
        for index, key in enumerate(scene.held.signing, 1):
            share = scene.held.shares[index - 1]
            if index == liar:
                share = KeyShare(index, int(share.secret()) + 2)
            payload = opening.make_share_set(
                scene.plan,
                scene.held.ceremony,
                counted.aggregates,
                share,
                opening.SUMS,
                certificate.hash,
                labels,
            )
            posts.append((index, key.sign("sums", payload)))
        return posts

    def endorsements(self) -> Posts:
        """Everybody's endorsement of the release in the log."""
        log = self.board.read(self.scene.round_id, 0)
        published = next(entry.payload for entry in log if entry.kind == "release")
        return self._signed("endorsement", release.endorse_payload(statement_hash(published)))

    def post(self, posts: Posts) -> None:
        """Post statements, each in its trustee's name."""
        for index, data in posts:
            self.board.post(self.scene.round_id, data, self.scene.held.signing[index - 1].public)

    def _signed(self, kind: str, payload: bytes) -> Posts:
        keys = enumerate(self.scene.held.signing, 1)
        return [(index, key.sign(kind, payload)) for index, key in keys]

    def _statement(self, counted: Counted) -> ClosingStatement:
        return ClosingStatement.of(self.scene.plan.hash, counted.included, counted.aggregates.hash)

    def _certificate(self, counted: Counted) -> BandCertificate:
        scene, basis = self.scene, self._statement(counted).hash
        members = len(counted.included)
        if reason := closing.check_cohort_size(scene.plan, members):
            return certificates.withhold(scene.plan, basis, members, reason)
        opened = self._open(counted, opening.COUNTS, basis, scene.layout.count_labels())
        counts = certificates.read_counts(scene.plan, scene.layout, opened, members)
        labels = certificates.class_labels(scene.layout, counts)
        opened = self._open(counted, opening.CLASSES, basis, labels)
        classes = certificates.read_classes(scene.layout, counts, opened)
        root = root_of(counted.round_keys) if scene.certified else b""
        return certificates.certify(scene.plan, scene.layout, basis, counts, classes, root)

    def _open(
        self, counted: Counted, phase: str, basis: bytes, labels: list[str]
    ) -> dict[str, int]:
        scene, ceremony = self.scene, self.scene.held.ceremony
        sets = []
        for index in (2, 4):
            data = opening.make_share_set(
                scene.plan,
                ceremony,
                counted.aggregates,
                scene.held.shares[index - 1],
                phase,
                basis,
                labels,
            )
            sender = ceremony.trustees[index - 1]
            sets.append(opening.read_share_set(data, scene.plan, phase, basis, sender, labels))
        return plaintexts(opening.open_all(ceremony, counted.aggregates, labels, sets))
