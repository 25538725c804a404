"""Values, registered ids and corporate groups in logs, metrics, errors and the public log.

Whoever collects a role's logs or metrics, and whoever reads the public transcript, searches them
for figures and names. What stops it: no message is made from a value; refusals name members by
their pseudonyms; metrics have no labels but kinds. A whole round is played with planted figures,
ids and groups, with a stranger, a liar and an unreadable certificate, and everything said is
searched.

Removed by ``--weakened``: one such habit at a time. ``value``: a build that logs what it encodes;
``id``: a trustee that names enterprises by their registered ids in its refusal, which is public.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import generate_latest

from coordinator.board import Board
from protocols.enrolment import issue, revocation_list
from protocols.errors import ProtocolError
from protocols.layout import Layout
from protocols.roster import Roster
from tests.attacks.play import encrypt, folder, sign_plaintexts, submit, tampered
from tests.attacks.result import Result, heard, main, removed
from tests.trustee.scene import (
    COORDINATOR,
    MEMBERS,
    NOW,
    YEAR,
    Direct,
    Scene,
    member_key,
    new_service,
)
from tests.trustee.scene import run as run_trustees
from trustee import membership
from trustee.agreement import TrusteeLimits
from trustee.client import Members

LOG = logging.getLogger("cefed.attack")
NAMED = 10
"""How many members a refusal names at most."""

TROUBLES = (
    "are not enterprises that this trustee knows",
    "a certificate of the roster does not hold",
    "is not counted: InvalidProof",
    "the limits that the plan names",
    "bytes of ciphertext",
    "cefed_board_arrivals_total",
    "cefed_trustee_posted_total",
)
"""What has to be among the texts, or the search would prove nothing."""

LEAKS = ("value", "id")
_encode = Layout.encode


def planted_values(number: int) -> dict[str, int]:
    """Six digits each, none of which stands anywhere else."""
    return {
        "output": 500_009 + 1_009 * number,
        "emissions": 200_003 + 1_013 * number,
        "electricity": 300_007 + 1_019 * number,
    }


def planted_id(number: int) -> str:
    """The registered id behind a member's pseudonym."""
    return f"91350100MA{number:06d}XY"


def planted_group(number: int) -> str:
    """Its corporate group."""
    return f"Planted Holding {number:03d}"


SECRETS = [
    *(str(value) for n in range(1, MEMBERS + 1) for value in planted_values(n).values()),
    *(planted_id(n) for n in range(1, MEMBERS + 1)),
    *(planted_group(n) for n in range(1, MEMBERS + 1)),
]


@dataclass
class Named(Direct):
    """A board that shows trustees certificates with planted ids and groups."""

    broken: bool = False
    """One certificate is cut off, so that a trustee has to say what is wrong with it."""

    def members(self, round_id: str) -> Members:
        roster = Roster.from_bytes(self.describe(round_id).roster)
        made = [
            issue(
                COORDINATOR,
                member.key,
                planted_id(_number(member.key.raw)),
                planted_group(_number(member.key.raw)),
                serial=serial,
                not_before=NOW - 1000,
                not_after=NOW + YEAR,
            )
            for serial, member in enumerate(roster.members, start=1)
        ]
        if self.broken:
            made[0] = made[0][:-1]
        return Members(tuple(made), revocation_list(COORDINATOR, [], now=NOW))


def run(weakened: bool, leak: str = "value") -> Result:
    """Search everything that was said in a round for every planted string."""
    with (
        removed(weakened and leak == "value", Layout, "encode", _encode_and_log) as logging_values,
        removed(weakened and leak == "id", membership, "_names", _by_id) as naming,
    ):
        said = everything_said()
    found = sorted({secret for secret in SECRETS if any(_holds(text, secret) for text in said)})
    named = [planted_id(_number(member.key.raw)) for member in Scene().roster.members]
    expected = {
        "value": sorted(s for s in SECRETS if s.isdigit()),
        "id": sorted(named[:NAMED]),
    }
    return Result(
        had="all logs at their most talkative, metrics, errors, and the public log",
        did=f"searched {len(said)} texts for {len(SECRETS)} planted values, ids and groups",
        planted=expected[leak],
        gained=found or None,
        removed=logging_values or naming,
        figures={
            "characters searched": sum(map(len, said)),
            "troubles that did not happen": [
                trouble for trouble in TROUBLES if not any(trouble in text for text in said)
            ],
        },
    )


def everything_said() -> list[str]:
    """Logs, metrics, error messages and the public statements of two rounds with troubles."""
    said: list[str] = []
    strangers = TrusteeLimits(known_enterprises={"another": frozenset()})
    with heard() as lines:
        state = _play(said, {4: strangers}, broken=False)
        assert state == "released", state
        state = _play(said, {}, broken=True)
        assert state == "proposed", state
    return said + lines


def _play(said: list[str], limits: Mapping[int, TrusteeLimits], *, broken: bool) -> str:
    """A round under these limits of single trustees; its state in the end."""
    scene = Scene()
    with folder() as path:
        board = scene.board(path / "board.sqlite", opened=not broken)
        services = [
            new_service(
                scene,
                board,
                index,
                path,
                limits=limits.get(index),
                seen=Named(board, scene.held.signing[index - 1].public, broken=broken),
            )
            for index in range(1, 5)
        ]
        if not broken:
            _contribute(scene, board, said)
        state = run_trustees(board, services)
        said += [generate_latest(board.metrics.registry).decode()]
        said += [generate_latest(service._metrics.registry).decode() for service in services]
        for entry in board.read(scene.round_id, 0):
            if entry.kind not in ("contribution", "release"):
                said.append(entry.payload.decode("latin-1"))
        said += board.refusals(scene.round_id).values()
        for service in services:
            service._ledger.close()
        board.close()
    return state


def _contribute(scene: Scene, board: Board, said: list[str]) -> None:
    """Everybody contributes; one lies in its proof first, and two are refused by their own node."""
    for number in range(1, MEMBERS + 1):
        measures = planted_values(number)
        key = member_key(number)
        if number == 1:
            submit(board, scene, tampered(scene, measures, key, list.reverse))
            data = encrypt(scene, measures, key, version=2)
        else:
            data = encrypt(scene, measures, key)
        submit(board, scene, data)
    for wrong in ({"output": 10**6 * planted_values(1)["output"]}, {"emissions": -1}):
        try:
            encrypt(scene, planted_values(1) | wrong, member_key(1))
        except ProtocolError as error:
            said.append(str(error))
    try:
        submit(board, scene, sign_plaintexts(scene, [0] * 3, member_key(1)))
    except ProtocolError as error:
        said.append(str(error))


def _number(key: bytes) -> int:
    return next(n for n in range(1, MEMBERS + 1) if member_key(n).public.raw == key)


def _holds(text: str, secret: str) -> bool:
    """A number counts where it stands alone: six digits occur inside hashes by chance."""
    if not secret.isdigit():
        return secret in text
    return re.search(rf"(?<![0-9A-Za-z]){secret}(?![0-9A-Za-z])", text) is not None


def _encode_and_log(layout: Layout, measures: Any, *more: Any) -> tuple[int, ...]:
    LOG.debug("encoding %s", measures)
    return _encode(layout, measures, *more)


def _by_id(members: Iterable[Any]) -> str:
    return ", ".join(member.enterprise_id for member in list(members)[:NAMED])


if __name__ == "__main__":
    main(run, __doc__)
