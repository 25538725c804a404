"""What a trustee needs in the tests' small round, beside the cohort of :mod:`tests.cohort`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.board import Board
from protocols.enrolment import issue, revocation_list
from protocols.errors import ProtocolError
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import Description, Terms
from protocols.threshold import KeyShare
from protocols.transcript import Entry
from tests import cohort
from tests.cohort import COORDINATOR, DEADLINE, MEMBERS, NOW, member_key, values
from trustee.agreement import TrusteeLimits, agree
from trustee.ceremonies import Accepted
from trustee.client import Listed, Members
from trustee.duties import Duties
from trustee.errors import RefusedError
from trustee.exchange import Holder
from trustee.ledger import Ledger
from trustee.membership import see_roster
from trustee.rosters import SeenRoster
from trustee.service import Service

__all__ = ["COORDINATOR", "DEADLINE", "MEMBERS", "NOW", "member_key", "values"]

YEAR = 365 * 86_400


class Scene(cohort.Scene):
    """The cohort, and its trustees in person."""

    def terms(self) -> Terms:
        """The terms as a trustee checked them."""
        return agree(
            self.round_id, self.record, self.held.ceremony, COORDINATOR.public, TrusteeLimits()
        )

    def seen(self) -> SeenRoster:
        """The enterprises behind the roster as a trustee saw them."""
        none = revocation_list(COORDINATOR, [], now=NOW)
        certified = certificates(self.roster)
        return see_roster(self.terms(), certified, none, TrusteeLimits(), now=NOW)

    def holder(self, index: int, *, lying: bool = False) -> Holder:
        """Trustee ``index`` in person; a lying one makes its shares with another secret."""
        held = self.held
        share = held.shares[index - 1]
        if lying:
            share = KeyShare(index, int(share.secret()) + 2)
        return Holder(
            held.ceremony.trustees[index - 1],
            held.signing[index - 1],
            held.sealing[index - 1],
            share,
        )

    def accepted(self, index: int, *, lying: bool = False) -> Accepted:
        """The ceremony as trustee ``index`` keeps it."""
        held = self.held
        me, signing = held.ceremony.trustees[index - 1], held.signing[index - 1]
        return Accepted(held.ceremony, me, signing, self.holder(index, lying=lying))


def enterprise_id(key: VerifyKey) -> str:
    """The registered id of a member of the tests' rosters."""
    return f"E-{key.fingerprint}"


def certificates(roster: Roster, issuer: SigningKey = COORDINATOR) -> list[bytes]:
    """A certificate of every member of a roster."""
    return [
        issue(
            issuer,
            member.key,
            enterprise_id(member.key),
            member.group,
            serial=serial,
            not_before=NOW - 1000,
            not_after=NOW + YEAR,
        )
        for serial, member in enumerate(roster.members, start=1)
    ]


@contextmanager
def refusing() -> Iterator[None]:
    """What a board refuses comes to a client as its own refusal."""
    try:
        yield
    except ProtocolError as error:
        raise RefusedError(str(error), type(error).__name__) from error


@dataclass
class Direct:
    """A board as the service of the trustee with ``key`` sees it, without a socket between."""

    board: Board
    key: VerifyKey
    revoked: tuple[int, ...] = ()

    def rounds(self) -> list[Listed]:
        return [Listed(r.round_id, r.state, r.entries) for r in self.board.rounds(self.key)]

    def describe(self, round_id: str) -> Description:
        record, *_ = self.board.describe(round_id)
        return record

    def members(self, round_id: str) -> Members:
        roster = Roster.from_bytes(self.describe(round_id).roster)
        revoked = [(serial, NOW - 10) for serial in self.revoked]
        return Members(tuple(certificates(roster)), revocation_list(COORDINATOR, revoked, now=NOW))

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        return self.board.read(round_id, from_index)

    def post(self, round_id: str, statement: bytes) -> None:
        with refusing():
            self.board.post(round_id, statement, self.key)

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        with refusing():
            self.board.send_sealed(round_id, phase, sender, recipient, envelope)

    def sealed(self, round_id: str, recipient: int, phase: str) -> Mapping[int, bytes]:
        return dict(self.board.sealed(round_id, recipient, phase, self.key))

    def post_peer(self, statement: bytes) -> None:
        with refusing():
            self.board.post_peer(statement, self.key)

    def peers(self, key_id: bytes) -> list[bytes]:
        with refusing():
            return self.board.peers(key_id, self.key)


def new_ledger(path: Path) -> Ledger:
    """A ledger in ``path``, created if it is not there."""
    if not path.exists():
        Ledger.create(path)
    return Ledger(path, clock=lambda: NOW)


def new_duties(scene: Scene, index: int, folder: Path, *, lying: bool = False) -> Duties:
    """A trustee's duties in the scene's round, with its ledger in ``folder``."""
    ledger = new_ledger(folder / f"ledger-{index}.jsonl")
    return Duties(scene.terms(), scene.holder(index, lying=lying), ledger, scene.seen())


def new_service(
    scene: Scene,
    board: Board,
    index: int,
    folder: Path,
    *,
    lying: bool = False,
    limits: TrusteeLimits | None = None,
    seen: Direct | None = None,
) -> Service:
    """Trustee ``index`` at ``board``; what it remembers is in ``folder``, its ledger among it.

    :param seen: another view of the board than the honest one.
    """
    own = folder / f"trustee-{index}"
    own.mkdir(exist_ok=True)
    return Service(
        seen or Direct(board, scene.held.signing[index - 1].public),
        [scene.accepted(index, lying=lying)],
        new_ledger(folder / f"ledger-{index}.jsonl"),
        COORDINATOR.public,
        limits or TrusteeLimits(),
        own,
        clock=lambda: NOW,
    )


def run(board: Board, services: Iterable[Service], polls: int = 16) -> str:
    """Poll every trustee in turn until nobody has anything to do; the first round's state."""
    trustees = list(services)
    for _ in range(polls):
        moved = board.advance()
        busy = [trustee.poll() for trustee in trustees]
        if not moved and not any(busy):
            break
    return board.rounds()[0].state


def run_again(board: Board, services: Iterable[Service]) -> str:
    """As :func:`run`, after the second in which nobody looks for questions of others."""
    trustees = list(services)
    for trustee in trustees:
        trustee._peers._looked.clear()
    for trustee in trustees * 2:
        trustee.poll()
        trustee._peers._looked.clear()
    return run(board, trustees)
