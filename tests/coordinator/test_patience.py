"""Patience: a wait that takes too long is ended, one that does not is left alone."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from coordinator.patience import Patience


class Context:
    """A call that can be cancelled."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def test_only_overdue_waits_are_ended() -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    short, long = Context(), Context()

    with (
        patience.within(cast("grpc.ServicerContext", short), 3),
        patience.within(cast("grpc.ServicerContext", long), 60),
    ):
        now[0] = 3.0
        assert patience.end_overdue() == 0
        now[0] = 3.5
        assert patience.end_overdue() == 1
        assert (short.cancelled, long.cancelled) == (True, False)
    assert len(patience) == 0
    now[0] = 1000.0
    assert patience.end_overdue() == 0


def test_a_wait_that_fails_is_over() -> None:
    patience = Patience()

    with (
        pytest.raises(ValueError, match="gone"),
        patience.within(cast("grpc.ServicerContext", Context()), 3),
    ):
        raise ValueError("gone")
    assert len(patience) == 0
