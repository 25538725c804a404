"""What the operator does to rounds: create, announce, list; with or without a serving process.

While a process serves the folder the commands go to it over gRPC, with a pass of the coordinator's
own key; otherwise they work on the database directly. Either way the same
:class:`coordinator.board.Board` decides. The registry is changed in the database in both cases
(:mod:`coordinator.registry`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from google.protobuf.message import Message

from coordinator.errors import CoordinatorError, SettingsError, UnreachableError
from coordinator.folder import Office
from coordinator.states import FINAL, State
from coordinator.status import day, list_rounds, plan_of, present_deadline, record_of
from coordinator.store import Store
from protocols import notices
from protocols.errors import PlanError
from protocols.passes import make_pass
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.service import channel
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.terms import Description
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc

CALL_SECONDS = 30.0
PASS_SECONDS = 600

MakeNotice = Callable[[Plan, int, SigningKey], bytes]
"""A signed announcement from the round's plan, the time and the coordinator's key."""


def create_round(office: Office, record: Description, rehearsal: bytes = b"") -> Plan:
    """Propose a round; its plan. :raises ProtocolError: it is refused."""
    plan = Plan.from_bytes(open_signed(record.plan, "plan").payload)
    with office.alone() as alone:
        if alone:
            with office.board() as (board, registry):
                roster = Roster.from_bytes(record.roster)
                registry.check_enrolled(member.key for member in roster.members)
                board.create_round(record, rehearsal)
            return plan
    request = pb.CreateRoundRequest(
        plan=record.plan,
        roster=record.roster,
        ceremony=record.ceremony,
        ceremony_countersignatures=list(record.countersignatures),
        rehearsal=rehearsal,
    )
    _call(office, lambda stub: stub.CreateRound, request)
    return plan


def announce(office: Office, round_id: str, make: MakeNotice) -> None:
    """Log an announcement of the coordinator. :raises ProtocolError: it is refused."""
    with office.store() as store:
        plan = plan_of(record_of(store, round_id))
    statement = make(plan, int(time.time()), office.key())
    with office.alone() as alone:
        if alone:
            with office.board() as (board, _):
                board.announce(round_id, statement)
            return
    _call(
        office,
        lambda stub: stub.Announce,
        pb.AnnounceRequest(round_id=round_id, statement=statement),
    )


def remind(office: Office, round_id: str) -> None:
    """Remind the members that have not contributed."""
    with office.store() as store:
        row = next((row for row in store.rounds() if row.round_id == round_id), None)
        contributed = 0 if row is None else row.contributions
    announce(
        office,
        round_id,
        lambda plan, now, key: notices.make_reminder(plan, now, contributed, key),
    )


def extend(office: Office, round_id: str, deadline: int, reason: str) -> None:
    """Move a round's deadline to a later one. :raises SettingsError: it is not later."""
    with office.store() as store:
        present = present_deadline(store, round_id, office.key().public)
    if deadline <= present:
        raise SettingsError(
            f"round {round_id} collects until {day(present)} already; a deadline can only be moved "
            "to a later time. To end the collection now: cefed coordinator round close"
        )
    announce(
        office,
        round_id,
        lambda plan, now, key: notices.make_deadline(plan, now, deadline, reason, key),
    )


def close(office: Office, round_id: str, reason: str) -> None:
    """End the collection now, with the contributions there are."""
    announce(
        office,
        round_id,
        lambda plan, now, key: notices.make_deadline(plan, now, now, reason, key),
    )


def cancel(office: Office, round_id: str, reason: str) -> None:
    """End a round without a result."""
    announce(
        office,
        round_id,
        lambda plan, now, key: notices.make_cancellation(plan, now, reason, key),
    )


def unfinished_with(store: Store, key: VerifyKey) -> list[str]:
    """The rounds that are not finished and have ``key`` on their roster."""
    found = []
    for row in list_rounds(store):
        if State(row.state) in FINAL:
            continue
        roster = Roster.from_bytes(record_of(store, row.round_id).roster)
        if any(member.key == key for member in roster.members):
            found.append(row.round_id)
    return found


@contextmanager
def connected(office: Office) -> Iterator[tuple[rpc.BoardStub, channel.Metadata]]:
    """The serving process: its stub, and the metadata that every call carries."""
    key = office.key()
    shown = make_pass(key, key.public, now=int(time.time()), lifetime=PASS_SECONDS)
    with channel.open_channel(office.target()) as opened:
        yield rpc.BoardStub(opened), channel.metadata(shown)


def _call(
    office: Office,
    method: Callable[[rpc.BoardStub], Callable[..., object]],
    request: Message,
) -> None:
    with connected(office) as (stub, metadata):
        try:
            method(stub)(request, timeout=CALL_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            raise _refusal(office, error) from error


def _refusal(office: Office, error: grpc.RpcError) -> Exception:
    failure = channel.failure(error)
    if failure.kind is channel.Kind.UNREACHABLE:
        return UnreachableError(
            f"cannot reach the coordinator at {office.target().address}: {failure.text}; is it "
            "running? Try again, or stop it and repeat the command"
        )
    if failure.kind is channel.Kind.REFUSED:
        return PlanError(failure.text)
    return CoordinatorError(failure.text)
