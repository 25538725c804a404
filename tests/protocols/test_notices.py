"""Announcements, roster votes, refusals: read back as written, refused when they are not that."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import notices
from protocols.errors import (
    InvalidSignature,
    MalformedMessage,
    PlanError,
    ProtocolError,
    QuorumMissing,
)
from protocols.notices import Notices
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.signing import open_signed
from protocols.walkthrough import Cast, example_plan
from tests.keys import cast, signing_key, trustees

PLAYERS: Cast = cast(trustees(), 5)
ROSTER = Roster.of(Member(key.public, key.public.fingerprint) for key in PLAYERS.members)
PLAN: Plan = example_plan(ROSTER, PLAYERS.ceremony)
OTHER = dataclasses.replace(PLAN, round_id="another-round")
KEY = PLAYERS.coordinator
NOW = PLAN.opens_at + 10


def test_the_last_deadline_holds() -> None:
    said = [
        notices.make_reminder(PLAN, NOW, 3, KEY),
        notices.make_deadline(PLAN, NOW, PLAN.deadline + 60, "holidays", KEY),
        notices.make_deadline(PLAN, NOW + 1, NOW + 1, "everybody has contributed", KEY),
    ]
    read = Notices.read(said, PLAN, KEY.public)
    assert (read.deadline, read.cancelled) == (NOW + 1, None)
    assert [n.kind for n in read.all] == ["reminder", "deadline", "deadline"]
    assert read.all[0].contributed == 3
    assert read.all[1].reason == "holidays"


def test_without_announcements_the_plan_says_all() -> None:
    assert Notices.read([], PLAN, KEY.public) == Notices(PLAN.deadline, None, ())


def test_a_cancellation_carries_its_reason() -> None:
    data = notices.make_cancellation(PLAN, NOW, "wrong bins", KEY)
    assert Notices.read([data], PLAN, KEY.public).cancelled == "wrong bins"


@pytest.mark.parametrize("data", [b"", b"garbage", KEY.sign("plan", PLAN.to_bytes())])
def test_what_is_no_announcement_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        notices.read_notice(data, PLAN, KEY.public)


def test_announcements_of_another_plan_or_signer_are_refused() -> None:
    with pytest.raises(PlanError, match="another plan"):
        notices.read_notice(notices.make_reminder(OTHER, NOW, 0, KEY), PLAN, KEY.public)
    by_member = notices.make_cancellation(PLAN, NOW, "why not", PLAYERS.members[0])
    with pytest.raises(InvalidSignature, match="coordinator's to sign"):
        notices.read_notice(by_member, PLAN, KEY.public)


def test_a_deadline_before_the_opening_is_refused() -> None:
    data = notices.make_deadline(PLAN, NOW, PLAN.opens_at, "backwards", KEY)
    with pytest.raises(MalformedMessage, match="opening"):
        notices.read_notice(data, PLAN, KEY.public)


@pytest.mark.parametrize("reason", ["", "x" * 501, "two\nlines", "\x1b[2J"])
def test_reasons_are_short_and_printable(reason: str) -> None:
    with pytest.raises(MalformedMessage, match="reason"):
        notices.make_cancellation(PLAN, NOW, reason, KEY)


def test_a_rehearsal_belongs_to_its_plan_and_coordinator() -> None:
    data = notices.make_rehearsal(PLAN, b'{"bands":11}', KEY)
    assert notices.read_rehearsal(data, PLAN, KEY.public) == b'{"bands":11}'
    with pytest.raises(PlanError):
        notices.read_rehearsal(data, OTHER, KEY.public)
    with pytest.raises(InvalidSignature):
        notices.read_rehearsal(data, PLAN, signing_key(5).public)
    with pytest.raises(MalformedMessage):
        notices.make_rehearsal(PLAN, bytes(notices.MAX_REPORT + 1), KEY)


def test_the_roster_needs_the_closing_quorum_of_different_trustees() -> None:
    votes = [notices.roster_vote(PLAN, ROSTER, key) for key in PLAYERS.trustees]
    notices.roster_tally(votes[:3], PLAN, PLAYERS.ceremony)
    with pytest.raises(QuorumMissing, match="roster vote"):
        notices.roster_tally([votes[0], votes[1], votes[1]], PLAN, PLAYERS.ceremony)
    with pytest.raises(PlanError):
        notices.roster_tally(
            [*votes[:2], notices.roster_vote(OTHER, ROSTER, PLAYERS.trustees[2])],
            PLAN,
            PLAYERS.ceremony,
        )
    smaller = Roster.of(ROSTER.members[1:])
    with pytest.raises(PlanError):
        notices.roster_tally(
            [*votes[:2], notices.roster_vote(PLAN, smaller, PLAYERS.trustees[2])],
            PLAN,
            PLAYERS.ceremony,
        )
    with pytest.raises(InvalidSignature):
        notices.roster_tally(
            [*votes[:2], notices.roster_vote(PLAN, ROSTER, PLAYERS.members[0])],
            PLAN,
            PLAYERS.ceremony,
        )


def test_a_refusal_is_made_printable_and_read_back() -> None:
    data = notices.make_refusal(PLAN, "entry 3\nbreaks the chain" + "x" * 900, PLAYERS.trustees[0])
    reason = notices.read_refusal(open_signed(data, "refusal"), PLAN)
    assert reason == "entry 3 breaks the ..."
    with pytest.raises(PlanError):
        notices.read_refusal(open_signed(data, "refusal"), OTHER)


@given(st.text(max_size=1200))
def test_a_reason_of_any_length_is_made_to_fit(text: str) -> None:
    fitted = notices.fit_reason(text)
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())

    if fitted:
        assert notices.check_reason(fitted) == fitted
    assert (fitted == words) == (len(words) <= notices.MAX_REASON)
    assert words.startswith(fitted.removesuffix(notices.CUT))


def test_a_long_reason_ends_with_a_whole_clause() -> None:
    clause = "round a was opened with 3 enterprises that are not counted now; "

    fitted = notices.fit_reason(clause * 20)

    assert fitted == (clause * 7).rstrip() + " ..."
    assert notices.fit_reason(f"first. {'word ' * 200}").endswith("word word ...")
