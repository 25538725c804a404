"""The whole table of states and events, written down a second time."""

from __future__ import annotations

import pytest

from coordinator.states import COLLECTING, FINAL, TABLE, Event, State, follow
from protocols.errors import PlanExpired, PolicyRefusal, RoundNotOpen
from protocols.transcript import KINDS

EXPECTED = """
              proposed   open      closing   closed    certified masking   pending   released  withheld  cancelled
roster        proposed   open      closing   -         -         -         -         -         -         -
contribution  early      open      late      late      late      late      late      late      late      cancelled!
reminder      proposed   open      ended     ended     ended     ended     ended     ended     ended     ended
deadline      proposed   open      ended     ended     ended     ended     ended     ended     ended     ended
cancellation  cancelled  cancelled cancelled cancelled no        cancelled no        no        no        no
close         -          -         closed    -         -         -         -         -         -         -
closing       -          -         -         closed    certified masking   pending   -         -         -
certificate   -          -         -         closed    certified masking   pending   -         -         -
masked        -          -         -         -         -         masking   -         -         -         -
sums          -          -         -         -         certified -         -         -         -         -
release       -          -         -         -         pending   pending   -         -         -         -
endorsement   -          -         -         -         -         -         pending   released  withheld  -
refusal       proposed   open      closing   closed    certified masking   pending   -         -         -
admitted      open       -         -         -         -         -         -         -         -         -
ended         -          closing   -         -         -         -         -         -         -         -
certified     -          -         -         certified -         -         -         -         -         -
allowed       -          -         -         masking   -         -         -         -         -         -
endorsed      -          -         -         -         -         -         released  -         -         -
withheld      -          -         -         -         -         -         withheld  -         -         -
"""  # noqa: E501

REFUSALS: dict[str, tuple[type[Exception], str]] = {
    "-": (PolicyRefusal, "is {state}: no {event} is due"),
    "early": (RoundNotOpen, "is not open yet: too few trustees"),
    "late": (PlanExpired, "is {state}: it takes no contributions"),
    "cancelled!": (PlanExpired, "was cancelled"),
    "ended": (PolicyRefusal, "is {state}: its collection has ended"),
    "no": (PolicyRefusal, "is {state}: it can no longer be cancelled"),
}


def cells() -> list[tuple[State, Event, str]]:
    """Every cell of the table above."""
    states, *lines = (line.split() for line in EXPECTED.strip().splitlines())
    return [
        (State(state), Event(event), outcome)
        for event, *outcomes in lines
        for state, outcome in zip(states, outcomes, strict=True)
    ]


def test_the_table_above_has_every_state_and_every_event() -> None:
    assert sorted((state, event) for state, event, _ in cells()) == sorted(
        (state, event) for state in State for event in Event
    )


@pytest.mark.parametrize(("state", "event", "outcome"), cells())
def test_every_state_with_every_event(state: State, event: Event, outcome: str) -> None:
    if outcome in REFUSALS:
        error, words = REFUSALS[outcome]
        with pytest.raises(error, match=words.format(state=state, event=event)) as caught:
            follow(state, event, "r")
        assert type(caught.value) is error
    else:
        assert follow(state, event, "r") is State(outcome)


def test_no_state_goes_back_and_every_one_is_reached() -> None:
    order = list(State)
    reached = {State.PROPOSED}
    for state, events in TABLE.items():
        assert all(order.index(follower) >= order.index(state) for follower in events.values())
        reached.update(events.values())
    assert reached == set(State)


def test_final_states_stay() -> None:
    assert {s for s in State if set(TABLE[s].values()) <= {s}} == FINAL
    assert not FINAL & COLLECTING


def test_every_kind_of_statement_has_its_states() -> None:
    taken = {event.value for events in TABLE.values() for event in events}
    assert taken >= KINDS - {"plan", "rehearsal"}
    assert {e.value for e in Event} & KINDS == KINDS - {"plan", "rehearsal"}
