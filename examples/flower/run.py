"""A whole round over Flower's deployment engine, every role a process of its own on this machine.

    python examples/flower/run.py --out out/flower

A SuperLink with TLS; a SuperNode for each enterprise, known by its key; the private sides apart
from them, as other users if root starts this; coordinator and trustees as always. README.md tells
what happens. It stops everything it started, by its process identifier.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from coordinator import export
from enterprise_node.exchange import Exchange
from protocols.federated.terms import Mode
from protocols.template import PlanTemplate
from sim import output, trusteed
from sim.board import Operator
from sim.ceremony import hold_ceremony
from sim.errors import ProcessFailed, SimulationError
from sim.flower.engine import environment
from sim.flower.fleet import Fleet, Users, obstacle, run_as
from sim.orchestrate import PUBLISHED, CohortRound
from sim.people import read_people
from sim.plans import Planner
from sim.processes import Processes
from sim.progress import Reporter
from sim.runner import prepare
from sim.settings import Settings
from sim.summary import Clock

HERE = Path(__file__).resolve().parent
REGION = HERE.parent / "region_a"
SECONDS = 600.0
LOOK_SECONDS = "0.5"
RECORDS = "records.csv"
ALIKE = ("A36", "A51", "A68", "A52", "A27", "A17", "A01", "A69")
"""Eight enterprises of about one size: among so few, a larger one would have all withheld."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, run the round, and say where the release is."""
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True)
    # Every user has to pass through it, which the folder of the output need not allow.
    work = Path(tempfile.mkdtemp(prefix="cefed-flower-"))
    work.chmod(0o711)
    try:
        with Reporter() as reporter:
            play(options, work, reporter)
    finally:
        if options.keep_work:
            print(f"the roles' folders are in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


def play(options: argparse.Namespace, work: Path, reporter: Reporter) -> None:
    """The round, from the ceremony to the release.

    :raises SimulationError: a process failed, or nothing was published.
    """
    settings = _settings(options, work)
    population = read_people(settings.records, settings.mapping, ())
    definitions = dict(population.intake.definitions)
    planner = Planner(PlanTemplate.load(settings.plan), settings, definitions)
    prepared = prepare(population, planner)
    if reason := obstacle():
        reporter.say(f"{reason}; SuperNodes and private sides are the same user's here")
    for folder in (settings.out, settings.work):
        folder.mkdir(mode=0o711)
    with Processes(settings.work / "logs") as processes:
        record = hold_ceremony(settings, planner.period, reporter)
        office, operator = trusteed._start_roles(settings, processes, record)
        (round_,) = trusteed._rounds(
            prepared, population, planner, record, settings, office, Clock()
        )
        operator.create_round(
            round_.plan,
            round_.roster.to_bytes(),
            record.ceremony.received,
            record.countersignatures,
        )
        with Fleet(work) as fleet:
            sides = _settle(round_, fleet, work, reporter)
            try:
                reporter.say(f"{len(sides)} SuperNodes are registered; the courier starts")
                fleet.run(
                    HERE / "app",
                    _errand(round_, office.authority_file(), operator, work),
                    seconds=SECONDS,
                    check=processes.check,
                )
            finally:
                _stop(sides)
        standing = operator.rounds()[round_.plan.round_id]
        operator.close()
        reporter.say(f"round {round_.plan.round_id}: {standing.state}")
        if standing.state not in PUBLISHED:
            raise SimulationError(f"the round ended as {standing.state}: nothing was published")
    with office.store() as store:
        modulus_bytes = record.ceremony.key.public.modulus_bytes
        document = export.document(store, round_.plan.round_id, modulus_bytes)
    report = planner.report_facts(record.ceremony, 0)
    output.write_release(options.out, [document], report, {})
    output.write_nodes(options.out / "nodes", population.everybody)
    reporter.say(f"the release is in {options.out / 'release.json'}")


def _settle(
    round_: CohortRound, fleet: Fleet, work: Path, reporter: Reporter
) -> list[subprocess.Popen[bytes]]:
    """Give each node its users, an exchange folder of its own, a SuperNode and a private side."""
    sides = []
    for number, folder in enumerate(round_.folders):
        users = Users.of(number)
        exchange = work / f"exchange-{number:02d}"
        Exchange.create(exchange)
        settings = folder / "node.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace('exchange = "exchange"', f'exchange = "{exchange}"'))
        if users is not None:
            for path in (exchange, exchange / "outbox", exchange / "inbox"):
                os.chown(path, users.private, users.group)
                path.chmod(0o2770)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, users.private, users.group)
            folder.chmod(0o700)
        fleet.add(f"{number:02d}", exchange, users)
        sides.append(_private_side(folder, users, work / f"private-{number:02d}.log"))
        reporter.step("SuperNodes started", number + 1, len(round_.folders))
    return sides


def _private_side(folder: Path, users: Users | None, log: Path) -> subprocess.Popen[bytes]:
    """``cefed node run``, as it would be on the private side's own machine."""
    user = (users.private, users.group) if users is not None else (None, None)
    command = [sys.executable, "-m", "cefed", "node", "run", str(folder)]
    with log.open("ab") as file:
        return subprocess.Popen(
            [*command, "--watch", "--interval", LOOK_SECONDS],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**environment(folder), "PYTHONPATH": str(HERE.parent.parent)},
            cwd=folder,
            start_new_session=True,
            **run_as(*user),
        )


def _errand(
    round_: CohortRound, authority: Path | None, operator: Operator, work: Path
) -> dict[str, str | int | float | bool]:
    return {
        "coordinator": operator.address,
        "authority": str(authority or ""),
        "insecure": authority is None,
        "folder": str(work / "mirrors"),
        "rounds": round_.plan.round_id,
        "nodes": len(round_.folders),
        "seconds": SECONDS,
        "pause-seconds": 0.5,
    }


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _settings(options: argparse.Namespace, work: Path) -> Settings:
    """Some enterprises of Region A, and where everything lies."""
    wanted = ALIKE[: options.nodes]
    header, *lines = (REGION / "region_a.csv").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if line.partition(",")[0] in wanted]
    records = work / RECORDS
    records.write_text("\n".join((header, *chosen)) + "\n", encoding="utf-8")
    return Settings(
        records=records,
        mapping=REGION / "mapping.toml",
        plan=REGION / "plan.toml",
        out=work / "round",
        modulus_bits=options.modulus_bits,
        primes=options.unsafe_primes,
        mode=Mode.CERTIFIED if options.backend == "certified" else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the release; made here")
    parser.add_argument("--nodes", type=int, choices=(6, 7, 8), default=8, help="SuperNodes")
    parser.add_argument("--backend", choices=("paillier", "certified"), default="certified")
    parser.add_argument("--modulus-bits", type=int, default=3072)
    parser.add_argument("--unsafe-primes", type=Path, help="JSON with two safe primes, for tests")
    parser.add_argument("--keep-work", action="store_true", help="leave the roles' folders")
    return parser


if __name__ == "__main__":
    try:
        main()
    except (SimulationError, ProcessFailed) as error:
        sys.exit(f"{Path(__file__).name}: {error}")
