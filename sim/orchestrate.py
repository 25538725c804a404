"""The rounds of a simulation: one for each cohort, the next encrypting while the last one closes.

Cohorts go from the largest to the smallest, so that at the end only small ones are left to close.
The coordinator closes a round by itself when every member has contributed; where a node refused or
failed, the operator asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from protocols.plan import Plan
from protocols.roster import Roster
from sim.board import Operator
from sim.ceremony import CeremonyRecord
from sim.errors import ProcessFailed
from sim.nodes import Answer, NodePool
from sim.people import Person
from sim.processes import Processes
from sim.progress import Reporter

POLL_SECONDS = 0.25
STALL_SECONDS = 900.0
FINAL = frozenset({"released", "withheld", "cancelled"})
STATES = {
    "open": "open: enough trustees saw a certificate of every member and countersigned the roster",
    "closing": "collection has ended; the coordinator checks the remaining proofs",
    "closed": "closed; every trustee now checks every contribution and multiplies them itself",
    "certified": "bands certified by the trustees; the sums are being opened",
    "pending": "release posted; the trustees check it before they endorse it",
    "released": "released",
    "withheld": "withheld",
    "cancelled": "cancelled",
}
"""What the states of a round mean to somebody who watches."""


@dataclass
class CohortRound:
    """One cohort's round as it goes. Times are seconds of a monotonic clock."""

    cohort: str
    people: list[Person]
    plan: Plan
    roster: Roster
    folders: list[Path]
    opened: float = 0.0
    contributed: float | None = None
    finished: float | None = None
    state: str = "proposed"
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def errors(self) -> list[Answer]:
        """Answers of nodes that did not take part."""
        return [answer for answer in self.answers.values() if answer.error is not None]


class Orchestra:
    """Runs rounds to their end over a pool of node processes.

    :param processes: coordinator and trustees, checked for life while waiting.
    """

    def __init__(
        self,
        operator: Operator,
        processes: Processes,
        reporter: Reporter,
        record: CeremonyRecord,
        members: int,
    ) -> None:
        self._operator = operator
        self._processes = processes
        self._reporter = reporter
        self._record = record
        self._members = members
        self._lock = threading.Lock()
        self.rounds: dict[str, CohortRound] = {}
        self.peak_node_rss = 0
        self.bytes_sent = 0
        self.node_cpu_seconds = 0.0

    def hear(self, answer: Answer) -> None:
        """A node's part is done; called from the pool's threads."""
        with self._lock:
            round_ = self.rounds[answer.round_id]
            round_.answers[answer.folder.name] = answer
            if len(round_.answers) == len(round_.folders):
                round_.contributed = time.monotonic()
            self.peak_node_rss = max(self.peak_node_rss, answer.peak_rss)
            self.bytes_sent += answer.bytes
            self.node_cpu_seconds += answer.cpu_seconds

    def run(self, rounds: Iterator[CohortRound], pool: NodePool, count: int) -> None:
        """Open every round as it is made, and wait until all are released or withheld."""
        for round_ in rounds:
            self._open(round_, pool)
            self._look(pool, count)
        pool.finish()
        last_change = time.monotonic()
        seen: object = None
        while not self._look(pool, count):
            now = [(r.state, len(r.answers)) for r in self.rounds.values()]
            if now != seen:
                seen, last_change = now, time.monotonic()
            if time.monotonic() - last_change > STALL_SECONDS:
                raise ProcessFailed(self._stalled())
            time.sleep(POLL_SECONDS)
        pool.join()

    def _open(self, round_: CohortRound, pool: NodePool) -> None:
        self._operator.create_round(
            round_.plan,
            round_.roster.to_bytes(),
            self._record.ceremony.received,
            self._record.countersignatures,
        )
        round_.opened = time.monotonic()
        with self._lock:
            self.rounds[round_.plan.round_id] = round_
        pool.put(round_.plan.round_id, round_.folders)

    def _look(self, pool: NodePool, count: int) -> bool:
        """See how far everything is; True when every round is final."""
        self._processes.check()
        pool.check()
        standings = self._operator.rounds()
        with self._lock:
            rounds = list(self.rounds.values())
        for round_ in rounds:
            standing = standings[round_.plan.round_id]
            if standing.state != round_.state:
                round_.state = standing.state
                self._reporter.say(f"cohort {round_.cohort}: {STATES.get(round_.state, '')}")
            if round_.state in FINAL and round_.finished is None:
                round_.finished = time.monotonic()
            complete = len(round_.answers) == len(round_.folders)
            if complete and round_.errors and round_.state == "open":
                reason = f"{len(round_.errors)} nodes do not take part"
                self._operator.close_round(round_.plan, reason)
        done = sum(1 for r in rounds if r.state in FINAL)
        answered = sum(len(r.answers) for r in rounds)
        self._reporter.step("nodes that have contributed", answered, self._members)
        self._reporter.step("rounds released or withheld", done, count)
        return done == count

    def _stalled(self) -> str:
        waiting = [f"{r.cohort} ({r.state})" for r in self.rounds.values() if r.state not in FINAL]
        logs = sorted({str(child.log.parent) for child in self._processes.children})
        return (
            f"nothing moved for {STALL_SECONDS:.0f} s; waiting for {', '.join(waiting)}; look into "
            f"the logs in {', '.join(logs)}"
        )
