"""Chooses whom to kill and when: at random moments, right after a start, two at once, when busy."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from tests.crash.supervisor import ROLES, Supervisor

WEIGHTS = (3, 3, 2, 2)
"""How often coordinator, a trustee, a gateway and a private side are chosen."""

TWO_AT_ONCE = 0.15
AGAIN_WHILE_STARTING = 0.2
WHEN_BUSY = 0.35
TICK_SECONDS = 0.02


class Killer(threading.Thread):
    """Kills until it has killed ``kills`` processes or :meth:`end` is called.

    :param pause: seconds between two attacks, on average.
    """

    def __init__(self, supervisor: Supervisor, chance: random.Random, kills: int, pause: float):
        super().__init__(name="killer", daemon=True)
        self.manner: Counter[str] = Counter()
        self._supervisor = supervisor
        self._chance = chance
        self._kills = kills
        self._pause = pause
        self._planned: list[tuple[float, str, str]] = []
        self._quiet_until = 0.0
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._failure: Exception | None = None

    def check(self) -> None:
        """Raise what ended the thread before its time, if anything did."""
        if self._failure is not None:
            raise self._failure

    @property
    def done(self) -> bool:
        """Whether all kills were made."""
        return sum(self._supervisor.kills.values()) >= self._kills

    def end(self) -> None:
        """Kill nobody any more."""
        self._ends.set()
        self.join()

    def busy(self, role: str) -> None:
        """Something that matters happens now at ``role``: sometimes a reason to kill it."""
        now = time.monotonic()
        with self._lock:
            if now >= self._quiet_until and self._chance.random() < WHEN_BUSY:
                self._planned.append((now + self._chance.uniform(0.0, 0.25), role, "when busy"))
                self._quiet_until = now + 2 * self._pause

    def run(self) -> None:
        """Keep the processes going and kill them."""
        try:
            self._run()
        except Exception as error:  # it has to be seen by who waits for the kills
            self._failure = error

    def _run(self) -> None:
        following = time.monotonic() + self._chance.uniform(0, 2 * self._pause)
        while not self._ends.wait(TICK_SECONDS):
            self._supervisor.tick()
            now = time.monotonic()
            if self.done:
                continue
            if now >= following:
                following = now + self._chance.uniform(0.1, 2 * self._pause)
                self._attack("at random", self._chance.choices(ROLES, WEIGHTS)[0])
                if self._chance.random() < TWO_AT_ONCE and not self.done:
                    self._attack("with another", self._chance.choices(ROLES, WEIGHTS)[0])
            for _, whom, manner in self._due(now):
                if not self.done:
                    self._attack(manner, whom)

    def _due(self, now: float) -> list[tuple[float, str, str]]:
        with self._lock:
            due = [item for item in self._planned if item[0] <= now]
            self._planned = [item for item in self._planned if item[0] > now]
            return due

    def _attack(self, manner: str, whom: str) -> None:
        """Kill one process. :param whom: a role, or a process's name."""
        names = self._supervisor.running(whom) if whom in ROLES else [whom]
        if not names:
            return
        name, pause = self._chance.choice(names), self._restart_pause()
        if not self._supervisor.kill(name, pause):
            return
        self.manner[manner] += 1
        if self._chance.random() < AGAIN_WHILE_STARTING:
            moment = time.monotonic() + pause + self._chance.uniform(0.02, 3.0)
            with self._lock:
                self._planned.append((moment, name, "while starting"))

    def _restart_pause(self) -> float:
        kind = self._chance.random()
        if kind < 0.4:
            return 0.0
        return self._chance.uniform(0, 1.5) if kind < 0.9 else self._chance.uniform(3, 6)
