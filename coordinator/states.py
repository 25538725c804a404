"""The state machine of a round: every state, every event, and where it leads, in one table.

What an event means for the content of a round is :mod:`coordinator.rounds`'s business; here is only
when it may happen. :data:`TABLE` has a row for each state: the events that are accepted in it, with
the state that follows. Everything else is refused by :func:`refusal`. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from protocols.errors import PlanExpired, PolicyRefusal, ProtocolError, RoundNotOpen


class State(StrEnum):
    """Where a round stands; stored and shown under these names."""

    PROPOSED = "proposed"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    CERTIFIED = "certified"
    MASKING = "masking"
    PENDING = "pending"
    RELEASED = "released"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to a round. The first thirteen are kinds of statements that are logged."""

    ROSTER = "roster"
    CONTRIBUTION = "contribution"
    REMINDER = "reminder"
    DEADLINE = "deadline"
    CANCELLATION = "cancellation"
    CLOSE = "close"
    CLOSING = "closing"
    CERTIFICATE = "certificate"
    MASKED = "masked"
    SUMS = "sums"
    RELEASE = "release"
    ENDORSEMENT = "endorsement"
    REFUSAL = "refusal"

    ADMITTED = "admitted"
    """q trustees countersigned the roster."""
    ENDED = "ended"
    """The deadline has come, or every member has contributed."""
    CERTIFIED = "certified"
    """q trustees signed the same band certificate; sums are opened next, or nothing is."""
    ALLOWED = "allowed"
    """q trustees signed it in a federated round: the counted members mask their values next."""
    ENDORSED = "endorsed"
    """q trustees endorsed the release."""
    WITHHELD = "withheld"
    """q trustees endorsed the release of a certificate that publishes nothing."""


TABLE: Mapping[State, Mapping[Event, State]] = {
    State.PROPOSED: {
        Event.ROSTER: State.PROPOSED,
        Event.ADMITTED: State.OPEN,
        Event.REMINDER: State.PROPOSED,
        Event.DEADLINE: State.PROPOSED,
        Event.CANCELLATION: State.CANCELLED,
        Event.REFUSAL: State.PROPOSED,
    },
    State.OPEN: {
        Event.ROSTER: State.OPEN,
        Event.CONTRIBUTION: State.OPEN,
        Event.REMINDER: State.OPEN,
        Event.DEADLINE: State.OPEN,
        Event.ENDED: State.CLOSING,
        Event.CANCELLATION: State.CANCELLED,
        Event.REFUSAL: State.OPEN,
    },
    State.CLOSING: {
        Event.ROSTER: State.CLOSING,
        Event.CLOSE: State.CLOSED,
        Event.CANCELLATION: State.CANCELLED,
        Event.REFUSAL: State.CLOSING,
    },
    State.CLOSED: {
        Event.CLOSING: State.CLOSED,
        Event.CERTIFICATE: State.CLOSED,
        Event.CERTIFIED: State.CERTIFIED,
        Event.ALLOWED: State.MASKING,
        Event.CANCELLATION: State.CANCELLED,
        Event.REFUSAL: State.CLOSED,
    },
    # Votes of slow trustees are kept after their quorum was reached, since they add signatures.
    State.CERTIFIED: {
        Event.CLOSING: State.CERTIFIED,
        Event.CERTIFICATE: State.CERTIFIED,
        Event.SUMS: State.CERTIFIED,
        Event.RELEASE: State.PENDING,
        Event.REFUSAL: State.CERTIFIED,
    },
    # A member that is lost before it masked keeps the sum from opening, so the round may end here.
    State.MASKING: {
        Event.CLOSING: State.MASKING,
        Event.CERTIFICATE: State.MASKING,
        Event.MASKED: State.MASKING,
        Event.RELEASE: State.PENDING,
        Event.CANCELLATION: State.CANCELLED,
        Event.REFUSAL: State.MASKING,
    },
    State.PENDING: {
        Event.CLOSING: State.PENDING,
        Event.CERTIFICATE: State.PENDING,
        Event.ENDORSEMENT: State.PENDING,
        Event.ENDORSED: State.RELEASED,
        Event.WITHHELD: State.WITHHELD,
        Event.REFUSAL: State.PENDING,
    },
    State.RELEASED: {Event.ENDORSEMENT: State.RELEASED},
    State.WITHHELD: {Event.ENDORSEMENT: State.WITHHELD},
    State.CANCELLED: {},
}

FINAL = frozenset({State.RELEASED, State.WITHHELD, State.CANCELLED})
COLLECTING = frozenset({State.PROPOSED, State.OPEN, State.CLOSING})
"""Before the close: contributions are shown to nobody."""


def follow(state: State, event: Event, round_id: str) -> State:
    """The state after ``event``. :raises ProtocolError: :func:`refusal`."""
    try:
        return TABLE[state][event]
    except KeyError:
        raise refusal(state, event, round_id) from None


def refusal(state: State, event: Event, round_id: str) -> ProtocolError:
    """Why ``event`` cannot happen in ``state``."""
    if event is Event.CONTRIBUTION:
        if state is State.PROPOSED:
            return RoundNotOpen(
                f"round {round_id} is not open yet: too few trustees have countersigned its roster"
            )
        if state is State.CANCELLED:
            return PlanExpired(f"round {round_id} was cancelled: it takes no contributions")
        return PlanExpired(
            f"round {round_id} is {state}: it takes no contributions; who missed it waits for the "
            "next"
        )
    if event in (Event.DEADLINE, Event.REMINDER):
        return PolicyRefusal(f"round {round_id} is {state}: its collection has ended")
    if event is Event.CANCELLATION:
        return PolicyRefusal(f"round {round_id} is {state}: it can no longer be cancelled")
    return PolicyRefusal(f"round {round_id} is {state}: no {event} is due")
