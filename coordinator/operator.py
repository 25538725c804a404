"""What the operator does to rounds: create, close, list; with or without a serving process.

While a process serves the folder the operator's commands go to it over gRPC; otherwise they work on
the database directly. Either way the same :class:`coordinator.board.Board` decides.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from coordinator.errors import CoordinatorError, SettingsError, StoreError, UnreachableError
from coordinator.folder import exclusive, load_key, open_board, open_store, serving_address
from coordinator.store import RoundRow
from protocols.ceremony import MAX_BYTES, Ceremony
from protocols.errors import PlanError, ProtocolError, StorageError
from protocols.files import read_limited
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.template import PlanTemplate
from protocols.terms import Description, read_terms
from protocols.wire import messages_pb2 as pb_messages
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from protocols.wire.codec import encode

CALL_SECONDS = 30.0
MAX_MEMBERS_FILE = 1 << 26


@dataclass(frozen=True)
class CeremonyFiles:
    """A ceremony's folder as the coordinator received it."""

    record: bytes
    countersignatures: tuple[bytes, ...]

    @classmethod
    def load(cls, folder: Path) -> CeremonyFiles:
        """Read ``ceremony.bin`` and every ``countersignature-*.bin`` of ``folder``."""
        signatures = sorted(folder.glob("countersignature-*.bin"))
        return cls(
            read_file(folder / "ceremony.bin", MAX_BYTES),
            tuple(read_file(path, MAX_BYTES) for path in signatures),
        )


def read_members(path: Path) -> Roster:
    """The roster of a CSV file with the columns ``signing_key`` (hex) and, optionally, ``group``.

    A member without a group is a group of its own. Other columns are ignored.

    :raises SettingsError: no such column, or a line without a key.
    """
    text = read_file(path, MAX_MEMBERS_FILE).decode("utf-8-sig", "replace")
    reader = csv.DictReader(io.StringIO(text))
    if "signing_key" not in (reader.fieldnames or ()):
        raise SettingsError(f"{path}: the first line must name a column signing_key")
    members = []
    for line in reader:
        try:
            key = VerifyKey(bytes.fromhex(line["signing_key"] or ""))
        except (ValueError, ProtocolError) as error:
            raise SettingsError(
                f"{path}, line {reader.line_num}: signing_key needs 64 hexadecimal digits"
            ) from error
        members.append(Member(key, (line.get("group") or "").strip() or key.fingerprint))
    return Roster.of(members)


def prepare(
    template: PlanTemplate,
    roster: Roster,
    ceremony: CeremonyFiles,
    key: SigningKey,
    *,
    cohort: str,
    round_id: str | None = None,
    period: str | None = None,
    deadline: int,
    opens_at: int | None = None,
    definitions: Mapping[str, str] | None = None,
) -> Description:
    """Instantiate a template and sign it: everything a round is created from.

    :param round_id: by default the cohort and the period.
    :param deadline: seconds since 1970; ``opens_at`` likewise, by default a minute ago.
    :raises PlanError: a plan that cannot be run.
    """
    chosen = period or template.period
    name = round_id or "-".join(part for part in (cohort, chosen) if part)
    plan = template.instantiate(
        round_id=name,
        cohort=cohort,
        participants=len(roster.members),
        roster_hash=roster.hash,
        key_id=Ceremony.from_signed(ceremony.record).key_id,
        opens_at=int(time.time()) - 60 if opens_at is None else opens_at,
        deadline=deadline,
        period=chosen,
        definitions=definitions,
    )
    record = Description(
        key.sign("plan", plan.to_bytes()),
        roster.to_bytes(),
        ceremony.record,
        ceremony.countersignatures,
    )
    read_terms(record, key.public)
    return record


def create_round(folder: Path, record: Description) -> Plan:
    """Open a round; its plan. :raises ProtocolError: it is refused."""
    plan = Plan.from_bytes(open_signed(record.plan, "plan").payload)
    with exclusive(folder) as alone:
        if alone:
            open_board(folder).create_round(record)
            return plan
    request = pb.CreateRoundRequest(
        plan=record.plan,
        roster=record.roster,
        ceremony=record.ceremony,
        ceremony_countersignatures=list(record.countersignatures),
    )
    _call(folder, lambda stub: stub.CreateRound(request, timeout=CALL_SECONDS))
    return plan


def close_round(folder: Path, round_id: str) -> None:
    """Close a round before its deadline. :raises PlanError: there is no such round."""
    plan = plan_of(folder, round_id)
    request = close_request(plan, load_key(folder))
    with exclusive(folder) as alone:
        if alone:
            open_board(folder).close_round(round_id, request)
            return
    message = pb.CloseRequest(round_id=round_id, request=request)
    _call(folder, lambda stub: stub.Close(message, timeout=CALL_SECONDS))


def close_request(plan: Plan, key: SigningKey) -> bytes:
    """The operator's signed request to close a round now."""
    return key.sign("close-request", encode(pb_messages.Close(plan_hash=plan.hash)))


def list_rounds(folder: Path) -> Sequence[RoundRow]:
    """Every round of the folder, read from its database."""
    return open_store(folder).rounds()


def plan_of(folder: Path, round_id: str) -> Plan:
    """A round's plan. :raises PlanError: there is no such round."""
    record = open_store(folder).record(round_id)
    if record is None:
        raise PlanError(f"there is no round {round_id!r}; see: cefed coordinator round status")
    return Plan.from_bytes(open_signed(record.plan, "plan").payload)


def _call(folder: Path, call: Callable[[rpc.BoardStub], object]) -> None:
    address = serving_address(folder)
    with grpc.insecure_channel(address) as channel:
        try:
            call(rpc.BoardStub(channel))
        except grpc.RpcError as error:
            if error.code() in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            ):
                raise UnreachableError(
                    f"cannot reach the coordinator at {address}; is it running? Try again, or "
                    "stop it and repeat the command"
                ) from error
            if error.code() is grpc.StatusCode.INTERNAL:
                raise CoordinatorError(error.details()) from error
            raise PlanError(error.details() or error.code().name) from error


def read_file(path: Path, most: int) -> bytes:
    """A file of at most ``most`` bytes. :raises StoreError: missing, unreadable or larger."""
    try:
        return read_limited(path, most)
    except StorageError as error:
        raise StoreError(str(error)) from error
