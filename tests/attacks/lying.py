"""A coordinator that shows trustees a log of its own making, and opens whatever they give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coordinator.database import sqlite_url
from coordinator.store import Store
from protocols import certificate as certificates
from protocols import closing, opening, release
from protocols.certificate import BandCertificate
from protocols.roster import Roster
from protocols.signing import open_signed, statement_hash
from protocols.transcript import Transcript
from tests.hostile.forging import ForgingBoard, begin, close
from tests.trustee.scene import COORDINATOR, NOW, Scene

SETTLE = 3
"""Polls until trustees have confirmed each other's ledgers."""


@contextmanager
def lying_board(scene: Scene, path: Path, *, opened: bool = True) -> Iterator[ForgingBoard]:
    """The scene's round on a board that lies once its ``forged`` is set."""
    store = Store.create(sqlite_url(path / "board.sqlite"))
    board = ForgingBoard(store, COORDINATOR, clock=lambda: NOW, read_ceremony=scene.read_ceremony)
    try:
        board.create_round(scene.record)
        if opened:
            scene.countersign(board)
        yield board
    finally:
        board.close()
        store.close()


def log_of(scene: Scene, contributions: Iterable[bytes], listed: Iterable[bytes]) -> Transcript:
    """A log with these contributions and a list with those."""
    log = begin(scene)
    for data in contributions:
        log.append("contribution", data)
    return close(scene, log, map(statement_hash, listed))


def open_plaintexts(
    scene: Scene, board: ForgingBoard, counted: Sequence[bytes], roster: Roster | None = None
) -> tuple[BandCertificate, dict[str, int]] | None:
    """What the coordinator opens from the shares that it was given; None if they are too few.

    :param counted: the contributions whose product it believes to have had opened.
    :param roster: who may have signed them, if not the scene's members.
    """
    said = {kind: [d for k, d in board.said if k == kind] for kind in ("certificate", "sums")}
    ceremony = scene.held.ceremony
    if len(said["sums"]) < ceremony.key.threshold:
        return None
    aggregates = closing.recompute(
        scene.plan, scene.layout, roster or scene.roster, ceremony, counted
    ).aggregates
    certified = certificates.tally(said["certificate"], scene.plan, ceremony)
    labels = certificates.sum_labels(scene.plan, scene.layout, certified)
    sets = []
    for data in said["sums"]:
        statement = open_signed(data, "sums")
        sender = ceremony.trustee(statement.signer)
        sets.append(
            opening.read_share_set(
                statement.payload, scene.plan, opening.SUMS, certified.hash, sender, labels
            )
        )
    opened = release.plaintexts(opening.open_all(ceremony, aggregates, labels, sets))
    return certified, opened


def open_sums(
    scene: Scene, board: ForgingBoard, counted: Sequence[bytes], roster: Roster | None = None
) -> dict[str, Any] | None:
    """The document that follows from :func:`open_plaintexts`."""
    found = open_plaintexts(scene, board, counted, roster)
    return None if found is None else release.build_document(scene.plan, scene.layout, *found)
