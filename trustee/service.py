"""The trustee's process: polls the board, lets :mod:`trustee.duties` decide, carries it out.

It dials out only. Many rounds are served by one thread, one after the other, so that the
contributions of at most one round are in memory. A round that breaks a rule is logged and left; a
coordinator that is away, or that stumbles over a round, is asked again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Protocol

from protocols.ceremony import Ceremony
from protocols.errors import ProtocolError
from protocols.signing import VerifyKey
from protocols.terms import Description
from protocols.transcript import Entry
from trustee.agreement import TrusteeLimits, agree
from trustee.client import Listed
from trustee.duties import Action, Duties, Post
from trustee.errors import RefusedError, StumbledError, UnreachableError
from trustee.exchange import Holder
from trustee.ledger import Ledger

LOG = logging.getLogger("cefed.trustee")

FASTEST_SECONDS = 0.1
SLOWEST_SECONDS = 0.5
SLOWING = 1.5
OPEN, FINAL = "open", frozenset({"released", "withheld"})


class Board(Protocol):
    """What the service needs of a board; :class:`trustee.client.BoardClient` over gRPC."""

    def rounds(self) -> list[Listed]:
        """Every round there is."""

    def describe(self, round_id: str) -> Description:
        """A round's terms."""

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        """Its transcript."""

    def post(self, round_id: str, statement: bytes) -> None:
        """Add a statement to it."""

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        """Pass an envelope to another trustee."""

    def sealed(self, round_id: str, recipient: int, phase: str) -> Mapping[int, bytes]:
        """The envelopes for this trustee."""


class Service:
    """One trustee at one board.

    :param ceremony: the one it accepted. :param coordinator: the key it pinned.
    """

    def __init__(
        self,
        board: Board,
        holder: Holder,
        ledger: Ledger,
        ceremony: Ceremony,
        coordinator: VerifyKey,
        limits: TrusteeLimits,
    ) -> None:
        self._board = board
        self._holder = holder
        self._ledger = ledger
        self._ceremony = ceremony
        self._coordinator = coordinator
        self._limits = limits
        self._duties: dict[str, Duties] = {}
        self._left: set[str] = set()
        self._stumbled: dict[str, str] = {}
        self._reachable = True

    def run(self, stop: threading.Event) -> None:
        """Poll until ``stop`` is set: every 0.1 s while something happens, up to 0.5 s when idle.

        :raises TrusteeError: the ledger cannot be written; nothing is signed without it.
        """
        pause = FASTEST_SECONDS
        while not stop.is_set():
            try:
                busy = self.poll()
                self._note_reachable(None)
            except UnreachableError as error:
                busy = False
                self._note_reachable(error)
            pause = FASTEST_SECONDS if busy else min(pause * SLOWING, SLOWEST_SECONDS)
            stop.wait(pause)

    def poll(self) -> bool:
        """Look at every round once; True if anything was done or is being waited for.

        :raises UnreachableError: the coordinator does not answer.
        """
        busy = False
        for listed in self._board.rounds():
            if listed.round_id in self._left:
                continue
            try:
                busy = self._serve(listed) or busy
                self._stumbled.pop(listed.round_id, None)
            except StumbledError as error:
                self._note_stumbled(listed.round_id, str(error))
            except (ProtocolError, RefusedError) as error:
                LOG.error("round %s: left: %s: %s", listed.round_id, type(error).__name__, error)
                self._leave(listed.round_id)
        return busy

    def _serve(self, listed: Listed) -> bool:
        round_id = listed.round_id
        duties = self._duties.get(round_id)
        if duties is None:
            if listed.state in FINAL:
                self._leave(round_id)
                return False
            duties = self._duties[round_id] = self._enter(round_id)
        if listed.state == OPEN:
            # The state is a hint: a coordinator that lies about it only delays its own round.
            return False
        busy = self._read(round_id, duties, listed.entries)
        opened = True
        while opened:
            # An opened phase asks for the next step at once, not at the next poll.
            for action in duties.step():
                self._carry_out(round_id, duties, action)
                busy = True
            waiting = duties.wants
            for phase in waiting:
                duties.receive(phase, self._board.sealed(round_id, self._holder.me.index, phase))
            opened = duties.wants != waiting
        if duties.finished or (listed.state in FINAL and not busy):
            LOG.info("round %s: done", round_id)
            self._leave(round_id)
        return busy or bool(duties.wants)

    def _enter(self, round_id: str) -> Duties:
        description = self._board.describe(round_id)
        terms = agree(round_id, description, self._ceremony, self._coordinator, self._limits)
        LOG.info("round %s: terms checked, cohort %s", round_id, terms.plan.cohort)
        return Duties(terms, self._holder, self._ledger)

    def _read(self, round_id: str, duties: Duties, entries: int) -> bool:
        before = duties.next_index
        if entries > before:
            for entry in self._board.read(round_id, before):
                duties.read(entry)
        return duties.next_index > before

    def _carry_out(self, round_id: str, duties: Duties, action: Action) -> None:
        try:
            if isinstance(action, Post):
                self._board.post(round_id, action.statement)
                LOG.info("round %s: posted %s", round_id, action.kind)
            else:
                self._board.send_sealed(
                    round_id,
                    action.phase,
                    self._holder.me.index,
                    action.recipient,
                    action.envelope,
                )
        except RefusedError as error:
            # Often the round has moved on without this trustee; if not, others see it stall.
            LOG.warning("round %s: %s", round_id, error)
        duties.done(action)

    def _leave(self, round_id: str) -> None:
        self._left.add(round_id)
        self._duties.pop(round_id, None)
        self._stumbled.pop(round_id, None)

    def _note_stumbled(self, round_id: str, reason: str) -> None:
        if self._stumbled.get(round_id) != reason:
            LOG.warning("round %s: %s; the trustee goes on trying", round_id, reason)
            self._stumbled[round_id] = reason

    def _note_reachable(self, error: UnreachableError | None) -> None:
        if error is not None and self._reachable:
            LOG.warning("%s", error)
        if error is None and not self._reachable:
            LOG.info("the coordinator answers again")
        self._reachable = error is None
