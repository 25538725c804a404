"""Passes: how a call to the coordinator says in whose name it is made.

A pass is a statement of the caller's Ed25519 key for one coordinator, with a beginning and an end.
It lets its bearer ask and hand over, and sign nothing. A gateway holds no key: the private side
signs its pass. Trustees and the operator sign short ones as they go (:class:`Bearer`). The
coordinator reads them before it reads a call's message. SPEC.md section 7.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from protocols.errors import InvalidSignature, MalformedMessage
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

METADATA_KEY = "cefed-pass-bin"
"""The gRPC metadata that carries a pass; ``-bin`` because it is bytes."""

KIND = "pass"
MAX_BYTES = 1024

MAX_SECONDS = 31 * 86_400
GATEWAY_SECONDS = 7 * 86_400
"""How long the pass of a gateway is valid."""

SHORT_SECONDS = 3600
"""How long the passes of trustees and operators are valid."""

TOLERANCE_SECONDS = 300
"""By how much two parties' clocks may differ."""


ANOTHER_COORDINATOR = "the pass is for another coordinator"
"""What a caller hears that pinned another coordinator's key."""


class InvalidPass(InvalidSignature):
    """A pass that is malformed, not signed, for somebody else, or not valid now."""


def make_pass(key: SigningKey, coordinator: VerifyKey, *, now: int, lifetime: int) -> bytes:
    """A pass from ``now`` on, in seconds since 1970-01-01 UTC, for ``lifetime`` seconds.

    :raises InvalidPass: a lifetime that no coordinator accepts.
    """
    if not 0 < lifetime <= MAX_SECONDS:
        raise InvalidPass(f"a pass is valid for 1 to {MAX_SECONDS} seconds, not {lifetime}")
    message = pb.Pass(coordinator=coordinator.raw, not_before=now, expires=now + lifetime)
    return key.sign(KIND, encode(message))


def read_pass(data: bytes, coordinator: VerifyKey, *, now: int) -> VerifyKey:
    """Whose pass it is. Whether the coordinator knows them is the caller's to check.

    :param now: seconds since 1970-01-01 UTC on the clock of whoever checks.
    :raises InvalidPass: and nothing else.
    """
    try:
        statement = open_signed(data, KIND, MAX_BYTES)
        message = decode(pb.Pass, statement.payload, MAX_BYTES)
    except (InvalidSignature, MalformedMessage) as error:
        raise InvalidPass(f"not a pass: {error}") from error
    if message.coordinator != coordinator.raw:
        raise InvalidPass(ANOTHER_COORDINATOR)
    if not message.not_before < message.expires <= message.not_before + MAX_SECONDS:
        raise InvalidPass(f"a pass is valid for 1 to {MAX_SECONDS} seconds, not longer")
    if now < message.not_before - TOLERANCE_SECONDS:
        raise InvalidPass(
            f"the pass is valid from {_ago(message.not_before - now)} in the future on: the clocks "
            "of its signer and of the coordinator differ; set both by NTP"
        )
    if now >= message.expires + TOLERANCE_SECONDS:
        raise InvalidPass(
            f"the pass expired {_ago(now - message.expires)} ago: its signer must make a new one, "
            "or the clocks of its signer and of the coordinator differ; set both by NTP"
        )
    return statement.signer


def claimed(data: bytes) -> VerifyKey:
    """Whose pass it says that it is: nothing is verified, so this decides nothing.

    The coordinator finds out by it, cheaply, whether the signature is worth checking.

    :raises InvalidPass: not a pass.
    """
    try:
        return VerifyKey(decode(pb.Signed, data, MAX_BYTES).signer)
    except (InvalidSignature, MalformedMessage) as error:
        raise InvalidPass(f"not a pass: {error}") from error


def expiry(data: bytes) -> int:
    """When the signer's own pass ends, in seconds since 1970-01-01 UTC.

    For a private side or gateway that has to know when to renew; the signature is checked, the
    clock is not.

    :raises InvalidPass: not a pass.
    """
    try:
        statement = open_signed(data, KIND, MAX_BYTES)
        return int(decode(pb.Pass, statement.payload, MAX_BYTES).expires)
    except (InvalidSignature, MalformedMessage) as error:
        raise InvalidPass(f"not a pass: {error}") from error


class Bearer:
    """A pass of one's own key that never runs out; safe to use from many threads.

    :param key: whose pass it is: a trustee's or the operator's.
    :param coordinator: whom it is for.
    :param clock: seconds since 1970; a parameter for tests.
    """

    def __init__(
        self,
        key: SigningKey,
        coordinator: VerifyKey,
        *,
        lifetime: int = SHORT_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._coordinator = coordinator
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._current = b""
        self._renew_at = 0.0

    def current(self) -> bytes:
        """A pass with at least half of its life left."""
        now = int(self._clock())
        with self._lock:
            # A clock that was set back must not leave a pass from the future in use.
            if not self._renew_at - self._lifetime < now < self._renew_at:
                self._current = make_pass(
                    self._key, self._coordinator, now=now, lifetime=self._lifetime
                )
                self._renew_at = now + self._lifetime / 2
            return self._current


def _ago(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"
