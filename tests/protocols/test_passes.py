"""Passes: whose they are, for whom, and when; every other pass is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols import passes
from protocols.passes import Bearer, InvalidPass, make_pass, read_pass
from protocols.signing import SigningKey
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.keys import signing_key

NOW = 1_700_000_000
HOUR = 3600
KEY = signing_key(1)
COORDINATOR = signing_key(1, "coordinator").public
OTHER = signing_key(2, "coordinator").public


def shown(not_before: int, expires: int, key: SigningKey = KEY) -> bytes:
    """A pass with any dates, as a caller could sign it without :func:`make_pass`."""
    message = pb.Pass(coordinator=COORDINATOR.raw, not_before=not_before, expires=expires)
    return key.sign(passes.KIND, encode(message))


def test_a_pass_names_its_signer() -> None:
    data = make_pass(KEY, COORDINATOR, now=NOW, lifetime=HOUR)
    assert read_pass(data, COORDINATOR, now=NOW) == KEY.public
    assert passes.expiry(data) == NOW + HOUR


@pytest.mark.parametrize("now", [NOW - 300, NOW, NOW + HOUR, NOW + HOUR + 299])
def test_clocks_may_differ_by_five_minutes(now: int) -> None:
    data = make_pass(KEY, COORDINATOR, now=NOW, lifetime=HOUR)
    assert read_pass(data, COORDINATOR, now=now) == KEY.public


def forged() -> bytes:
    message = decode(pb.Signed, make_pass(KEY, COORDINATOR, now=NOW, lifetime=HOUR))
    message.signer = signing_key(2).public.raw
    return encode(message)


DEFECTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "another coordinator": (
        lambda: make_pass(KEY, OTHER, now=NOW, lifetime=HOUR),
        "another coordinator",
    ),
    "not yet valid": (lambda: shown(NOW + 301, NOW + HOUR), "clocks .* differ"),
    "expired": (lambda: shown(NOW - HOUR, NOW - 300), "expired"),
    "too long a life": (lambda: shown(NOW, NOW + passes.MAX_SECONDS + 1), "not longer"),
    "ends before it begins": (lambda: shown(NOW, NOW), "not longer"),
    "a foreign signature": (forged, "not signed by"),
    "another kind": (
        lambda: KEY.sign("receipt", encode(pb.Pass(coordinator=COORDINATOR.raw, expires=NOW + 9))),
        "expected a pass",
    ),
    "no bytes": (lambda: b"", "not a pass"),
    "no message": (lambda: b"\xff" * 60, "not a pass"),
    "oversize": (lambda: b"\x00" * 1025, "not a pass"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_other_passes_are_refused(defect: str) -> None:
    make, text = DEFECTS[defect]
    with pytest.raises(InvalidPass, match=text):
        read_pass(make(), COORDINATOR, now=NOW)


@pytest.mark.parametrize("hours", [-1, 2])
def test_an_hour_of_clock_skew_is_named_as_such(hours: int) -> None:
    data = make_pass(KEY, COORDINATOR, now=NOW, lifetime=HOUR)
    with pytest.raises(
        InvalidPass, match=r"the clocks of its signer and of the coordinator differ"
    ):
        read_pass(data, COORDINATOR, now=NOW + hours * HOUR)


@pytest.mark.parametrize("lifetime", [0, -1, passes.MAX_SECONDS + 1])
def test_no_pass_is_made_that_nobody_accepts(lifetime: int) -> None:
    with pytest.raises(InvalidPass):
        make_pass(KEY, COORDINATOR, now=NOW, lifetime=lifetime)


def test_the_expiry_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidPass):
        passes.expiry(b"no pass")


def test_a_bearer_renews_its_pass_at_half_its_life() -> None:
    clock = [float(NOW)]
    bearer = Bearer(KEY, COORDINATOR, clock=lambda: clock[0])
    first = bearer.current()
    clock[0] = NOW + HOUR / 2 - 1
    assert bearer.current() == first
    clock[0] = NOW + HOUR / 2
    second = bearer.current()
    assert passes.expiry(second) == NOW + HOUR * 3 // 2


def test_a_bearer_follows_a_clock_that_was_set_back() -> None:
    clock = [float(NOW)]
    bearer = Bearer(KEY, COORDINATOR, clock=lambda: clock[0])
    bearer.current()
    clock[0] = NOW - 24 * HOUR
    assert read_pass(bearer.current(), COORDINATOR, now=NOW - 24 * HOUR) == KEY.public
