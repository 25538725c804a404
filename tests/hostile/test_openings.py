"""A coordinator that would have trustees open what they must not: no share leaves them.

The trustees are real services over TLS; the coordinator's log is forged. What leaves a trustee is
what it posts and what it seals, and the forger keeps both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocols import closing, opening, threshold
from protocols.bands import BinRange
from protocols.certificate import BandCertificate, RankingResult
from protocols.closing import ClosingStatement
from protocols.errors import InvalidShare
from protocols.signing import open_signed, statement_hash
from protocols.threshold import DecryptionShare
from protocols.transcript import Transcript
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode_uint
from tests.cohort import MEMBERS
from tests.hostile.forging import (
    ForgingBoard,
    begin,
    close,
    forger,
    poll,
    stop,
    trustees,
)
from tests.hostile.served import Served, serve
from tests.trustee.scene import Scene
from trustee.service import Service

EVERYBODY = range(1, MEMBERS + 1)


@pytest.fixture(scope="module")
def contributions(scene: Scene) -> list[bytes]:
    return [scene.contribution(number) for number in EVERYBODY]


@contextmanager
def lying(scene: Scene, folder: Path) -> Iterator[tuple[Served, list[Service]]]:
    """A forger, and three trustees that have confirmed each other's ledgers."""
    with serve(scene, folder, make=ForgingBoard) as served:
        services = trustees(served, folder)
        try:
            poll(services, 3)
            yield served, services
        finally:
            stop(services)


def log_of(scene: Scene, contributions: list[bytes], listed: list[bytes]) -> Transcript:
    """A log with these contributions and a list with those."""
    log = begin(scene)
    for data in contributions:
        log.append("contribution", data)
    return close(scene, log, map(statement_hash, listed))


def closings(folder: Path, index: int) -> int:
    """How many closings a trustee noted that take somebody's data."""
    return (folder / f"ledger-{index}.jsonl").read_text().count('"event":"closing"')


def test_the_list_of_a_single_contribution(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    """Twelve are logged, and the list names the victim alone: the others would be withheld."""
    with lying(scene, tmp_path) as (served, services):
        board = forger(served)
        board.forged = log_of(scene, contributions, contributions[:1])
        poll(services)

    assert board.kinds == ["refusal"] * 3
    for reason in board.reasons():
        assert reason.startswith("contribution ")
        assert "was logged, and so acknowledged, but not counted" in reason
    assert board.envelopes == {}
    assert [closings(tmp_path, index) for index in (1, 2, 3)] == [0, 0, 0]


def test_the_log_of_a_single_contribution(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    """The others' contributions are left out of the log: the cohort is too small to open."""
    with lying(scene, tmp_path) as (served, services):
        board = forger(served)
        board.forged = log_of(scene, contributions[:1], contributions[:1])
        poll(services)

    assert set(board.kinds) == {"closing", "certificate"}
    for kind, data in board.said:
        if kind == "certificate":
            found = BandCertificate.from_bytes(open_signed(data, kind).payload)
            assert "fewer than 5" in found.withheld
    assert board.envelopes == {}


def test_the_product_with_a_contribution_that_is_not_in_the_log(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    """The list names one that only the coordinator has seen."""
    with lying(scene, tmp_path) as (served, services):
        board = forger(served)
        board.forged = log_of(scene, contributions[:-1], contributions)
        poll(services)

    assert board.kinds == ["refusal"] * 3
    assert all("is listed and cannot be" in reason for reason in board.reasons())
    assert board.envelopes == {}


def test_a_contribution_that_is_logged_after_the_list(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    with lying(scene, tmp_path) as (served, services):
        board = forger(served)
        board.forged = log_of(scene, contributions[:-1], contributions[:-1])
        board.forged.append("contribution", contributions[-1])
        poll(services)

    assert board.kinds == ["refusal"] * 3
    assert all("too many or too late" in reason for reason in board.reasons())
    assert board.envelopes == {}


def test_another_list_once_the_first_was_signed(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    """The coordinator has the votes for twelve, restarts everybody and shows eleven."""
    with lying(scene, tmp_path) as (served, services):
        board = forger(served)
        board.forged = log_of(scene, contributions, contributions)
        poll(services[:2])
        assert board.kinds == ["closing", "closing"]  # two of the three that are needed
        stop(services)
        board.forged, board.said = None, []
        services[:] = trustees(served, tmp_path)
        poll(services, 3)

        board.forged = log_of(scene, contributions[:-1], contributions[:-1])
        poll(services)

    assert board.kinds.count("refusal") == 2
    assert board.kinds.count("closing") == 1  # trustee 3 had signed nothing yet
    assert all(
        reason == f"another closing statement of round {scene.round_id} was signed"
        for reason in board.reasons()
    )
    assert board.envelopes == {}


@pytest.fixture(scope="module")
def asked(
    scene: Scene, contributions: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> ForgingBoard:
    """What leaves three honest trustees while the fourth is the coordinator's.

    Trustee 4 votes for the list of the victim alone and certifies a band of one; the coordinator
    puts both into the log before anything else.
    """
    folder = tmp_path_factory.mktemp("corrupt")
    with lying(scene, folder) as (served, services):
        board = forger(served)
        log = log_of(scene, contributions, contributions)
        key = scene.held.signing[3]
        victim = statement_hash(contributions[0])
        single = ClosingStatement.of(scene.plan.hash, [victim], bytes(32))
        log.append("closing", closing.vote(single, bytes(32), key))
        board.forged = log
        poll(services, 1)
        honest = next(data for kind, data in board.said if kind == "closing")
        statement = ClosingStatement.from_bytes(
            pb.ClosingVote.FromString(open_signed(honest, "closing").payload).statement
        )
        log.append("certificate", key.sign("certificate", band_of_one(scene, statement)))
        poll(services)
    return board


def band_of_one(scene: Scene, statement: ClosingStatement) -> bytes:
    """A certificate that would have the victim's bin opened alone."""
    bands = (BinRange(0, 1, 1), BinRange(1, 8, MEMBERS - 1))
    rankings = (RankingResult(scene.plan.indicators[0].name, bands),)
    found = BandCertificate(scene.plan.hash, statement.hash, MEMBERS, rankings=rankings)
    return found.to_bytes()


def share_sets(scene: Scene, board: ForgingBoard) -> Iterator[pb.ShareSet]:
    """Everything that left the trustees and holds shares, opened with all their keys."""
    ceremony = scene.held.ceremony
    for (phase, sender, recipient), data in board.envelopes.items():
        yield pb.ShareSet.FromString(
            opening.unseal_shares(
                data,
                scene.plan,
                phase,
                ceremony.trustees[sender - 1],
                ceremony.trustees[recipient - 1],
                scene.held.sealing[recipient - 1],
            )
        )
    for kind, data in board.said:
        if kind == "sums":
            yield pb.ShareSet.FromString(open_signed(data, kind).payload)


def test_every_share_that_leaves_is_of_a_product_that_the_quorum_closed(
    scene: Scene, contributions: list[bytes], asked: ForgingBoard
) -> None:
    counted = closing.recompute(
        scene.plan, scene.layout, scene.roster, scene.held.ceremony, contributions
    )
    alone = [
        closing.recompute(scene.plan, scene.layout, scene.roster, scene.held.ceremony, [data])
        for data in contributions
    ]
    key = scene.held.ceremony.key
    seen = set()
    for found in share_sets(scene, asked):
        for item in found.shares:
            share = DecryptionShare(
                found.index,
                decode_uint(item.value),
                decode_uint(item.challenge),
                decode_uint(item.response),
            )
            seen.add((found.phase, item.label))
            threshold.verify_share(key, int(counted.aggregates.ciphertext(item.label)), share)
            for single in alone:
                with pytest.raises(InvalidShare):
                    threshold.verify_share(
                        key, int(single.aggregates.ciphertext(item.label)), share
                    )
    assert {phase for phase, _ in seen} == {"counts", "classes", "sums"}


def test_a_band_of_one_that_a_corrupt_trustee_certified_is_not_opened(
    scene: Scene, asked: ForgingBoard
) -> None:
    agreed = {
        open_signed(data, "certificate").payload
        for kind, data in asked.said
        if kind == "certificate"
    }
    assert len(agreed) == 1
    certificate = BandCertificate.from_bytes(agreed.pop())
    assert all(band.members >= 5 for band in certificate.rankings[0].bands)
    given = [found for found in share_sets(scene, asked) if found.phase == opening.SUMS]
    assert len(given) == 3
    assert all(found.basis == certificate.hash for found in given)


def test_nobody_voted_twice(asked: ForgingBoard) -> None:
    assert asked.kinds.count("closing") == 3
    assert asked.kinds.count("certificate") == 3
    assert asked.kinds.count("refusal") == 0
