"""``cefed bench ingest``: how many contributions a second a coordinator makes durable.

A real coordinator process (TLS, passes, registry, database) on this machine, and a load generator
in another process (:mod:`sim.bench_load`). The contributions have real size, form and signature. A
few are made in full, and their proofs are what the proof rate is measured on; the others carry the
same ciphertexts and proof under another member's signature, since acceptance looks at the envelope
and the proof is checked later. Afterwards every receipt is looked up in the log.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from coordinator.folder import SETTINGS, Office
from coordinator.proofs import Examination
from coordinator.store import Store
from protocols.ceremony import Ceremony
from protocols.notices import roster_vote
from protocols.paillier import encryptor_for
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.signing import SigningKey, open_signed
from sim import bench_round
from sim.bench_load import Outcome, Task
from sim.bench_round import Parties
from sim.errors import ProcessFailed, VerificationFailed
from sim.processes import Processes, wait_for_address

MEMBERS = 400
REAL = 8
CALLS, CHANNELS = 128, 4
MODULUS_BITS = 3072
TARGETS = {"default": 300.0, "small": 1500.0}
"""Contributions a second that the project set itself, on two cores."""

_PER_SECOND = {"default": 900, "small": 3000}
"""How many contributions to have ready for each second of the run."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What was measured for one kind of plan; times in seconds."""

    kind: str
    database: str
    contribution_bytes: int
    ciphertexts: int
    contributions: int
    seconds: float
    per_second: float
    megabytes_per_second: float
    latency_p50: float
    latency_p99: float
    in_log: int
    refusals: dict[str, int]
    proofs_per_second_one_core: float
    proof_workers: int
    verdicts_meanwhile: int
    coordinator_cpu_seconds: float | None
    generator_cpu_seconds: float
    target_per_second: float

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.per_second >= self.target_per_second

    def as_json(self) -> dict[str, object]:
        """Plain containers for :func:`json.dumps`."""
        return asdict(self) | {"met": self.met}


def run(
    kind: str,
    *,
    database: str = "",
    seconds: float = 10.0,
    proof_workers: int = 1,
    progress: Progress = lambda _: None,
) -> Result:
    """Measure one kind of :data:`sim.bench_round.KINDS`.

    :param database: a PostgreSQL URL, in which a schema of its own is made and dropped; empty for
        SQLite in a temporary folder.
    :raises VerificationFailed: a receipt was given for something that is not in the log.
    """
    with tempfile.TemporaryDirectory(prefix="cefed-bench-") as name, _schema(database) as url:
        folder = Path(name)
        office = Office.create(folder / "coordinator", [], url)
        office = _configure(office, proof_workers)
        progress(f"{kind}: making keys, rounds and {REAL} contributions with their proofs")
        parties = bench_round.gather(office.key(), MEMBERS, MODULUS_BITS)
        count = max(2, int(seconds * _PER_SECOND[kind] / MEMBERS) + 1)
        plans = _create_rounds(office, parties, kind, count)
        bodies = _bodies(folder, plans[-1], parties)
        proofs = _proof_rate(office, parties, plans[-1], bodies)
        with Processes(folder / "logs") as processes:
            task, outcome, used = _load(
                office, processes, parties, plans[:-1], bodies, seconds, progress
            )
        progress(f"{kind}: looking every receipt up in the log")
        with office.store() as store:
            found = _in_log(store, outcome)
            verdicts = sum(len(store.verdicts(plan.round_id)) for plan in plans[:-1])
        return _result(
            kind, office, task, outcome, bodies, found, proofs, proof_workers, verdicts, used
        )


def _configure(office: Office, proof_workers: int) -> Office:
    """The configuration under test: as it is by default, but for what the machine decides."""
    path = office.folder / SETTINGS
    lines = [path.read_text(encoding="utf-8"), f"workers = {proof_workers}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return Office.open(office.folder)


def _create_rounds(office: Office, parties: Parties, kind: str, count: int) -> list[Plan]:
    """``count`` rounds for the load and one for the real contributions, open for all members.

    One more member is on the roster and never sends, so that no collection ends under the load.
    """
    absent = SigningKey.generate().public
    members = [key.public for key in parties.members] + [absent]
    roster = Roster.of(Member(key, key.fingerprint) for key in members)
    plans = []
    with office.board() as (board, registry):
        registry.admit_many((key, key.fingerprint, key.fingerprint) for key in members)
        for trustee in parties.trustees:
            registry.add_trustee(trustee.public, trustee.public.fingerprint)
        for number in range(count + 1):
            plan = bench_round.make_plan(kind, number, roster, parties.ceremony)
            board.create_round(bench_round.describe(plan, roster, parties))
            for trustee in parties.trustees:
                board.post(plan.round_id, roster_vote(plan, roster, trustee), trustee.public)
            plans.append(plan)
    return plans


def _bodies(folder: Path, plan: Plan, parties: Parties) -> list[bytes]:
    """Real contributions of the first members; their payloads are what the others send too."""
    encryptor = encryptor_for(parties.ceremony.key.public)
    members = parties.members[:REAL]
    made = list(bench_round.real_contributions(plan, parties, members, encryptor))
    for number, data in enumerate(made):
        payload = open_signed(data, "contribution").payload
        (folder / f"body-{number}.bin").write_bytes(payload)
    return made


def _proof_rate(office: Office, parties: Parties, plan: Plan, made: list[bytes]) -> float:
    """Contributions whose form and proof one core checks a second, read from the store."""
    with office.board() as (board, _):
        for member, data in zip(parties.members, made, strict=False):
            board.submit(plan.round_id, data, member.public)
    with office.store() as store:
        indexes = [h.index for h in store.heads(plan.round_id) if h.kind == "contribution"]
        examination = Examination(store, Ceremony.from_signed)
        examination.examine(plan.round_id, indexes[:1])  # builds tables and reads the terms
        started = time.perf_counter()
        examined = examination.examine(plan.round_id, indexes)
        elapsed = time.perf_counter() - started
    if not all(verdict.valid for verdict in examined.verdicts):
        raise VerificationFailed("a proof that was just made does not verify")
    return len(indexes) / elapsed


def _load(
    office: Office,
    processes: Processes,
    parties: Parties,
    plans: list[Plan],
    bodies: list[bytes],
    seconds: float,
    progress: Progress,
) -> tuple[Task, Outcome, float | None]:
    folder = office.folder.parent
    serving = processes.start(
        "coordinator",
        "cefed",
        ["coordinator", "serve", str(office.folder), "--listen", "127.0.0.1:0"],
    )
    address = wait_for_address(serving, office.folder / "address")
    task = Task(
        address=address,
        authority=str(office.authority_file()),
        coordinator=parties.coordinator.public.raw.hex(),
        rounds=[(plan.round_id, plan.hash.hex()) for plan in plans],
        members=[key.seed().hex() for key in parties.members],
        bodies=[str(folder / f"body-{number}.bin") for number in range(len(bodies))],
        seconds=seconds,
        calls=CALLS,
        channels=CHANNELS,
        outcome=str(folder / "outcome.json"),
    )
    path = folder / "task.json"
    path.write_text(json.dumps(asdict(task)), encoding="utf-8")
    progress("signing contributions, then sending them")
    before = serving.cpu_seconds()
    generator = processes.start("generator", "sim.bench_load", [str(path)])
    code = generator.process.wait()
    after = serving.cpu_seconds()
    if code != 0:
        raise ProcessFailed(f"the load generator ended with {code}: {generator.tail()}")
    serving.check()
    outcome = Outcome(**json.loads(Path(task.outcome).read_text(encoding="utf-8")))
    return task, outcome, None if before is None or after is None else after - before


def _in_log(store: Store, outcome: Outcome) -> int:
    """Every acknowledged contribution, looked up where its receipt says that it is."""
    logged = {
        (round_id, head.index, head.payload_hash.hex())
        for round_id in {round_id for round_id, _, _ in outcome.acknowledged}
        for head in store.heads(round_id)
    }
    missing = [a for a in map(tuple, outcome.acknowledged) if a not in logged]
    if missing:
        raise VerificationFailed(
            f"{len(missing)} of {len(outcome.acknowledged)} acknowledged contributions are not in "
            "the log"
        )
    return len(outcome.acknowledged)


def _result(
    kind: str,
    office: Office,
    task: Task,
    outcome: Outcome,
    bodies: list[bytes],
    in_log: int,
    proofs: float,
    proof_workers: int,
    verdicts: int,
    used: float | None,
) -> Result:
    count = len(outcome.acknowledged)
    latencies = sorted(outcome.latencies) or [0.0]
    return Result(
        kind=kind,
        database=make_url(office.database_url()).get_backend_name(),
        contribution_bytes=max(len(data) for data in bodies),
        ciphertexts=bench_round.CIPHERTEXTS[kind],
        contributions=count,
        seconds=outcome.seconds,
        per_second=count / outcome.seconds,
        megabytes_per_second=outcome.bytes / outcome.seconds / 1e6,
        latency_p50=latencies[len(latencies) // 2],
        latency_p99=latencies[len(latencies) * 99 // 100],
        in_log=in_log,
        refusals=outcome.refusals,
        proofs_per_second_one_core=proofs,
        proof_workers=proof_workers,
        verdicts_meanwhile=verdicts,
        coordinator_cpu_seconds=used,
        generator_cpu_seconds=outcome.cpu_seconds,
        target_per_second=TARGETS[kind],
    )


@contextmanager
def _schema(database: str) -> Iterator[str]:
    """A schema of its own in a PostgreSQL database, dropped afterwards."""
    if not database:
        yield ""
        return
    name = f"cefed_bench_{secrets.token_hex(6)}"
    engine = create_engine(database)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        try:
            url = make_url(database).update_query_dict({"options": f"-csearch_path={name}"})
            yield url.render_as_string(hide_password=False)
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()
