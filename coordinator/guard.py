"""Who calls, whether they may, and how much: decided before a call's message is read.

A handler takes its request as a stream of one message, so that this can be done first; on the wire
there is no difference. Every refusal becomes a gRPC status with one clean sentence and the name of
the exception's class in the trailing metadata (:data:`protocols.service.channel.ERROR_KEY`); a
traceback never leaves the process. Everything here runs in the event loop, so nothing is locked.
Used by :mod:`coordinator.server`.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from coordinator.errors import CoordinatorError, SettingsError
from coordinator.lanes import Lane
from coordinator.limits import LimitExceeded, Meter, address_of
from coordinator.patience import WRITE_SECONDS, OutOfPatience, Patience
from coordinator.registry import Clock, Registry
from coordinator.registry_rows import Standing
from coordinator.telemetry import Telemetry
from protocols import passes
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PolicyRefusal,
    ProtocolError,
    QuorumMissing,
    StorageError,
)
from protocols.service.channel import ERROR_KEY
from protocols.signing import VerifyKey

LOG = logging.getLogger("cefed.coordinator")

MAX_CALL_SECONDS = 600.0
CLOCK_SECONDS = 5.0
"""Allowed above it, for what is rounded between a caller's clock and this one."""

MAX_PASS_BYTES = 1024
MAX_PASSES = 20_000
PASS_SECONDS = 60.0
"""For how long a verified pass is believed without looking again."""

M = TypeVar("M", bound=Message)
T = TypeVar("T")

Metadata = Iterable[tuple[str, str | bytes]]
"""As gRPC gives it."""

Context = grpc.aio.ServicerContext[bytes, bytes]

_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidSignature, grpc.StatusCode.PERMISSION_DENIED),
    (PlanError, grpc.StatusCode.FAILED_PRECONDITION),
    (PolicyRefusal, grpc.StatusCode.FAILED_PRECONDITION),
    (ContributionRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (QuorumMissing, grpc.StatusCode.FAILED_PRECONDITION),
    (StorageError, grpc.StatusCode.INTERNAL),
    (ProtocolError, grpc.StatusCode.INVALID_ARGUMENT),
    (SettingsError, grpc.StatusCode.FAILED_PRECONDITION),
    (CoordinatorError, grpc.StatusCode.INTERNAL),
    (LimitExceeded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (OutOfPatience, grpc.StatusCode.DEADLINE_EXCEEDED),
)


@dataclass(frozen=True)
class Caller:
    """Whoever makes a call; ``key`` is None where no pass is asked for."""

    key: VerifyKey | None
    standing: Standing
    name: str
    """Under which its calls are counted."""


class Refused(Exception):
    """Ends a call with a status; internal to this package."""

    def __init__(self, code: grpc.StatusCode, text: str, name: str) -> None:
        super().__init__(text)
        self.code, self.text, self.name = code, text, name


class Guard:
    """Admits callers.

    :param meters: the allowance of each standing; NOBODY's is for calls without a pass.
    """

    def __init__(
        self,
        registry: Registry,
        coordinator: VerifyKey,
        meters: dict[Standing, Meter],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._coordinator = coordinator
        self._meters = meters
        self.telemetry = telemetry
        self._clock = clock
        self.patience = Patience()
        self._passes: OrderedDict[bytes, tuple[VerifyKey, float]] = OrderedDict()

    async def admit(
        self, method: str, allowed: frozenset[Standing], context: Context, lane: Lane, work: Work[T]
    ) -> T:
        """Around one call: admits it, counts it, and turns every exception into its end.

        :param allowed: the standings that may call; empty if no pass is asked for.
        :param lane: where it has its place; its threads ask the database who is known, when that is
            not fresh.
        :param work: what an admitted call does.
        """
        started, outcome = time.monotonic(), "OK"
        try:
            with lane.place():
                if allowed and not self._registry.fresh:
                    await lane.run(self._registry.refresh)
                caller = self._caller(method, allowed, context)
                meter = self._meters[caller.standing]
                meter.enter(caller.name)
                call = Call(self, method, context, caller, meter, lane)
                try:
                    return await work(call)
                finally:
                    call.leave()
        except Exception as error:
            refused = translate(error, method)
            outcome = refused.code.name
            await _end(context, refused)
            raise AssertionError("the call was ended") from error
        except BaseException:  # the caller went away, or the process ends
            outcome = grpc.StatusCode.CANCELLED.name
            raise
        finally:
            self.telemetry.called(method, outcome, time.monotonic() - started)

    def remembered(self, allowed: frozenset[Standing], metadata: Metadata) -> Standing:
        """Whose call this seems to be, before anything waits for it; :meth:`admit` decides.

        The signature of a key that is not known is not looked at here: whoever makes up keys is
        metered first, by address, which only :meth:`admit` is told.

        :raises Refused: a pass is asked for, and none that is valid is shown.
        """
        if not allowed:
            return Standing.NOBODY
        data = _shown(metadata)
        standing = self._registry.remembered(self._claimed(data))
        if standing is not Standing.NOBODY:
            self._verified(data)
        return standing

    async def turn_away(self, method: str, error: Exception, context: Context) -> None:
        """End a call that is not let in, without a look at its message."""
        refused = translate(error, method)
        self.telemetry.called(method, refused.code.name, 0.0)
        await _end(context, refused)

    async def receive(self, messages: AsyncIterator[bytes], seconds: float) -> bytes:
        """The one message of a call, as its bytes, which have to come within ``seconds``."""
        try:
            return await self.patience.wait(anext(messages), seconds)
        except (StopAsyncIteration, grpc.RpcError):
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, "the call ended before its message", ""
            ) from None

    def _caller(self, method: str, allowed: frozenset[Standing], context: Context) -> Caller:
        remaining = context.time_remaining()
        if remaining is None or remaining > MAX_CALL_SECONDS + CLOCK_SECONDS:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"give the call a deadline of at most {MAX_CALL_SECONDS:.0f} seconds",
                "",
            )
        if not allowed:
            return Caller(None, Standing.NOBODY, f"{method} {address_of(context.peer())}")
        data = _shown(context.invocation_metadata() or ())
        key = self._claimed(data)
        standing = self._registry.standing(key)
        if standing is Standing.NOBODY:
            raise self._stranger(data, key, address_of(context.peer()))
        self._verified(data)
        if standing not in allowed:
            raise InvalidSignature(f"a {standing} may not make this call")
        return Caller(key, standing, key.raw.hex())

    def _stranger(self, data: bytes, key: VerifyKey, address: str) -> Refused:
        """Why a pass of a key that is not known, or not any more, lets nobody in.

        Its signature is checked for the answer only, and the pass is not remembered.

        :raises LimitExceeded: too many of these from one address.
        """
        meter, name = self._meters[Standing.NOBODY], f"pass {address}"
        meter.enter(name)
        try:
            self._read(data)
        finally:
            meter.leave(name)
        if self._registry.revoked(key):
            text = f"{key.fingerprint} was revoked, or replaced by another key; ask the operator"
        else:
            text = f"{key.fingerprint} is neither enrolled nor registered here"
        return Refused(grpc.StatusCode.UNAUTHENTICATED, text, "InvalidPass")

    def _claimed(self, data: bytes) -> VerifyKey:
        """Whose pass it says that it is. :raises Refused: not a pass."""
        held = self._passes.get(data)
        if held is not None:
            return held[0]
        try:
            return passes.claimed(data)
        except ProtocolError as error:
            raise _unauthenticated(error) from error

    def _verified(self, data: bytes) -> None:
        """See that a pass of a known key holds now, and remember it. :raises Refused: it does not.

        Only known keys get here, so that nobody else can push their passes out of memory.
        """
        now = time.monotonic()
        held = self._passes.get(data)
        if held is not None and now - held[1] < PASS_SECONDS:
            return
        key = self._read(data)
        self._passes[data] = (key, now)
        self._passes.move_to_end(data)
        if len(self._passes) > MAX_PASSES:
            self._passes.popitem(last=False)

    def _read(self, data: bytes) -> VerifyKey:
        try:
            return passes.read_pass(data, self._coordinator, now=self._clock())
        except ProtocolError as error:
            raise _unauthenticated(error) from error


@dataclass
class Call:
    """An admitted call."""

    guard: Guard
    method: str
    context: Context
    caller: Caller
    meter: Meter
    lane: Lane
    stuck: bool = False
    """Whether its reader takes nothing: it counts until the connection has forgotten it."""

    async def read(
        self, messages: AsyncIterator[bytes], kind: type[M], most: int, seconds: float
    ) -> M:
        """The call's message, its size checked before it is parsed.

        :param seconds: within which it has to come.
        :raises MalformedMessage: too large, or not a message of this kind.
        """
        data = await self.guard.receive(messages, seconds)
        self.meter.spend(self.caller.name, len(data))
        self.guard.telemetry.received(self.method, len(data))
        if len(data) > most:
            raise MalformedMessage(f"{len(data)} bytes; this call takes at most {most}")
        message = kind()
        try:
            message.ParseFromString(data)
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedMessage("the bytes do not parse as this call's message") from error
        return message

    def write(self, message: Message) -> bytes:
        """A reply's bytes, counted."""
        data = message.SerializeToString()
        self.meter.spend(self.caller.name, len(data))
        self.guard.telemetry.sent(self.method, len(data))
        return data

    async def hand_over(self, message: Message) -> None:
        """Give the reader of a stream one reply. :raises OutOfPatience: it does not take it."""
        data = self.write(message)
        try:
            await self.guard.patience.wait(self.context.write(data), WRITE_SECONDS)
        except OutOfPatience:
            self.stuck = True
            raise

    def leave(self) -> None:
        """The call has ended."""
        if self.stuck:
            self.context.add_done_callback(self._left)  # type: ignore[arg-type]  # any callable
        else:
            self.meter.leave(self.caller.name)

    def _left(self, _: object) -> None:
        self.meter.leave(self.caller.name)

    @property
    def key(self) -> VerifyKey:
        """The caller's key. :raises InvalidSignature: the call was made without a pass."""
        if self.caller.key is None:
            raise InvalidSignature("this call needs a pass")
        return self.caller.key


def _shown(metadata: Metadata) -> bytes:
    """The pass that a call shows. :raises Refused: none, or several."""
    shown = [value for key, value in metadata if key == passes.METADATA_KEY]
    data = shown[0] if len(shown) == 1 else b""
    if not isinstance(data, bytes) or not 0 < len(data) <= MAX_PASS_BYTES:
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the call shows no pass", "InvalidPass")
    return data


def _unauthenticated(error: ProtocolError) -> Refused:
    return Refused(grpc.StatusCode.UNAUTHENTICATED, str(error), type(error).__name__)


Work = Callable[[Call], Awaitable[T]]


async def _end(context: Context, refused: Refused) -> None:
    context.set_trailing_metadata(((ERROR_KEY, refused.name),))
    await context.abort(refused.code, refused.text)


def translate(error: Exception, method: str) -> Refused:
    """An exception as the end of a call; what is not a refusal is logged, and not told."""
    if isinstance(error, Refused):
        return error
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if code is None:
        LOG.error("%s: unexpected", method, exc_info=error)
        return Refused(grpc.StatusCode.INTERNAL, "unexpected error at the coordinator", "")
    if code is grpc.StatusCode.INTERNAL:
        LOG.error("%s: %s", method, error)
    return Refused(code, str(error), type(error).__name__)
