"""The calls of the coordinator's services, and what each does at the board or the registry.

:data:`BOARD` and :data:`ADMISSION` say of every call who may make it, how large its message may be
and what answers it; :mod:`coordinator.guard` enforces the first two. Every rule of a round is in
:mod:`coordinator.board` and below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from coordinator.board import Board
from coordinator.guard import Call, Context, Guard, Refused
from coordinator.health import CheckRequest, Health
from coordinator.lanes import Lane, Lanes
from coordinator.limits import LimitExceeded
from coordinator.patience import LARGE_SECONDS, OPEN_SECONDS, SMALL_SECONDS, SUBMIT_SECONDS
from coordinator.registry import Registry
from coordinator.registry_rows import Standing
from protocols.errors import InvalidSignature
from protocols.roster import Roster
from protocols.signing import VerifyKey
from protocols.terms import Description
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import MAX_LARGE, MAX_SMALL, decode

FRAME_BYTES = 1 << 16
"""Room in a call's message for everything around the statement that it carries."""

MAX_MESSAGE_BYTES = MAX_LARGE + FRAME_BYTES

_EVERYBODY = frozenset({Standing.MEMBER, Standing.TRUSTEE, Standing.OPERATOR})
_TRUSTEES = frozenset({Standing.TRUSTEE})
_WATCHERS = frozenset({Standing.TRUSTEE, Standing.OPERATOR})
_MEMBERS = frozenset({Standing.MEMBER})
_OPERATOR = frozenset({Standing.OPERATOR})
_ANYBODY: frozenset[Standing] = frozenset()
"""No pass is asked for."""


@dataclass(frozen=True)
class Desk:
    """What answers calls."""

    board: Board
    registry: Registry
    health: Health
    clock: Callable[[], int]


@dataclass(frozen=True)
class Method:
    """One call of a service.

    :ivar allowed: the standings that may make it; empty if no pass is asked for.
    :ivar most: bytes of its message.
    :ivar answer: makes the reply, or the replies of a stream, in a thread of the caller's lane.
    :ivar soon: makes the reply in the event loop instead: it waits for the writer only.
    :ivar patience: seconds within which its message has to come.
    """

    request: type[Message]
    allowed: frozenset[Standing]
    most: int
    answer: Callable[[Desk, Call, Any], Any]
    streams: bool = False
    soon: bool = False
    patience: float = SMALL_SECONDS


def list_rounds(desk: Desk, call: Call, request: pb.ListRoundsRequest) -> pb.ListRoundsReply:
    """Names, states and sizes of all rounds, and whether the caller is on their rosters."""
    return pb.ListRoundsReply(
        rounds=[
            pb.RoundSummary(
                round_id=row.round_id,
                state=row.state,
                contributions=row.contributions,
                entries=row.entries,
                member=row.member,
                masking=row.member and desk.board.masks_due(row.round_id, call.key),
            )
            for row in desk.board.rounds(call.key)
        ]
    )


def describe(desk: Desk, call: Call, request: pb.DescribeRequest) -> pb.RoundDescription:
    """Plan, ceremony and countersignatures as they came; votes and notices so far.

    Trustees and the operator get the roster, a member its place on it.
    """
    record, state, votes, notices = desk.board.describe(request.round_id)
    member = call.caller.standing is Standing.MEMBER
    place = desk.board.place(request.round_id, call.key).to_message() if member else None
    return pb.RoundDescription(
        plan=record.plan,
        roster=b"" if member else record.roster,
        place=place,
        ceremony=record.ceremony,
        ceremony_countersignatures=list(record.countersignatures),
        state=state,
        roster_votes=list(votes),
        notices=list(notices),
    )


async def submit(desk: Desk, call: Call, request: pb.SubmitRequest) -> pb.SubmitReply:
    """A member's contribution; the receipt says that it is durable."""
    receipt = await desk.board.submit_soon(request.round_id, request.contribution, call.key)
    return pb.SubmitReply(receipt=receipt)


def outcome(desk: Desk, call: Call, request: pb.OutcomeRequest) -> pb.OutcomeReply:
    """What a member's node needs of a round's end."""
    return desk.board.outcome(request.round_id, call.key, request.index)


def masking(desk: Desk, call: Call, request: pb.MaskingRequest) -> pb.MaskingReply:
    """What a member masks its values for."""
    return desk.board.masking(request.round_id, call.key)


def submit_masked(desk: Desk, call: Call, request: pb.SubmitMaskedRequest) -> pb.SubmitReply:
    """A member's masked vector; the receipt says that it is durable."""
    # Whose signature it says to bear; the board verifies that.
    if decode(messages_pb2.Signed, request.masked).signer != call.key.raw:
        raise InvalidSignature(
            f"the masked vector is not signed by {call.key.fingerprint}, who sends it"
        )
    return pb.SubmitReply(receipt=desk.board.submit_masked(request.round_id, request.masked))


def post(desk: Desk, call: Call, request: pb.PostRequest) -> pb.PostReply:
    """A trustee's signed statement."""
    return pb.PostReply(receipt=desk.board.post(request.round_id, request.statement, call.key))


def read(desk: Desk, call: Call, request: pb.ReadRequest) -> Iterator[pb.Entry]:
    """The transcript from an index on, in order."""
    for entry in desk.board.read(request.round_id, request.from_index):
        yield pb.Entry(
            index=entry.index, kind=entry.kind, payload=entry.payload, entry_hash=entry.hash
        )


def send_sealed(desk: Desk, call: Call, request: pb.SendSealedRequest) -> pb.SendSealedReply:
    """A sealed envelope from the calling trustee to another; never logged."""
    _check_own(desk, request.round_id, request.sender, call.key)
    desk.board.send_sealed(
        request.round_id, request.phase, request.sender, request.recipient, request.envelope
    )
    return pb.SendSealedReply()


def fetch_sealed(desk: Desk, call: Call, request: pb.FetchSealedRequest) -> Iterator[pb.SealedPost]:
    """The envelopes that wait for the calling trustee."""
    posts = desk.board.sealed(request.round_id, request.recipient, request.phase, call.key)
    for sender, envelope in posts:
        yield pb.SealedPost(phase=request.phase, sender=sender, envelope=envelope)


def members(desk: Desk, call: Call, request: pb.MembersRequest) -> pb.MembersReply:
    """Who is behind a round's roster: for its own trustees, who countersign it."""
    if call.caller.standing is Standing.TRUSTEE:
        desk.board.trustee_index(request.round_id, call.key)
    keys = [member.key for member in desk.board.terms(request.round_id).roster.members]
    return pb.MembersReply(
        certificates=desk.registry.certificates(keys),
        revocations=desk.registry.revocations(desk.clock()),
    )


def post_peer(desk: Desk, call: Call, request: pb.PostPeerRequest) -> pb.PostPeerReply:
    """A trustee's question about its ledger, or its answer to another's."""
    desk.board.post_peer(request.statement, call.key)
    return pb.PostPeerReply()


def read_peers(desk: Desk, call: Call, request: pb.ReadPeersRequest) -> pb.ReadPeersReply:
    """Questions and answers of the trustees of a ceremony, of whom the caller is one."""
    return pb.ReadPeersReply(statements=list(desk.board.peers(request.key_id, call.key)))


def create_round(desk: Desk, call: Call, request: pb.CreateRoundRequest) -> pb.CreateRoundReply:
    """The operator's new round; its plan is signed with the coordinator's key."""
    record = Description(
        request.plan,
        request.roster,
        request.ceremony,
        tuple(request.ceremony_countersignatures),
    )
    desk.registry.check_enrolled(m.key for m in Roster.from_bytes(record.roster).members)
    desk.board.create_round(record, request.rehearsal)
    return pb.CreateRoundReply()


def announce(desk: Desk, call: Call, request: pb.AnnounceRequest) -> pb.AnnounceReply:
    """The operator's reminder, deadline or cancellation."""
    return pb.AnnounceReply(receipt=desk.board.announce(request.round_id, request.statement))


def enrol(desk: Desk, call: Call, request: pb.EnrolRequest) -> pb.EnrolReply:
    """A node asks to be a member, or to change its key; may be repeated until it is decided."""
    answer = desk.registry.enrol(request.statement)
    return pb.EnrolReply(state=answer.state, certificate=answer.certificate, reason=answer.reason)


async def check_health(desk: Desk, call: Call, request: CheckRequest) -> Message:
    """Whether this process serves; anybody may ask."""
    answer: Message | None = desk.health.check(request.service)
    if answer is None:
        raise Refused(grpc.StatusCode.NOT_FOUND, "there is no such service here", "")
    return answer


BOARD: Mapping[str, Method] = {
    "ListRounds": Method(pb.ListRoundsRequest, _EVERYBODY, MAX_SMALL, list_rounds),
    "Describe": Method(pb.DescribeRequest, _EVERYBODY, MAX_SMALL, describe),
    "Submit": Method(
        pb.SubmitRequest,
        _MEMBERS,
        MAX_MESSAGE_BYTES,
        submit,
        soon=True,
        patience=SUBMIT_SECONDS,
    ),
    "Outcome": Method(pb.OutcomeRequest, _MEMBERS, MAX_SMALL, outcome),
    "Masking": Method(pb.MaskingRequest, _MEMBERS, MAX_SMALL, masking),
    "SubmitMasked": Method(
        pb.SubmitMaskedRequest,
        _MEMBERS,
        MAX_MESSAGE_BYTES,
        submit_masked,
        patience=SUBMIT_SECONDS,
    ),
    "Post": Method(pb.PostRequest, _TRUSTEES, MAX_MESSAGE_BYTES, post, patience=LARGE_SECONDS),
    "Read": Method(pb.ReadRequest, _EVERYBODY, MAX_SMALL, read, streams=True),
    "SendSealed": Method(
        pb.SendSealedRequest, _TRUSTEES, MAX_MESSAGE_BYTES, send_sealed, patience=LARGE_SECONDS
    ),
    "FetchSealed": Method(pb.FetchSealedRequest, _TRUSTEES, MAX_SMALL, fetch_sealed, streams=True),
    "Members": Method(pb.MembersRequest, _WATCHERS, MAX_SMALL, members),
    "PostPeer": Method(pb.PostPeerRequest, _TRUSTEES, 1 << 22, post_peer, patience=LARGE_SECONDS),
    "ReadPeers": Method(pb.ReadPeersRequest, _TRUSTEES, MAX_SMALL, read_peers),
    "CreateRound": Method(
        pb.CreateRoundRequest, _OPERATOR, MAX_MESSAGE_BYTES, create_round, patience=LARGE_SECONDS
    ),
    "Announce": Method(pb.AnnounceRequest, _OPERATOR, 2 * MAX_SMALL, announce),
}
ADMISSION: Mapping[str, Method] = {
    "Enrol": Method(pb.EnrolRequest, _ANYBODY, 2 * MAX_SMALL, enrol, patience=OPEN_SECONDS),
}
HEALTH: Mapping[str, Method] = {
    "Check": Method(
        CheckRequest, _ANYBODY, MAX_SMALL, check_health, soon=True, patience=OPEN_SECONDS
    ),
}


class Handler(grpc.GenericRpcHandler):
    """The gRPC service ``name`` over ``methods``.

    :param own: the lane of all its calls; None to go by the caller's standing.
    """

    def __init__(
        self,
        name: str,
        methods: Mapping[str, Method],
        desk: Desk,
        guard: Guard,
        lanes: Lanes,
        own: Lane | None = None,
    ) -> None:
        self._guard = guard
        self._lanes = lanes
        self._own = own
        self._methods = {f"/{name}/{key}": method for key, method in methods.items()}
        every = (lanes.members, lanes.trustees, lanes.open) if own is None else (own,)
        self._handlers = {
            (path, lane): _handler(path[1:], method, desk, guard, lane)
            for path, method in self._methods.items()
            for lane in every
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """What answers a call. Run in the event loop, so that nothing here may wait."""
        method = self._methods.get(details.method)
        if method is None:
            return None
        try:
            metadata = details.invocation_metadata or ()
            standing = self._guard.remembered(method.allowed, metadata)
            lane = self._own or self._lanes.of_standing(standing)
            lane.check()
        except (Refused, LimitExceeded) as error:
            return self._turned_away(details.method[1:], error)
        return self._handlers[details.method, lane]

    def _turned_away(self, name: str, error: Exception) -> grpc.RpcMethodHandler[Any, Any]:
        async def refuse(_: AsyncIterator[bytes], context: Context) -> None:
            await self._guard.turn_away(name, error, context)

        return grpc.stream_unary_rpc_method_handler(refuse)


def _handler(
    name: str, method: Method, desk: Desk, guard: Guard, lane: Lane
) -> grpc.RpcMethodHandler[Any, Any]:
    async def one(messages: AsyncIterator[bytes], context: Context) -> bytes:
        async def work(call: Call) -> bytes:
            request = await call.read(messages, method.request, method.most, method.patience)
            if method.soon:
                return call.write(await method.answer(desk, call, request))
            return call.write(await lane.run(method.answer, desk, call, request))

        return await guard.admit(name, method.allowed, context, lane, work)

    async def many(messages: AsyncIterator[bytes], context: Context) -> None:
        async def work(call: Call) -> None:
            request = await call.read(messages, method.request, method.most, method.patience)
            replies: Iterator[Message] = method.answer(desk, call, request)
            while (reply := await lane.run(next, replies, None)) is not None:
                await call.hand_over(reply)

        await guard.admit(name, method.allowed, context, lane, work)

    if method.streams:
        return grpc.stream_stream_rpc_method_handler(many)
    return grpc.stream_unary_rpc_method_handler(one)


def _check_own(desk: Desk, round_id: str, index: int, key: VerifyKey) -> None:
    """Refuse a trustee that speaks for another."""
    if desk.board.trustee_index(round_id, key) != index:
        raise InvalidSignature("a trustee sends envelopes in its own name only")
