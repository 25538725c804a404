"""Token buckets: what one caller may ask, without a second of waiting in the tests."""

from __future__ import annotations

import pytest

from coordinator.limits import Allowance, LimitExceeded, Meter, address_of

ALLOWANCE = Allowance(
    calls_per_second=2, calls_burst=3, bytes_per_second=100, bytes_burst=1000, active=2
)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def meter(time: Time) -> Meter:
    return Meter(ALLOWANCE, most=3, monotonic=time)


def call(meter: Meter, who: str = "a", size: int = 0) -> None:
    meter.enter(who)
    meter.spend(who, size)
    meter.leave(who)


def test_calls_come_back_with_time(meter: Meter, time: Time) -> None:
    for _ in range(3):
        call(meter)
    with pytest.raises(LimitExceeded, match="calls"):
        call(meter)
    call(meter, "b")

    time.now = 0.5
    call(meter)
    with pytest.raises(LimitExceeded):
        call(meter)


def test_a_debt_of_bytes_is_paid_by_waiting(meter: Meter, time: Time) -> None:
    call(meter, size=1500)
    time.now = 5.0
    with pytest.raises(LimitExceeded, match="bytes"):
        call(meter)

    time.now = 5.1
    call(meter)


def test_calls_at_a_time(meter: Meter) -> None:
    meter.enter("a")
    meter.enter("a")
    with pytest.raises(LimitExceeded, match="under way"):
        meter.enter("a")

    meter.leave("a")
    meter.enter("a")


def test_a_refused_call_costs_nothing(meter: Meter, time: Time) -> None:
    for _ in range(3):
        call(meter)
    for _ in range(10):
        with pytest.raises(LimitExceeded):
            call(meter)
    time.now = 0.5
    call(meter)


def test_the_table_is_bounded_and_keeps_who_is_busy(meter: Meter) -> None:
    meter.enter("busy")
    for number in range(20):
        call(meter, f"caller-{number}")

    assert len(meter) == 3
    meter.enter("busy")
    with pytest.raises(LimitExceeded):
        meter.enter("busy")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:5123", "192.0.2.7"),
        ("ipv6:[2001:db8:1:2:3::4]:5123", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2:ffff::4%5D:1", "2001:db8:1:2::/64"),
        ("unix:", "unix"),
        ("", ""),
    ],
)
def test_the_network_a_caller_speaks_from(peer: str, address: str) -> None:
    assert address_of(peer) == address
