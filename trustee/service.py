"""The trustee's process: polls the board, lets :mod:`trustee.duties` decide, carries it out.

It dials out only. Many rounds are served by one thread, one after the other, so that the
contributions of at most one round are in memory. A round that breaks a rule is left, and the reason
posted once, so that the operator sees it; a coordinator that is away, or that stumbles over a
round, is asked again for as long as it takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from protocols.errors import KeyRefused, ProtocolError
from protocols.signing import VerifyKey
from protocols.terms import Description, Terms
from protocols.transcript import Entry
from trustee.agreement import TrusteeLimits, check_limits, read_own_terms
from trustee.ceremonies import Accepted
from trustee.client import Listed, Members
from trustee.duties import Action, Duties, Post
from trustee.errors import RefusedError, StumbledError, UnreachableError
from trustee.exchange import Holder
from trustee.ledger import Ledger
from trustee.metrics import Metrics
from trustee.notary import Notary
from trustee.peers import Peers

LOG = logging.getLogger("cefed.trustee")

FASTEST_SECONDS = 0.1
SLOWEST_SECONDS = 0.5
SLOWING = 1.5
NO_ANSWER = "the coordinator does not answer"
PROPOSED, COLLECTING = "proposed", frozenset({"open", "closing"})
CANCELLED = "cancelled"
FINAL = frozenset({"released", "withheld", CANCELLED})


class Board(Protocol):
    """What the service needs of a board; :class:`trustee.client.BoardClient` over gRPC."""

    def rounds(self) -> list[Listed]:
        """Every round there is."""

    def describe(self, round_id: str) -> Description:
        """A round's terms."""

    def members(self, round_id: str) -> Members:
        """Who is behind its roster."""

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

    def post_peer(self, statement: bytes) -> None:
        """Pass a question or answer about ledgers to the other trustees."""

    def peers(self, key_id: bytes) -> list[bytes]:
        """What a ceremony's trustees asked and answered."""


class _Round:
    """A round being served: its terms, and its duties once this trustee has approved its roster."""

    def __init__(self, terms: Terms, accepted: Accepted) -> None:
        self.terms = terms
        self.accepted = accepted
        self.duties: Duties | None = None


class Service:
    """One trustee at one board.

    :param accepted: the ceremonies it accepted. :param coordinator: the key it pinned.
    :param folder: where it remembers rosters and refusals.
    :param clock: seconds since 1970-01-01 UTC; a parameter for tests.
    """

    def __init__(
        self,
        board: Board,
        accepted: Sequence[Accepted],
        ledger: Ledger,
        coordinator: VerifyKey,
        limits: TrusteeLimits,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
    ) -> None:
        self._board = board
        self._accepted = {a.ceremony.received: a for a in accepted}
        self._ledger = ledger
        self._coordinator = coordinator
        self._limits = limits
        self._metrics = Metrics() if metrics is None else metrics
        self._peers = Peers(board, accepted, ledger)
        self._notary = Notary(board, folder, limits, clock, self._metrics)
        self._rounds: dict[str, _Round] = {}
        self._left: set[str] = set()
        self._stumbled: dict[str, str] = {}
        self._trouble = NO_ANSWER
        self._reachable: bool | None = None

    def reasons(self) -> list[str]:
        """Why it cannot work now, in words; empty when it can. For /readyz, from any thread."""
        if not self._reachable:
            return [self._trouble]
        return [self._peers.waiting] if self._peers.waiting else []

    def run(self, stop: threading.Event) -> None:
        """Poll until ``stop`` is set: every 0.1 s while something happens, up to 0.5 s when idle.

        :raises TrusteeError: the ledger or the folder cannot be written, or the ledger is older
            than what was signed; nothing is signed then.
        """
        pause = FASTEST_SECONDS
        while not stop.is_set():
            try:
                busy = self.poll(stop)
                self._note_reachable(None)
                self._metrics.polls.labels(outcome="done").inc()
            except UnreachableError as error:
                busy = False
                self._note_reachable(error)
                self._metrics.polls.labels(outcome="unreachable").inc()
            pause = FASTEST_SECONDS if busy else min(pause * SLOWING, SLOWEST_SECONDS)
            stop.wait(pause)

    def poll(self, stop: threading.Event | None = None) -> bool:
        """Look at every round once; True if anything was done or is being waited for.

        :raises UnreachableError: the coordinator does not answer.
        """
        busy = self._peers.poll()
        self._notary.tell_refusals()
        found = self._board.rounds()
        self._forget_unlisted({listed.round_id for listed in found})
        for listed in found:
            if stop is not None and stop.is_set():
                break
            if listed.round_id in self._left:
                continue
            try:
                busy = self._serve(listed) or busy
                self._stumbled.pop(listed.round_id, None)
            except StumbledError as error:
                self._note_stumbled(listed.round_id, str(error))
            except (ProtocolError, RefusedError) as error:
                self._refuse(listed.round_id, error)
        self._metrics.serving(len(self._rounds), self._ledger.count)
        return busy

    def _serve(self, listed: Listed) -> bool:
        served = self._rounds.get(listed.round_id)
        if listed.state == CANCELLED or (served is None and listed.state in FINAL):
            self._leave(listed.round_id)
            return False
        if served is None:
            served = self._enter(listed.round_id)
        if served is None:
            return False
        if served.duties is None:
            signing, proposed = served.accepted.signing, listed.state == PROPOSED
            seen = self._notary.approved(served.terms, signing, proposed)
            if seen is None:
                return False
            holder = self._holder(served.accepted)
            served.duties = Duties(served.terms, holder, self._ledger, seen)
        if listed.state == PROPOSED or listed.state in COLLECTING:
            # The state is a hint: a coordinator that lies about it only delays its own round.
            return False
        busy = self._work(listed, served.accepted.me.index, served.duties)
        if listed.state in FINAL and not busy:
            LOG.info("round %s: done", listed.round_id)
            self._metrics.rounds_done.inc()
            self._leave(listed.round_id)
        return busy or bool(served.duties.wants)

    def _enter(self, round_id: str) -> _Round | None:
        """Check a round's terms.

        None while the ledger of its ceremony is not confirmed, and for a round that was left.
        """
        description = self._board.describe(round_id)
        accepted = self._accepted.get(description.ceremony)
        if accepted is None:
            raise KeyRefused("the round uses another ceremony than those this trustee accepted")
        if not self._peers.confirmed(accepted.ceremony.key_id):
            return None
        terms = read_own_terms(round_id, description, accepted.ceremony, self._coordinator)
        if self._notary.refused(terms.plan.hash):
            LOG.info("round %s: was left before", round_id)
            self._leave(round_id)
            return None
        served = self._rounds[round_id] = _Round(terms, accepted)
        # From here on a refusal can say which plan it is about.
        self._holder(accepted)
        check_limits(terms, self._limits)
        LOG.info("round %s: terms checked, cohort %s", round_id, terms.plan.cohort)
        return served

    def _holder(self, accepted: Accepted) -> Holder:
        if accepted.holder is None:
            raise KeyRefused("this trustee has destroyed or lost its share of the round's key")
        return accepted.holder

    def _work(self, listed: Listed, index: int, duties: Duties) -> bool:
        """Read on and do what is due; True if there was anything."""
        round_id = listed.round_id
        busy = self._read(round_id, duties, listed.entries)
        opened = True
        while opened:
            # An opened phase asks for the next step at once, not at the next poll.
            for action in duties.step():
                self._carry_out(round_id, index, duties, action)
                busy = True
            waiting = duties.wants
            for phase in waiting:
                duties.receive(phase, self._board.sealed(round_id, index, phase))
            opened = duties.wants != waiting
        return busy

    def _read(self, round_id: str, duties: Duties, entries: int) -> bool:
        before = duties.next_index
        if entries > before:
            for entry in self._board.read(round_id, before):
                duties.read(entry)
        return duties.next_index > before

    def _carry_out(self, round_id: str, index: int, duties: Duties, action: Action) -> None:
        try:
            if isinstance(action, Post):
                self._board.post(round_id, action.statement)
                self._metrics.posted.labels(kind=action.kind).inc()
                LOG.info("round %s: posted %s", round_id, action.kind)
            else:
                self._board.send_sealed(
                    round_id, action.phase, index, action.recipient, action.envelope
                )
        except RefusedError as error:
            # Often the round has moved on without this trustee; if not, others see it stall.
            LOG.warning("round %s: %s", round_id, error)
        duties.done(action)

    def _refuse(self, round_id: str, error: ProtocolError | RefusedError) -> None:
        """Leave a round for a reason; the coordinator's own refusals it knows already."""
        LOG.error("round %s: left: %s: %s", round_id, type(error).__name__, error)
        served = self._rounds.get(round_id)
        if served is not None and isinstance(error, ProtocolError):
            self._notary.refuse(served.terms, served.accepted.signing, error)
        self._leave(round_id)

    def _leave(self, round_id: str) -> None:
        self._left.add(round_id)
        self._rounds.pop(round_id, None)
        self._stumbled.pop(round_id, None)

    def _forget_unlisted(self, listed: set[str]) -> None:
        """Keep the memory of rounds to those that the coordinator still lists.

        One that was left and is listed again is left again, for what is kept on the disk.
        """
        self._left &= listed
        self._stumbled = {name: why for name, why in self._stumbled.items() if name in listed}

    def _note_stumbled(self, round_id: str, reason: str) -> None:
        if self._stumbled.get(round_id) != reason:
            LOG.warning("round %s: %s; the trustee goes on trying", round_id, reason)
            self._stumbled[round_id] = reason

    def _note_reachable(self, error: UnreachableError | None) -> None:
        if error is not None and self._reachable is not False:
            LOG.warning("%s", error)
        if error is None and self._reachable is False:
            LOG.info("the coordinator answers again")
        self._reachable = error is None
        # A coordinator that answers and lets nobody in is another trouble than none at all.
        self._trouble = str(error) if isinstance(error, StumbledError) else NO_ANSWER
