"""A client's way to a coordinator: a channel, the pass that it shows, and what failures mean.

Used by trustees, gateways and the operator's commands. No exception of gRPC needs to leave them:
:func:`failure` says what happened, and whether asking again can help.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from protocols.service import tls

# isort: split
import grpc

from protocols.passes import METADATA_KEY
from protocols.service.addresses import check_loopback, is_loopback, split
from protocols.wire.codec import MAX_LARGE

LOG = logging.getLogger("cefed.service")

# A message that does not parse ends its call with a status, and :func:`failure` says so. gRPC would
# write a traceback as well, as often as whoever sends such messages likes.
logging.getLogger("grpc._common").setLevel(logging.CRITICAL)

ERROR_KEY = "cefed-error"
"""Trailing metadata in which the coordinator names the class of its error."""

MAX_MESSAGE_BYTES = MAX_LARGE + (1 << 16)
"""The largest statement that the codec accepts, and its frame."""

MAX_TEXT = 500

Metadata = tuple[tuple[str, str | bytes], ...]

_UNREACHABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
_FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
    }
)
"""The codes of the protocol's own refusals, which also name their error class."""


class Kind(StrEnum):
    """What became of a call."""

    UNREACHABLE = "unreachable"
    """Nobody answered, or not in time: worth asking again."""
    STUMBLED = "stumbled"
    """An answer that names no rule, as of a full disk: worth asking again, later."""
    EXHAUSTED = "exhausted"
    """Too much at once: worth asking again, more slowly."""
    UNAUTHENTICATED = "unauthenticated"
    """The pass is not accepted: expired, a clock that differs, or nobody's."""
    REFUSED = "refused"
    """A rule forbids it: asking again gets the same answer."""


@dataclass(frozen=True)
class Failure:
    """Why a call failed. ``name`` is the coordinator's error class, empty if it named none."""

    kind: Kind
    text: str
    name: str = ""


@dataclass(frozen=True)
class Target:
    """Where a coordinator is reached: ``HOST:PORT``, and what proves that it is there.

    ``authority`` is a PEM certificate, None for the public authorities. ``insecure`` is plaintext
    and for loopback only.
    """

    address: str
    authority: bytes | None = None
    insecure: bool = False


def open_channel(target: Target) -> grpc.Channel:
    """A channel that connects by itself when it is used, and again after a failure.

    :raises SettingsError: no address, or plaintext to another machine.
    :raises TlsError: an authority that is no certificate.
    """
    host, _ = split(target.address)
    options = (
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0 if is_loopback(host) else 1),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2000),
    )
    if target.insecure:
        check_loopback(target.address, "--insecure")
        LOG.warning("INSECURE: plaintext to %s, no TLS; never outside one machine", target.address)
        return grpc.insecure_channel(target.address, options=options)
    credentials = tls.channel_credentials(target.authority)
    return grpc.secure_channel(target.address, credentials, options=options)


def metadata(current_pass: bytes) -> Metadata:
    """The metadata of a call in the name of whoever signed the pass."""
    return ((METADATA_KEY, current_pass),)


def failure(error: grpc.RpcError) -> Failure:
    """What a failed call means to the caller."""
    call = cast("grpc.Call", error)
    code = call.code()
    text = _clean(call.details() or code.name)
    name = _name(call.trailing_metadata())
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Failure(Kind.UNAUTHENTICATED, text, name)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Failure(Kind.EXHAUSTED, text, name)
    if code in _UNREACHABLE:
        return Failure(Kind.UNREACHABLE, _why_unreachable(text), name)
    if code in _FINAL and name:
        return Failure(Kind.REFUSED, text, name)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Failure(Kind.STUMBLED, "it does not know this call; compare the versions", name)
    return Failure(Kind.STUMBLED, text, name)


def _why_unreachable(text: str) -> str:
    lowered = text.lower()
    if "handshake" in lowered or "certificate" in lowered or "peer name" in lowered:
        return (
            f"TLS failed ({text}); compare the authority and the host name with the "
            "coordinator's, and both clocks"
        )
    return text


def _name(trailing: Sequence[tuple[str, str | bytes]] | None) -> str:
    names = [value for key, value in trailing or () if key == ERROR_KEY]
    return _clean(names[0])[:100] if names and isinstance(names[0], str) else ""


def _clean(text: str) -> str:
    """A peer's text on one line of bounded length, fit for a log or a terminal."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])
