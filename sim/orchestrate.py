"""The rounds of a simulation: one for each cohort, the next encrypting while the last one closes.

Cohorts go from the largest to the smallest, so that at the end only small ones are left to close.
The coordinator closes a round by itself when every member has contributed; where a node refused or
failed, the operator asks for it. In certified rounds the members are visited again once the bands
are certified, to mask their figures; if one of them is gone for good, the operator cancels the
round instead of waiting for its deadline.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from protocols import notices
from protocols.federated.terms import Mode
from protocols.plan import Plan
from protocols.roster import Roster
from sim.board import Operator
from sim.ceremony import CeremonyRecord
from sim.costs import NodeCosts
from sim.errors import ProcessFailed
from sim.faults import CONTRIBUTION, Operation
from sim.nodes import Answer, Task
from sim.people import Person
from sim.processes import Processes
from sim.progress import Reporter

POLL_SECONDS = 0.25
STALL_SECONDS = 900.0
STALL_SECONDS_A_MEMBER = 0.5
"""So long nothing may move: while trustees check every contribution, nothing shows of it here."""

FINAL = frozenset({"released", "withheld", "cancelled"})
PUBLISHED = frozenset({"released", "withheld"})
COLLECTING = frozenset({"proposed", "open"})
CONTRIBUTE_LATE = "contribute late"
STATES = {
    "open": "open: enough trustees saw a certificate of every member and countersigned the roster",
    "closing": "collection has ended; the coordinator checks the remaining proofs",
    "closed": "closed; every trustee now checks every contribution and multiplies them itself",
    "certified": "bands certified by the trustees; the sums are being opened",
    "masking": "bands certified by the trustees; every member now masks its figures for them",
    "pending": "release posted; the trustees check it before they endorse it",
    "released": "released",
    "withheld": "withheld",
    "cancelled": "cancelled",
}
"""What the states of a round mean to somebody who watches."""


class Pool(Protocol):
    """Whatever runs the nodes: visits are queued, and heard of when they are done."""

    def put(self, round_id: str, folders: Sequence[Path], task: Task = Task.CONTRIBUTE) -> None:
        """Queue a visit to nodes of a round."""

    def strike(self, struck: Mapping[str, Operation]) -> None:
        """Say which nodes do what wrong."""

    def begin(self, everybody: Sequence[Path]) -> None:
        """Say that every round is open, and which nodes there are."""

    def check(self) -> None:
        """Raise what stopped it, if anything did."""

    def finish(self) -> None:
        """Say that nothing comes after what is queued."""

    def join(self) -> None:
        """Wait until everything is done."""

    def stop(self) -> None:
        """End what still goes on, whatever is left to do."""


@dataclass
class CohortRound:
    """One cohort's round as it goes. Times are seconds of a monotonic clock.

    ``struck``: what goes wrong at which node, by folder name. ``abandoned``: why it was cancelled.
    """

    cohort: str
    people: list[Person]
    plan: Plan
    roster: Roster
    folders: list[Path]
    struck: Mapping[str, Operation] = field(default_factory=dict)
    opened: float = 0.0
    contributed: float | None = None
    finished: float | None = None
    state: str = "proposed"
    abandoned: str = ""
    asked: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)
    masked: dict[str, Answer] = field(default_factory=dict)

    @property
    def errors(self) -> list[Answer]:
        """Answers of nodes that did not take part."""
        return [answer for answer in self.answers.values() if answer.error is not None]

    @cached_property
    def late(self) -> list[Path]:
        """Nodes that come when the collection has ended."""
        late = Operation(CONTRIBUTION, "late")
        return [folder for folder in self.folders if self.struck.get(folder.name) == late]

    @cached_property
    def punctual(self) -> list[Path]:
        """The others."""
        late = set(self.late)
        return [folder for folder in self.folders if folder not in late]

    @property
    def counted(self) -> list[Path]:
        """Nodes whose contribution has its receipt."""
        return [
            folder
            for folder in self.folders
            if (answer := self.answers.get(folder.name)) is not None and answer.error is None
        ]


class Orchestra:
    """Runs rounds to their end over a pool of node processes.

    :param processes: coordinator and trustees, checked for life while waiting.
    :param follow: have every node fetch and check what was published, too.
    """

    def __init__(
        self,
        operator: Operator,
        processes: Processes,
        reporter: Reporter,
        record: CeremonyRecord,
        members: int,
        *,
        follow: bool = False,
    ) -> None:
        self._operator = operator
        self._processes = processes
        self._reporter = reporter
        self._record = record
        self._members = members
        self._patience = STALL_SECONDS + STALL_SECONDS_A_MEMBER * members
        self._follow = follow
        self._lock = threading.Lock()
        self._pending: Counter[str] = Counter()
        self.rounds: dict[str, CohortRound] = {}
        self.costs = NodeCosts()
        self.peak_node_rss = 0
        self.bytes_sent = 0
        self.node_cpu_seconds = 0.0

    def hear(self, answer: Answer) -> None:
        """A node's visit is done; called from the pool's threads."""
        with self._lock:
            round_ = self.rounds[answer.round_id]
            self._pending[answer.round_id] -= 1
            if answer.task is Task.CONTRIBUTE:
                round_.answers[answer.folder.name] = answer
                if round_.contributed is None and len(round_.answers) == len(round_.punctual):
                    round_.contributed = time.monotonic()
            elif answer.task is Task.MASK:
                round_.masked[answer.folder.name] = answer
            elif answer.error is not None:
                self._reporter.say(f"{answer.folder.name} has no release: {answer.error}")
            self.peak_node_rss = max(self.peak_node_rss, answer.peak_rss)
            self.bytes_sent += answer.sent
            self.node_cpu_seconds += answer.cpu_seconds
            self.costs.add(answer)

    def run(self, rounds: Iterator[CohortRound], pool: Pool, count: int) -> None:
        """Open every round as it is made, and wait until all are released or withheld."""
        for round_ in rounds:
            self._open(round_, pool)
            self._look(pool, count)
        pool.begin([folder for r in self.rounds.values() for folder in r.folders])
        last_change = time.monotonic()
        seen: object = None
        while not self._look(pool, count):
            with self._lock:
                now = [
                    (r.state, len(r.answers), len(r.masked), self._pending[r.plan.round_id])
                    for r in self.rounds.values()
                ]
            if now != seen:
                seen, last_change = now, time.monotonic()
            if time.monotonic() - last_change > self._patience:
                raise ProcessFailed(self._stalled())
            time.sleep(POLL_SECONDS)
        pool.finish()
        pool.join()

    def _open(self, round_: CohortRound, pool: Pool) -> None:
        self._operator.create_round(
            round_.plan,
            round_.roster.to_bytes(),
            self._record.ceremony.received,
            self._record.countersignatures,
        )
        round_.opened = time.monotonic()
        with self._lock:
            self.rounds[round_.plan.round_id] = round_
        pool.strike(round_.struck)
        self._visit(round_, pool, round_.punctual, Task.CONTRIBUTE)

    def _visit(self, round_: CohortRound, pool: Pool, folders: Sequence[Path], task: Task) -> None:
        with self._lock:
            self._pending[round_.plan.round_id] += len(folders)
        pool.put(round_.plan.round_id, folders, task)

    def _look(self, pool: Pool, count: int) -> bool:
        """See how far everything is; True when every round is final and nobody is on a visit."""
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
            self._act(round_, pool)
        done = sum(1 for r in rounds if r.state in FINAL)
        answered = sum(len(r.answers) for r in rounds)
        self._reporter.step("nodes that have contributed", answered, self._members)
        if any(r.plan.mode is Mode.CERTIFIED for r in rounds):
            masked = sum(len(r.masked) for r in rounds)
            self._reporter.step("nodes that have masked their figures", masked, self._members)
        self._reporter.step("rounds released or withheld", done, count)
        with self._lock:
            return done == count and not +self._pending

    def _act(self, round_: CohortRound, pool: Pool) -> None:
        """Do what the round's state asks for, each thing once."""
        if round_.state in FINAL and round_.finished is None:
            round_.finished = time.monotonic()
        with self._lock:
            absent = len(round_.errors) + len(round_.late)
            complete = len(round_.answers) >= len(round_.punctual)
            masked = list(round_.masked.values())
        if complete and absent and round_.state == "open":
            self._operator.close_round(round_.plan, f"{absent} nodes do not take part")
        if round_.late and round_.state not in COLLECTING and CONTRIBUTE_LATE not in round_.asked:
            round_.asked.add(CONTRIBUTE_LATE)
            self._visit(round_, pool, round_.late, Task.CONTRIBUTE)
        if round_.state == "masking" and Task.MASK not in round_.asked:
            round_.asked.add(Task.MASK)
            self._visit(round_, pool, round_.counted, Task.MASK)
        if round_.state == "masking" and len(masked) == len(round_.counted):
            self._give_up(round_, masked)
        if self._follow and round_.state in PUBLISHED and Task.FETCH not in round_.asked:
            round_.asked.add(Task.FETCH)
            self._visit(round_, pool, round_.counted, Task.FETCH)

    def _give_up(self, round_: CohortRound, masked: Sequence[Answer]) -> None:
        """Cancel a round that can no longer be opened: some who are counted sent no vector."""
        missing = [answer for answer in masked if answer.gone or answer.error is not None]
        if not missing or round_.abandoned:
            return
        said = [answer.error for answer in missing if answer.error is not None][:1]
        round_.abandoned = (
            f"{len(missing)} of {len(masked)} members sent no masked vector, without which the "
            f"others' open nothing{f' ({said[0]})' if said else ''}"
        )
        self._reporter.say(f"cohort {round_.cohort}: abandoned: {round_.abandoned}")
        self._operator.cancel_round(round_.plan, notices.fit_reason(round_.abandoned))

    def _stalled(self) -> str:
        waiting = [f"{r.cohort} ({r.state})" for r in self.rounds.values() if r.state not in FINAL]
        logs = sorted({str(child.log.parent) for child in self._processes.children})
        return (
            f"nothing moved for {self._patience:.0f} s; waiting for {', '.join(waiting)}; "
            f"look into the logs in {', '.join(logs)}"
        )
