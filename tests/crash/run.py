"""Kill the processes of a deployment at random over many rounds, and look whether anything is lost.

    python -m tests.crash.run --kills 200 --database sqlite
    python -m tests.crash.run --kills 200 --database postgres    # server: CEFED_TEST_POSTGRES_URL

One coordinator, four trustees, and for each member a private side and a gateway run by their own
commands over TLS. Exit code 1 if anything acknowledged was lost or counted twice, if a round did
not end, or if a process ended by itself; the folders are kept then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coordinator.store import Store
from protocols import bundle
from protocols.service import tls13 as tls13  # before grpc is imported
from tests.crash import checks
from tests.crash.killer import Killer
from tests.crash.rounds import Kind, Trial
from tests.crash.supervisor import ROLES, Supervisor
from tests.crash.world import Period, World, scratch_database

VARIABLE = "CEFED_TEST_POSTGRES_URL"
SQLITE, POSTGRES = "sqlite", "postgres"
MEMBERS = 6
PAUSE_SECONDS = 4.0
STALL_SECONDS = 240.0
EXIT_INTERRUPTED = 130
LOOK_SECONDS = 0.2
MOST_VIOLATIONS = 5
"""A run breaks off after so many processes have ended by themselves."""

PERIODS_AT_ONCE = 3
"""Trustees are started again for new keys, so several are dealt at a time."""

KINDS, WEIGHTS = list(Kind), (3, 3, 3, 2, 1)


@dataclass
class Report:
    """What happened. ``outcomes`` counts rounds by how they ended, with the reason."""

    database: str
    seed: int
    kills: dict[str, int] = field(default_factory=dict)
    manner: dict[str, int] = field(default_factory=dict)
    starts: int = 0
    rounds: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    corrections: Counter[str] = field(default_factory=Counter)
    receipts: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    kept: str = ""

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{sum(self.kills.values())} kills on {self.database} in {self.seconds:.0f} s, "
            f"seed {self.seed}, {self.starts} starts",
            *(f"  {name}: {number}" for name, number in {**self.kills, **self.manner}.items()),
            f"{self.rounds} rounds: {_counts(self.kinds)}",
            *(f"  {how}: {number}" for how, number in self.outcomes.items()),
            f"{self.receipts} receipts held by members; corrections: {_counts(self.corrections)}",
            *(f"VIOLATION: {text}" for text in self.violations),
            *([f"folders and logs: {self.kept}"] if self.kept else []),
            "nothing acknowledged was lost or counted twice" if not self.violations else "FAILED",
        ]


class Run:
    """One crash run in a folder of its own.

    :param url: of an empty PostgreSQL database; empty for SQLite.
    :param say: told how it goes, a line at a time.
    """

    def __init__(
        self,
        base: Path,
        url: str,
        report: Report,
        *,
        kills: int,
        members: int = MEMBERS,
        pause: float = PAUSE_SECONDS,
        kinds: list[Kind] | None = None,
        stall: float = STALL_SECONDS,
        say: Callable[[str], object] = print,
    ) -> None:
        self._report = report
        self._chance = random.Random(report.seed)
        self._kinds = kinds or KINDS
        self._weights = WEIGHTS if kinds is None else (1,) * len(kinds)
        self._stall = stall
        self._say = say
        self._world = World(base, url, members)
        self._supervisor = Supervisor(base / "logs", {"CEFED_ETC": str(self._world.etc)})
        self._killer = Killer(
            self._supervisor, random.Random(report.seed + 1), kills, max(0.1, pause)
        )
        self._periods: list[Period] = []
        self._past: list[Period] = []
        self._name_processes()

    def run(self, rounds: int = 0) -> None:
        """Hold rounds until all kills were made and at least ``rounds`` have ended."""
        exports: list[Future[str | None]] = []
        with ExitStack() as stack:
            store = stack.enter_context(self._world.office.store())
            pool = stack.enter_context(ThreadPoolExecutor(1))
            stack.callback(self._supervisor.stop)
            stack.callback(self._killer.end)
            self._deal()
            self._killer.start()
            while not self._killer.done or self._report.rounds < rounds:
                trial = self._trial()
                if not self._finish(trial, store):
                    return
                ended = checks.outcome(trial, store)
                self._note(trial, ended)
                self._report.violations += checks.round_violations(self._world, trial, store)
                if not ended.startswith("cancelled"):
                    exports.append(
                        pool.submit(checks.export_violation, self._world, trial.round_id)
                    )
        found = [export.result() for export in exports]
        self._report.violations += [text for text in found if text is not None]
        self._report.violations += checks.ledger_violations(self._world)

    def collect(self) -> None:
        """Put into the report what the processes did."""
        report = self._report
        report.violations += self._supervisor.violations
        report.kills = {role: self._supervisor.kills[role] for role in ROLES}
        report.manner = dict(self._killer.manner)
        report.starts = self._supervisor.starts
        if report.violations:
            self._keep_transcripts()

    def _keep_transcripts(self) -> None:
        """Write every round's log into the folder: the database may be gone afterwards."""
        with self._world.office.store() as store:
            for row in store.rounds():
                record = store.record(row.round_id)
                entries = ((entry.kind, entry.payload) for entry in store.read(row.round_id))
                roster = b"" if record is None else record.roster
                bundle.write_round(self._world.base / "evidence", row.round_id, roster, entries)

    def _name_processes(self) -> None:
        world, add = self._world, self._supervisor.add
        add("coordinator", "coordinator", "cefed", "coordinator", "serve", world.office.folder)
        for path in world.trustees:
            add(path.name, "trustee", "cefed", "trustee", "serve", path)
        for one in world.members:
            node = ("node", "run", one.store.folder, "--watch", "--interval", "0.3")
            add(f"private-{one.name}", "private", "cefed", *node)
            gateway = ("gateway", "run", one.exchange.folder)
            add(f"gateway-{one.name}", "gateway", "cefed", *gateway)

    def _deal(self) -> None:
        with self._supervisor.stopped("trustee"):
            for period in self._past:
                self._world.put_away(period)
            self._past.clear()
            self._periods = [self._world.deal() for _ in range(PERIODS_AT_ONCE)]

    def _trial(self) -> Trial:
        if not self._periods:
            self._deal()
        period = self._periods.pop(0)
        self._past.append(period)
        (kind,) = self._chance.choices(self._kinds, self._weights)
        return Trial(self._world, self._supervisor, self._killer, period, kind, self._chance)

    def _finish(self, trial: Trial, store: Store) -> bool:
        """Watch a round to its end; False, with a violation, if nothing moves any more."""
        seen, since = trial.progress, time.monotonic()
        violations = self._report.violations
        while not trial.step(store):
            self._killer.check()
            if trial.progress != seen:
                seen, since = trial.progress, time.monotonic()
                violations += checks.log_violations(self._world, trial, store)
            if time.monotonic() - since > self._stall:
                violations.append(
                    f"{trial.round_id} ({trial.kind}) does not move: {trial.progress}"
                )
            if violations or len(self._supervisor.violations) > MOST_VIOLATIONS:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _note(self, trial: Trial, ended: str) -> None:
        report = self._report
        report.rounds += 1
        report.kinds[trial.kind.value] += 1
        report.outcomes[ended] += 1
        for member in self._world.members:
            folder = trial.folder(member)
            kept = folder.receipts()
            report.receipts += len(kept)
            report.corrections["acknowledged"] += sum(version > 1 for version in kept)
            report.corrections["refused"] += folder.version() > max(kept, default=0)
        self._say(
            f"{trial.round_id} {trial.kind}: {ended}; {sum(self._supervisor.kills.values())} kills"
        )


def crash(
    database: str,
    *,
    kills: int,
    seed: int,
    server: str = "",
    rounds: int = 0,
    say: Callable[[str], object] = print,
    **options: object,
) -> Report:
    """A whole run in a temporary folder, which is kept if anything is wrong.

    :param server: URL of the PostgreSQL server, for ``postgres``.
    """
    report, started = Report(database, seed), time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="cefed-crash-"))
    with _database(database, server) as url:
        run = Run(base, url, report, kills=kills, say=say, **options)  # type: ignore[arg-type]
        try:
            run.run(rounds)
        except Exception as error:
            where = "".join(traceback.format_exception(error))
            report.violations.append(f"the run broke off: {where}")
        finally:
            run.collect()
    report.seconds = time.monotonic() - started
    if report.violations:
        report.kept = str(base)
    else:
        shutil.rmtree(base)
    return report


@contextmanager
def _database(database: str, server: str) -> Iterator[str]:
    if database == SQLITE:
        yield ""
        return
    with scratch_database(server, f"cefed_crash_{secrets.token_hex(6)}") as url:
        yield url


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.items()) or "none"


def main() -> None:
    """Read the options, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.run", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--database", choices=(SQLITE, POSTGRES), default=SQLITE)
    parser.add_argument("--seed", type=int, default=None, help="whom to kill, and when")
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS, help="seconds between kills")
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_INTERRUPTED))
    server = os.environ.get(VARIABLE, "")
    if options.database == POSTGRES and not server:
        parser.error(f"name a PostgreSQL server: {VARIABLE}")
    report = crash(
        options.database,
        kills=options.kills,
        seed=secrets.randbelow(1 << 31) if options.seed is None else options.seed,
        server=server,
        members=options.members,
        pause=options.pause,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(json.dumps(asdict(report), indent=1) if options.json else "\n".join(report.lines()))
    sys.exit(1 if report.violations else 0)


if __name__ == "__main__":
    main()
