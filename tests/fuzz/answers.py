"""Target: what gateways and trustees make of a server that answers their calls with any bytes.

Parts of an input: the reply of every call (several for one that streams), or the status that calls
end with and the details and metadata that come with it.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import GatewayError
from protocols.passes import Bearer
from protocols.service.channel import ERROR_KEY
from protocols.service.channel import Target as Address
from protocols.wire import service_pb2 as pb
from tests.fuzz import wire
from tests.fuzz.boards import rounds_reply
from tests.fuzz.material import COORDINATOR, held, logged
from tests.fuzz.target import Target
from trustee.client import BoardClient
from trustee.errors import TrusteeError

# isort: split
import grpc

REPLY, STATUS = 1, 2
_CODES = tuple(grpc.StatusCode)
_STREAMS = frozenset({"Read", "FetchSealed"})


class Anything(grpc.GenericRpcHandler):
    """Answers every call as the input says."""

    def __init__(self) -> None:
        self.replies: list[bytes] = []
        self.status: bytes = b""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """A handler for whatever was called."""
        if str(details.method).rpartition("/")[2] in _STREAMS:
            return grpc.unary_stream_rpc_method_handler(self._many)
        return grpc.unary_unary_rpc_method_handler(self._one)

    def _one(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self._end(context)
        return self.replies[0] if self.replies else b""

    def _many(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from self.replies
        self._end(context)

    def _end(self, context: grpc.ServicerContext) -> None:
        """The first byte is the status; the rest its details, and the error's name."""
        if self.status:
            text = self.status[1:].decode("utf-8", "replace")
            name = "".join(c for c in text if " " <= c <= "~")
            context.set_trailing_metadata(((ERROR_KEY, name[:4000]), ("x-bin", self.status)))
            code = _CODES[self.status[0] % len(_CODES)]
            context.abort(grpc.StatusCode.UNKNOWN if code is grpc.StatusCode.OK else code, text)


@cache
def _serving() -> tuple[Anything, CoordinatorClient, BoardClient]:
    handler = Anything()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    target = Address(address, None, insecure=True)
    gateway = CoordinatorClient(target, deadline=20.0)
    trustee = BoardClient(target, Bearer(held().signing[0], COORDINATOR.public))
    for end in (lambda: server.stop(None).wait(), gateway.close, trustee.close):
        atexit.register(end)
    return handler, gateway, trustee


def _answered(data: bytes) -> None:
    handler, gateway, trustee = _serving()
    parts = wire.parts(data)
    handler.replies = [part for number, part in parts if number % 2][:50]
    handler.status = next((part for number, part in parts if number % 2 == 0), b"")
    refusals: list[Exception] = []
    calls: tuple[Callable[[], object], ...] = (
        lambda: gateway.enrol(b"e"),
        lambda: gateway.rounds(b"p"),
        lambda: gateway.describe(b"p", "r"),
        lambda: gateway.submit(b"p", "r", b"c"),
        lambda: gateway.outcome(b"p", "r", 3),
        lambda: gateway.masking(b"p", "r"),
        lambda: gateway.submit_masked(b"p", "r", b"m"),
        trustee.rounds,
        lambda: trustee.describe("r"),
        lambda: trustee.members("r"),
        lambda: list(trustee.read("r", 0)),
        lambda: trustee.sealed("r", 1, "counts"),
        lambda: trustee.peers(b"k"),
        lambda: trustee.post("r", b"s"),
    )
    for call in calls:
        try:
            call()
        except (GatewayError, TrusteeError) as error:
            refusals.append(error)
    if len(refusals) == len(calls) and not handler.status:
        raise refusals[0]


def _seeds() -> Sequence[bytes]:
    entry = pb.Entry(index=0, kind="plan", payload=logged("plan")[0], entry_hash=bytes(32))
    return [
        wire.pack([(REPLY, rounds_reply("open", 3))]),
        wire.pack([(REPLY, entry.SerializeToString()), (REPLY, entry.SerializeToString())]),
        wire.pack([(REPLY, b"")]),
        wire.pack([(REPLY, entry.SerializeToString()), (STATUS, b"\x07no such round")]),
    ]


def targets() -> Sequence[Target]:
    """All of this module's."""
    return [Target("answers-over-a-socket", _seeds, _answered, (GatewayError, TrusteeError), 80)]
