"""The conductor of a totals round: asks the members stage by stage and writes the release.

It is :class:`~protocols.federated.totals.gathering.Gathering` with a clock, a transport and a
journal. The transport carries one step to each of some members and brings back the answers that
came in time; simulations bring a local one, :mod:`coordinator.flower` one over a Flower grid. The
conductor decides nothing about the protocol and holds no secret of a member. SPEC.md section 11.3.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from coordinator.totals_journal import Answered, Event, Journal, WentOn
from protocols.errors import ProtocolError
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.stages import Stage
from protocols.files import replace_file
from protocols.hashing import domain_hash

LOG = logging.getLogger("cefed.coordinator")

Carry = Callable[[Mapping[int, bytes], float], Mapping[int, bytes]]
"""One round of visits: brings steps to members, by their places on the roster, and answers back.

The number is how many seconds the visits may take at most. Who did not answer is not in what comes
back, and is visited again; who answered nonsense is.
"""

Say = Callable[[str], None]

OVER = frozenset({Stage.DONE, Stage.ABANDONED})
JOURNAL, RELEASE, REPORT = "journal.bin", "release.bin", "report.json"
REPORT_SCHEMA = "cefed.totals-report/1"
MOST_REFUSED = 1000
"""Refused answers that the report keeps; whoever sends more of them says nothing new."""

MOST_NAMED = 5


@dataclass(frozen=True)
class Patience:
    """How long members are waited for.

    A stage ends when everybody answered; after ``grace_seconds``, when the share ``enough`` of
    those asked did; and in any case after ``stage_seconds``. Until then those who owe an answer are
    visited again, ``pause_seconds`` apart. Who missed a stage is out of the round, so all this is a
    matter of completeness and never one of safety. ``visits``: how often somebody is visited in a
    stage at most, 0 for any number: where nobody comes back, waiting helps nobody.
    """

    stage_seconds: float = 3600.0
    grace_seconds: float = 600.0
    enough: Fraction = Fraction(4, 5)
    pause_seconds: float = 1.0
    visits: int = 0


@dataclass
class Account:
    """What a conducted round came to.

    ``silent``: by stage, the pseudonyms of members that were asked in it and did not answer, or
    not with what holds. ``reason``: why nothing was published; empty if something was. ``seconds``
    and ``carried`` are of this process alone: a resumed round began before.
    """

    release: bytes | None = None
    reason: str = ""
    silent: dict[str, list[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    exchanges: int = 0

    def document(self) -> dict[str, Any]:
        """``report.json``: for the operator; pseudonyms and stages, no figure of anybody."""
        return {
            "schema": REPORT_SCHEMA,
            "published": self.release is not None,
            "reason": self.reason or None,
            "silent": self.silent,
            "refused": self.refused,
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "exchanges": self.exchanges,
        }


class Conductor:
    """Runs one totals round to its end. Killed at any point, another one goes on where it was.

    :param gathering: the round, nothing received yet.
    :param folder: the round's own, made if it is missing: journal, then release and report.
    :param binding: 32 bytes that fix plan and roster (:func:`binding_of`).
    :param pseudonym: of the member at a place.
    :param quorum: how many signatures the list of survivors needs.
    :raises StoreError: the folder holds another round, or a damaged journal.
    """

    def __init__(
        self,
        gathering: Gathering,
        folder: Path,
        binding: bytes,
        carry: Carry,
        *,
        pseudonym: Callable[[int], str],
        quorum: int = 0,
        patience: Patience | None = None,
        say: Say = LOG.info,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gathering = gathering
        self._folder = folder
        self._carry = carry
        self._pseudonym = pseudonym
        self._quorum = quorum
        self._patience = patience or Patience()
        self._say = say
        self._clock = clock
        self._wait = wait
        self._account = Account()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._journal = Journal(folder / JOURNAL, binding)
        self._replay(self._journal.open())

    def run(self) -> Account:
        """Conduct what is left of the round, and write what came of it.

        :raises StoreError: the journal or a file cannot be written; run it again.
        """
        try:
            while self._gathering.stage not in OVER:
                self._stage()
            return self._finish()
        finally:
            self._journal.close()

    def _replay(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Answered):
                self._gathering.receive(event.place, event.answer)
            else:
                self._go_on()
        if events:
            self._say(f"resumed: {len(events)} events of the journal, {self._gathering.stage}")

    def _stage(self) -> None:
        stage, started = self._gathering.stage, self._clock()
        asked = len(self._gathering.steps())
        self._say(f"{stage}: {asked} members are asked")
        visits = 0
        while owed := self._gathering.steps():
            left = self._patience.stage_seconds - (self._clock() - started)
            if left <= 0:
                break
            self._take(self._carry(owed, left))
            self._account.exchanges += 1
            visits += 1
            missing, spent = len(self._gathering.steps()), self._clock() - started
            enough = asked - missing >= self._needed(stage, asked)
            if not missing or (enough and spent >= self._patience.grace_seconds):
                break
            if visits == self._patience.visits:
                break
            rest = self._patience.stage_seconds - spent
            self._wait(max(0.0, min(self._patience.pause_seconds, rest)))
        self._journal.append([WentOn()])
        self._go_on()
        self._account.seconds[str(stage)] = self._clock() - started

    def _needed(self, stage: Stage, asked: int) -> Fraction:
        """How many answers end a stage, once its grace is over."""
        share = self._patience.enough * asked
        return max(share, Fraction(min(self._quorum, asked))) if stage is Stage.AGREEMENT else share

    def _take(self, came: Mapping[int, bytes]) -> None:
        """Have the answers checked, and journal those that hold."""
        held: list[Event] = []
        for place, answer in sorted(came.items()):
            try:
                self._gathering.receive(place, answer)
            except ProtocolError as error:
                self._refuse(place, error)
            else:
                held.append(Answered(place, answer))
        self._journal.append(held)

    def _go_on(self) -> None:
        """End the stage, noting who owed an answer in it."""
        silent = [self._pseudonym(place) for place in self._gathering.steps()]
        stage = self._gathering.stage
        if silent:
            self._account.silent[str(stage)] = silent
            more = f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else ""
            self._say(f"{stage}: no answer by {', '.join(silent[:MOST_NAMED])}{more}")
        self._gathering.go_on()

    def _refuse(self, place: int, error: ProtocolError) -> None:
        text = f"{self._gathering.stage}: {self._pseudonym(place)}: {error}"
        if len(self._account.refused) < MOST_REFUSED:
            self._account.refused.append(text)
        self._say(text)

    def _finish(self) -> Account:
        account = self._account
        account.release = self._gathering.release
        account.reason = "" if account.release is not None else self._gathering.reason
        if account.release is not None:
            replace_file(self._folder / RELEASE, account.release)
        text = json.dumps(account.document(), ensure_ascii=False, indent=1) + "\n"
        replace_file(self._folder / REPORT, text.encode("utf-8"))
        # What is left of members' secrets, and of use to nobody who means well.
        self._journal.remove()
        return account


def binding_of(plan_signed: bytes, roster_hash: bytes) -> bytes:
    """What a round's journal is bound to: the signed plan and the roster."""
    return domain_hash("cefed/totals-round/v1", plan_signed, roster_hash)
