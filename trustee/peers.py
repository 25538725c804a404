"""Carries the questions and answers about ledgers between trustees (:mod:`trustee.startup`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from trustee.ceremonies import Accepted
from trustee.errors import RefusedError, StumbledError
from trustee.ledger import Ledger
from trustee.startup import LedgerCheck

LOG = logging.getLogger("cefed.trustee")

ANSWER_SECONDS = 1.0
"""How often a trustee whose own ledger is confirmed looks for questions of others."""


class Relay(Protocol):
    """What is needed of a board here."""

    def post_peer(self, statement: bytes) -> None:
        """Pass a question or answer to the other trustees."""

    def peers(self, key_id: bytes) -> list[bytes]:
        """What a ceremony's trustees asked and answered."""


class Peers:
    """The ledger checks of all ceremonies of a trustee.

    :param clock: seconds from any beginning; a parameter for tests.
    """

    def __init__(
        self,
        relay: Relay,
        accepted: Sequence[Accepted],
        ledger: Ledger,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._checks = {
            a.ceremony.key_id: LedgerCheck(a.ceremony, a.me, a.signing, ledger) for a in accepted
        }
        self._looked: dict[bytes, float] = {}
        self._told: dict[bytes, str] = {}
        self._asking: set[bytes] = set()
        self.waiting = ""
        """Whom it waits for, in words; empty once every ceremony that has rounds is confirmed."""

    def confirmed(self, key_id: bytes) -> bool:
        """Whether rounds of this ceremony may be served."""
        return self._checks[key_id].passed

    def poll(self) -> bool:
        """Ask and answer; True if anything was said.

        :raises UnreachableError: the coordinator does not answer.
        :raises LedgerError: the ledger is older than what this trustee signed.
        """
        said = False
        for key_id, check in self._checks.items():
            now = self._clock()
            if check.passed and now - self._looked.get(key_id, -ANSWER_SECONDS) < ANSWER_SECONDS:
                continue
            self._looked[key_id] = now
            try:
                said = self._talk(key_id, check) or said
                reason = _waits(check.waiting_for)
                level = logging.INFO
            except RefusedError as error:
                # Most often: no round uses this key yet, or not any more.
                reason, level = str(error), logging.INFO
            except StumbledError as error:
                reason, level = str(error), logging.WARNING
            self._tell(key_id, reason, level)
        names = {name for key in self._asking for name in self._checks[key].waiting_for}
        self.waiting = _waits(sorted(names))
        return said

    def _talk(self, key_id: bytes, check: LedgerCheck) -> bool:
        before = check.passed
        posts = check.read(self._relay.peers(key_id))
        self._asking.add(key_id)
        if check.passed and not before:
            LOG.info("key %s: the ledger is confirmed", key_id.hex()[:16])
        refused: RefusedError | None = None
        for statement in posts:
            try:
                self._relay.post_peer(statement)
            except RefusedError as error:
                # Its question may have been replaced meanwhile; the others wait for theirs.
                refused = error
        if refused is not None:
            raise refused
        return bool(posts) or check.passed != before

    def _tell(self, key_id: bytes, reason: str, level: int) -> None:
        if reason and self._told.get(key_id) != reason:
            LOG.log(level, "key %s: %s", key_id.hex()[:16], reason)
        self._told[key_id] = reason


def _waits(names: Sequence[str]) -> str:
    return f"waits for others to confirm its ledger: {', '.join(names)}" if names else ""
