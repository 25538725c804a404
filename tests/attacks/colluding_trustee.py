"""The coordinator and one corrupt trustee against the other three.

:func:`run`: the coordinator keeps two boards with the same round, one with all twelve
contributions, one without the victim's, and shows them to different trustees; the corrupt one signs
both closings, from two ledgers. The difference of the two releases is the victim. What stops it:
``2q - n >= t``, checked by :func:`protocols.ceremony.check_counts`. With n = 4, t = 2, q = 3 both
quorums would have to share an honest trustee, whose ledger signs one closing a round.

Removed by ``--weakened``: that condition, with q = 2.

:func:`alone`: the corrupt trustee makes a share of the victim's own ciphertexts. With t = 2 one
share opens nothing; weakened, the ceremony has t = 1, which every node and trustee refuses
(``minimum_threshold``).
"""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from coordinator.board import Board
from protocols import ceremony as ceremonies
from protocols import closing
from protocols.errors import OpeningFailed, QuorumMissing
from protocols.terms import Limits
from protocols.threshold import combine, deal, make_share
from tests import cohort
from tests.attacks.play import (
    PLANTED,
    VICTIM,
    ciphertexts,
    decode_values,
    encrypt,
    end,
    folder,
    own_bin,
    released,
    serving,
    submit,
    totals,
    value_position,
)
from tests.attacks.result import Result, main, removed
from tests.keys import Trustees, hold_ceremony, small_primes_unsafe
from tests.trustee.scene import MEMBERS, Direct, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

CORRUPT = 3
HONEST_AT_FIRST, HONEST_AT_SECOND = (1, 4), (2,)


@dataclass
class Facing(Direct):
    """What a trustee sees of a coordinator with two faces: rounds of one board, peers of another.

    Ledger questions go where everybody's go, so that each trustee finds q others.
    """

    peers_at: Board | None = None

    def post_peer(self, statement: bytes) -> None:
        Direct(self._meeting, self.key).post_peer(statement)

    def peers(self, key_id: bytes) -> list[bytes]:
        return Direct(self._meeting, self.key).peers(key_id)

    @property
    def _meeting(self) -> Board:
        return self.peers_at or self.board


def run(weakened: bool) -> Result:
    """Two lists that differ by the victim, each with another honest trustee."""
    quorum = 2 if weakened else 3
    with removed(weakened, ceremonies, "check_counts", lambda *_: None) as what:
        scene = scene_of(hold_ceremony(quorum=quorum, small=True))
        first, second, missing = _two_faces(scene)
    gained = None
    if first is not None and second is not None:
        gained = {name: total - totals(second)[name] for name, total in totals(first).items()}
    return Result(
        had="the coordinator's key and one of four trustees",
        did="closed one list of twelve and one of eleven with another honest trustee each",
        planted=PLANTED,
        gained=gained,
        stopped_by=missing,
        removed=what and f"2q - n >= t ({what}), with q = 2",
    )


def alone(weakened: bool) -> Result:
    """One share of the ciphertext that holds the victim's band-level values."""
    threshold = 1 if weakened else 2
    scene = Scene()
    key, shares = deal(*small_primes_unsafe(), threshold, 4)
    data = encrypt(scene, PLANTED, member_key(VICTIM))
    position = value_position(scene, own_bin(scene, PLANTED))
    ciphertext = ciphertexts(scene, data)[position]
    gained: dict[str, int] | None = None
    stopped: tuple[str, ...] = ()
    try:
        share = make_share(key, shares[CORRUPT - 1], ciphertext)
        opened = combine(key, ciphertext, [share]).plaintext
        gained = decode_values(scene, opened)
    except OpeningFailed as error:
        stopped = (f"OpeningFailed: {error}",)
    ceremony = dataclasses.replace(scene.held.ceremony, key=key)
    return Result(
        had="the victim's contribution and one of four trustees",
        did="opened one ciphertext of the contribution with that trustee's share",
        planted={name: PLANTED[name] for name in ("output", "emissions")},
        gained=gained,
        stopped_by=stopped,
        removed="t = 2" if weakened else "",
        figures={"a node's objection": Limits().reasons_against_ceremony(ceremony)},
    )


def scene_of(held: Trustees) -> Scene:
    """The tests' cohort under another ceremony than the shared one."""
    with patch.object(cohort, "trustees", lambda small: held):
        return Scene()


def _two_faces(
    scene: Scene,
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, tuple[str, ...]]:
    with ExitStack() as stack:
        path = stack.enter_context(folder())
        places = [path / name for name in ("first", "second")]
        for place in places:
            place.mkdir()
        boards = [scene.board(place / "board.sqlite") for place in places]
        for board in boards:
            stack.callback(board.close)
        services = []
        for board, place, honest in zip(
            boards, places, (HONEST_AT_FIRST, HONEST_AT_SECOND), strict=True
        ):
            for index in (*honest, CORRUPT):
                meeting = board if index == CORRUPT else boards[0]
                seen = Facing(board, scene.held.signing[index - 1].public, peers_at=meeting)
                services += stack.enter_context(serving(scene, board, place, (index,), seen=seen))
                if index == CORRUPT:  # its software asks nobody whether its ledger is complete
                    patched = patch.object(services[-1]._peers, "confirmed", lambda _: True)
                    stack.enter_context(patched)
        for _ in range(4):  # everybody's ledger is confirmed while there is nothing to close yet
            for service in services:
                service._peers._looked.clear()
                service.poll()
        for number in range(1, MEMBERS + 1):
            measures = PLANTED if number == VICTIM else values(number)
            data = encrypt(scene, measures, member_key(number))
            for board in boards if number != VICTIM else boards[:1]:
                submit(board, scene, data)
        end(boards[1], scene)
        for board in boards:
            run_trustees(board, services)
        missing = tuple(_missing(scene, board) for board in boards)
        return (
            released(boards[0], scene),
            released(boards[1], scene),
            tuple(reason for reason in missing if reason),
        )


def _missing(scene: Scene, board: Board) -> str:
    votes = [entry.payload for entry in board.read(scene.round_id, 0) if entry.kind == "closing"]
    try:
        closing.tally(votes, scene.plan, scene.held.ceremony)
    except QuorumMissing as error:
        return f"QuorumMissing: {error}"
    return ""


if __name__ == "__main__":
    main(run, __doc__)
