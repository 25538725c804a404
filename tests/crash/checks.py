"""What must hold after a round and at the end of a crash run, looked at from outside."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from coordinator.export import document
from coordinator.states import State
from coordinator.store import Store
from protocols import closing
from protocols.errors import ProtocolError
from protocols.notices import CANCELLATION, read_notice
from protocols.signing import VerifyKey, open_signed, statement_hash
from protocols.transcript import Entry, check_chain, open_receipt
from protocols.wire import messages_pb2 as pb
from tests.crash.rounds import Trial
from tests.crash.supervisor import ROOT
from tests.crash.world import World
from trustee import chain
from trustee.folder import LEDGER

COMMAND_SECONDS = 300
COMMANDS_AT_ONCE = 2
ONE_EACH = ("roster", "closing", "certificate", "sums", "endorsement", "refusal")
"""What a trustee says at most once in a round."""


def log_violations(world: World, trial: Trial, store: Store) -> list[str]:
    """What is wrong with a round's log at any time: it breaks, or lacks what was acknowledged."""
    # Before the log is read: what is acknowledged by now has to be in it.
    receipts = {
        (member.name, member.key, version): folder.receipt(version)
        for member in world.members
        for folder in [trial.folder(member)]
        for version in folder.receipts()
    }
    entries = list(store.read(trial.round_id))
    try:
        check_chain(trial.round_id, entries)
    except ProtocolError as error:
        return [f"{trial.round_id}: {error}"]
    found = [*_repeated(entries), *_said_twice(entries)]
    logged = _versions(entries)
    for (name, key, version), data in receipts.items():
        kept = open_receipt(data or b"", world.key.public, round_id=trial.round_id)
        entry = entries[kept.index] if kept.index < len(entries) else None
        if (
            entry is None
            or (entry.hash, statement_hash(entry.payload)) != (kept.entry_hash, kept.payload_hash)
            or logged.get((key.raw, version)) != kept.index
        ):
            found.append(f"LOST: version {version} of {name}, acknowledged as entry {kept.index}")
    return [f"{trial.round_id}: {text}" for text in found]


def round_violations(world: World, trial: Trial, store: Store) -> list[str]:
    """What is wrong with a finished round; empty if nothing is."""
    broken = log_violations(world, trial, store)
    if broken:
        return broken
    entries = list(store.read(trial.round_id))
    if trial.state == State.CANCELLED:
        found = list(_cancelled(trial, entries, world.key.public))
    else:
        found = [
            *_without_receipt(world, trial, entries),
            *_counted(world, trial, store, entries),
        ]
    return [f"{trial.round_id}: {text}" for text in found]


def outcome(trial: Trial, store: Store) -> str:
    """How a round ended, with the reason if nothing was published."""
    if trial.state == State.CANCELLED:
        return "cancelled by the operator"
    size = trial.period.ceremony.key.public.modulus_bytes
    withheld = document(store, trial.round_id, size)["withheld"]
    return f"withheld: {withheld}" if withheld else "released"


def ledger_violations(world: World) -> list[str]:
    """Egress ledgers and trustees' ledgers, by the commands; and no round closed twice."""
    commands = [("node", "ledger", "verify", m.store.folder) for m in world.members]
    commands += [("trustee", "ledger", "verify", path) for path in world.trustees]
    with ThreadPoolExecutor(COMMANDS_AT_ONCE) as pool:
        said = list(pool.map(lambda command: command_violation(*command), commands))
    found = [text for text in said if text is not None]
    for path in world.trustees:
        closed = Counter(
            line["round"] for line in chain.look(path / LEDGER) if line["event"] == chain.CLOSING
        )
        found += [f"{path.name} closed {name} {n} times" for name, n in closed.items() if n > 1]
    return found


def export_violation(world: World, round_id: str) -> str | None:
    """Export a round and verify the bundle by the commands; what went wrong."""
    out = world.base / "out" / round_id
    coordinator = world.office.folder
    return command_violation(
        "coordinator", "round", "export", coordinator, round_id, "--out", out
    ) or command_violation("verify", out / "bundle", "--release", out / "release.json")


def command_violation(*arguments: object) -> str | None:
    """Run ``cefed`` with arguments; what it said if it failed."""
    texts = [str(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "cefed", *texts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip()
    return f"cefed {' '.join(texts)}: exit code {done.returncode}: {said}"


def _without_receipt(world: World, trial: Trial, entries: Sequence[Entry]) -> Iterator[str]:
    """Logged contributions whose receipt has not come, though the release has."""
    logged = _versions(entries)
    for member in world.members:
        receipts = trial.folder(member).receipts()
        versions = sorted(version for key, version in logged if key == member.key.raw)
        if versions != receipts:
            yield f"{member.name} has receipts {receipts}, the log its versions {versions}"


def _repeated(entries: Sequence[Entry]) -> Iterator[str]:
    """Contributions that are in the log twice, or out of order."""
    seen: dict[bytes, int] = {}
    for entry in entries:
        if entry.kind == "contribution":
            signer, version = _contribution(entry)
            if version != seen.get(signer, 0) + 1:
                yield f"entry {entry.index} is version {version} after {seen.get(signer, 0)}"
            seen[signer] = version


def _said_twice(entries: Sequence[Entry]) -> Iterator[str]:
    said = Counter(
        (entry.kind, open_signed(entry.payload, entry.kind).signer.fingerprint)
        for entry in entries
        if entry.kind in ONE_EACH
    )
    for (kind, who), times in said.items():
        if times > 1:
            yield f"{who} posted {times} statements {kind}"
    for kind in ("plan", "close", "release"):
        times = sum(entry.kind == kind for entry in entries)
        if times > 1:
            yield f"{times} statements {kind}"


def _cancelled(trial: Trial, entries: Sequence[Entry], key: VerifyKey) -> Iterator[str]:
    told = [e.payload for e in entries if e.kind == CANCELLATION]
    if len(told) != 1 or not read_notice(told[0], trial.plan, key).reason:
        yield "cancelled without a reason"
    if any(entry.kind in ("certificate", "sums", "release") for entry in entries):
        yield "something was opened of a cancelled round"


def _counted(world: World, trial: Trial, store: Store, entries: Sequence[Entry]) -> Iterator[str]:
    """The newest logged version of each member is counted once, and the sums are theirs."""
    votes = [entry.payload for entry in entries if entry.kind == "closing"]
    try:
        certified = closing.tally(votes, trial.plan, trial.period.ceremony)
    except ProtocolError as error:
        yield f"not closed by a quorum: {error}"
        return
    (closed,) = (entry.payload for entry in entries if entry.kind == "close")
    included = closing.read_proposal(open_signed(closed, "close").payload, trial.plan).included
    if not certified.lists(included):
        yield "the trustees certified another list than the coordinator closed"
        return
    logged = _versions(entries)
    hashes = {
        statement_hash(e.payload): _contribution(e) for e in entries if e.kind == "contribution"
    }
    counted = Counter(hashes.get(digest, (b"", 0)) for digest in included)
    expected = {
        member.key.raw: max(v for key, v in logged if key == member.key.raw)
        for member in world.members
        if any(key == member.key.raw for key, _ in logged)
    }
    if counted != Counter(expected.items()):
        yield f"counted {_names(world, counted)}, in the log {_names(world, expected.items())}"
        return
    missing = {m.number for m in world.members if m.key.raw not in expected}
    if missing != trial.absent:
        yield f"members without a contribution: {sorted(missing)}, held back {trial.absent}"
    for member in world.members:
        warning = trial.folder(member).warning()
        if member.number not in trial.absent and warning is not None:
            yield f"{member.name} is warned: {warning}"
    numbers = {member.key.raw: member.number for member in world.members}
    values = [trial.values[numbers[key], version] for key, version in expected.items()]
    size = trial.period.ceremony.key.public.modulus_bytes
    released = document(store, trial.round_id, size)
    if released["withheld"]:
        return
    if released["n"] != len(values):
        yield f"{released['n']} members published, {len(values)} counted"
    for name in ("output", "emissions"):
        exact = sum(value[name] for value in values)
        if int(released["measures"][name]["value"]) != exact:
            yield f"SUM of {name}: {released['measures'][name]['value']}, exactly {exact}"


def _versions(entries: Sequence[Entry]) -> dict[tuple[bytes, int], int]:
    """The place in the log of each member's versions."""
    return {_contribution(e): e.index for e in entries if e.kind == "contribution"}


def _contribution(entry: Entry) -> tuple[bytes, int]:
    statement = open_signed(entry.payload, "contribution", len(entry.payload))
    return statement.signer.raw, pb.Contribution.FromString(statement.payload).version


def _names(world: World, pairs: object) -> list[str]:
    names = {member.key.raw: member.name for member in world.members}
    return sorted(f"{names.get(key, '?')} v{version}" for key, version in pairs)  # type: ignore[attr-defined]
