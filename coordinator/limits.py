"""How much one caller may ask of the coordinator: calls, bytes, and calls at a time.

Token buckets, one for each caller: a member's or trustee's key, or for requests that carry no pass
the network address. Bytes are counted in both directions when they have passed, so a caller may go
into debt by one message and then waits. The table of callers is bounded; whoever was quiet longest
is forgotten first. Used by :mod:`coordinator.guard`.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

MAX_CALLERS = 20_000

Monotonic = Callable[[], float]


@dataclass(frozen=True)
class Allowance:
    """What one caller gets: tokens a second, the most that it can save up, calls at a time."""

    calls_per_second: float
    calls_burst: float
    bytes_per_second: float
    bytes_burst: float
    active: int


@dataclass
class _Account:
    calls: float
    volume: float
    updated: float
    active: int = 0


class LimitExceeded(Exception):
    """The caller asks too much at once; the message says of what, and to wait.

    Internal to this package: it leaves the process as RESOURCE_EXHAUSTED.
    """


class Meter:
    """The accounts of all callers under one allowance. Safe to use from many threads.

    :param monotonic: a clock in seconds; a parameter for tests.
    """

    def __init__(
        self,
        allowance: Allowance,
        *,
        most: int = MAX_CALLERS,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self.allowance = allowance
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def enter(self, caller: str) -> None:
        """Begin a call. :raises LimitExceeded: refused, and nothing was counted."""
        with self._lock:
            account = self._refreshed(caller)
            if account.active >= self.allowance.active:
                raise LimitExceeded(
                    f"{account.active} calls of this caller are under way; finish one first"
                )
            if account.calls < 1:
                raise LimitExceeded("too many calls of this caller; wait a moment and try again")
            if account.volume <= 0:
                raise LimitExceeded("too many bytes of this caller; wait a moment and try again")
            account.calls -= 1
            account.active += 1

    def spend(self, caller: str, volume: int) -> None:
        """Count bytes that passed during a call."""
        with self._lock:
            self._refreshed(caller).volume -= volume

    def leave(self, caller: str) -> None:
        """End a call."""
        with self._lock:
            account = self._accounts.get(caller)
            if account is not None:
                account.active = max(0, account.active - 1)

    def _refreshed(self, caller: str) -> _Account:
        now, allowed = self._monotonic(), self.allowance
        account = self._accounts.get(caller)
        if account is None:
            account = _Account(allowed.calls_burst, allowed.bytes_burst, now)
            self._accounts[caller] = account
            self._forget_one()
        else:
            passed = now - account.updated
            account.calls = min(
                allowed.calls_burst, account.calls + passed * allowed.calls_per_second
            )
            account.volume = min(
                allowed.bytes_burst, account.volume + passed * allowed.bytes_per_second
            )
            account.updated = now
            self._accounts.move_to_end(caller)
        return account

    def _forget_one(self) -> None:
        """Keep the table bounded; a caller with calls under way is never forgotten."""
        if len(self._accounts) <= self._most:
            return
        quiet = next((name for name, held in self._accounts.items() if not held.active), None)
        if quiet is not None:
            del self._accounts[quiet]


def address_of(peer: str) -> str:
    """The network that a gRPC peer ("ipv4:192.0.2.7:5123") speaks from.

    One IPv4 address or one IPv6 /64, which is what a single site is given.
    """
    kind, _, rest = unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return kind
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
