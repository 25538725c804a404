"""The load generator of ``cefed bench ingest``: ``python -m sim.bench_load TASK``, its own process.

Signs every contribution beforehand, then keeps a fixed number of calls under way over several TLS
connections, and afterwards checks every receipt. TASK is a JSON file (:class:`Task`); the outcome
is written beside it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from protocols.service import tls
from protocols.service.channel import metadata

# isort: split
import grpc
import grpc.aio

from coordinator.loop import new_loop
from protocols.passes import make_pass
from protocols.signing import SigningKey, VerifyKey, statement_hash
from protocols.transcript import open_receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2 as calls
from protocols.wire.codec import encode

METHOD = "/cefed.v1.Board/Submit"
CALL_SECONDS = 60.0
PASS_SECONDS = 86_400
MAX_BYTES = 1_500_000_000
"""Of signed contributions held in memory; the run ends when they are used up."""


@dataclass(frozen=True)
class Task:
    """What to send. ``rounds`` are names and plan hashes, ``members`` seeds, both in hex;
    ``bodies`` hold contributions whose ciphertexts are sent again under other signatures."""

    address: str
    authority: str
    coordinator: str
    rounds: list[tuple[str, str]]
    members: list[str]
    bodies: list[str]
    seconds: float
    calls: int
    channels: int
    outcome: str


@dataclass
class Outcome:
    """What came of it. ``acknowledged``: round, index and statement hash of every receipt."""

    seconds: float = 0.0
    bytes: int = 0
    latencies: list[float] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    acknowledged: list[tuple[str, int, str]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    exhausted: bool = False


@dataclass(frozen=True)
class Parcel:
    """One call, ready to be sent."""

    round_id: str
    member: int
    request: bytes
    digest: bytes


def prepare(task: Task, keys: list[SigningKey]) -> list[Parcel]:
    """Sign one contribution for each member and round."""
    bodies = [Path(path).read_bytes() for path in task.bodies]
    parcels, size = [], 0
    for round_id, plan_hash in task.rounds:
        for member, key in enumerate(keys):
            body = pb.Contribution.FromString(bodies[member % len(bodies)])
            body.plan_hash = bytes.fromhex(plan_hash)
            statement = key.sign("contribution", encode(body))
            request = calls.SubmitRequest(round_id=round_id, contribution=statement)
            parcels.append(
                Parcel(round_id, member, request.SerializeToString(), statement_hash(statement))
            )
            size += len(statement)
            if size > MAX_BYTES:
                return parcels
    return parcels


async def send(task: Task, parcels: list[Parcel], passes: list[bytes]) -> Outcome:
    """Send until the time is over or nothing is left; the receipts are checked afterwards."""
    outcome, refusals = Outcome(), Counter[str]()
    receipts: list[tuple[Parcel, bytes]] = []
    credentials = tls.channel_credentials(Path(task.authority).read_bytes())
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.secure_channel(task.address, credentials, options) for _ in range(task.channels)
    ]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    waiting: Iterator[Parcel] = iter(parcels)
    started = time.perf_counter()
    end = started + task.seconds

    async def work(number: int) -> None:
        channel = channels[number % len(channels)]
        submit: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        for parcel in waiting:
            begun = time.perf_counter()
            try:
                reply = await submit(
                    parcel.request, timeout=CALL_SECONDS, metadata=metadata(passes[parcel.member])
                )
            except grpc.aio.AioRpcError as error:
                refusals[f"{error.code().name}: {error.details()}"] += 1
            else:
                receipts.append((parcel, reply))
                outcome.bytes += len(parcel.request)
            now = time.perf_counter()
            outcome.latencies.append(now - begun)
            if now >= end:
                return
        outcome.exhausted = True

    before = time.process_time()
    await asyncio.gather(*(work(number) for number in range(task.calls)))
    outcome.seconds = time.perf_counter() - started
    outcome.cpu_seconds = time.process_time() - before
    await asyncio.gather(*(channel.close() for channel in channels))
    outcome.refusals = dict(refusals)
    coordinator = VerifyKey(bytes.fromhex(task.coordinator))
    for parcel, reply in receipts:
        data = calls.SubmitReply.FromString(reply).receipt
        receipt = open_receipt(data, coordinator, round_id=parcel.round_id)
        if receipt.payload_hash != parcel.digest:
            raise AssertionError("a receipt for something else than what was sent")
        outcome.acknowledged.append((receipt.round_id, receipt.index, receipt.payload_hash.hex()))
    return outcome


def main(path: str) -> None:
    """Do the task in the file ``path``."""
    fields = json.loads(Path(path).read_text(encoding="utf-8"))
    task = Task(**fields)
    keys = [SigningKey.from_seed(bytes.fromhex(seed)) for seed in task.members]
    coordinator, now = VerifyKey(bytes.fromhex(task.coordinator)), int(time.time())
    passes = [make_pass(key, coordinator, now=now, lifetime=PASS_SECONDS) for key in keys]
    parcels = prepare(task, keys)
    gc.freeze()  # a collection would look through all of them, and take time from the coordinator
    with asyncio.Runner(loop_factory=new_loop) as runner:
        outcome = runner.run(send(task, parcels, passes))
    Path(task.outcome).write_text(json.dumps(asdict(outcome)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
