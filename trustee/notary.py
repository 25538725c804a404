"""A trustee's word on a round as a whole: its vote for the roster, and why it left one.

Both are remembered on disk before they are said, and said once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocols import notices
from protocols.enrolment import EnrolmentError
from protocols.errors import ProtocolError
from protocols.signing import SigningKey
from protocols.terms import Terms
from trustee.agreement import TrusteeLimits
from trustee.client import Members
from trustee.errors import RefusedError, StumbledError
from trustee.membership import see_roster
from trustee.metrics import Metrics
from trustee.refusals import Refusal, Refusals
from trustee.rosters import Rosters, SeenMember, SeenRoster

LOG = logging.getLogger("cefed.trustee")

CERTIFICATES = "a certificate of the roster does not hold; ask this trustee which"
"""Refusals are public and members are pseudonyms there; the reason itself may name one."""


class Registry(Protocol):
    """What is needed of a board here."""

    def members(self, round_id: str) -> Members:
        """Who is behind a round's roster."""

    def post(self, round_id: str, statement: bytes) -> None:
        """Add a statement to its transcript."""


class Notary:
    """The rosters and refusals of one trustee.

    :param clock: seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        board: Registry,
        folder: Path,
        limits: TrusteeLimits,
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._board = board
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._rosters = Rosters(folder)
        self._refusals = Refusals(folder)
        self._untold = self._refusals.untold()
        self._voted: set[bytes] = set()
        self._asked: set[bytes] = set()

    def refused(self, plan_hash: bytes) -> bool:
        """Whether this trustee left the round of this plan before, perhaps in an earlier run."""
        return self._refusals.holds(plan_hash)

    def approved(self, terms: Terms, signing: SigningKey, proposed: bool) -> SeenRoster | None:
        """The round's roster if this trustee approved it; posts its vote while that is asked for.

        Certificates are looked at before the vote, and once by a trustee that missed the vote: it
        does not sign a closing over members it never saw. If they name others at the vote than were
        approved, that approval is void. Another key than was approved before for an enterprise, of
        which the trustee's list has the id alone, waits for a person.

        :raises ProtocolError: the roster is refused.
        """
        plan = terms.plan
        seen = self._rosters.get(plan.hash)
        vote = proposed and plan.hash not in self._voted
        if seen is None or (vote and seen.approved is not None):
            found = self._look(terms)
            if seen is None or seen.members != found.members:
                if seen is not None:
                    LOG.warning("round %s: its certificates changed since", plan.round_id)
                    self._asked.discard(plan.hash)
                seen = found
                self._rosters.keep(seen)
        if seen.approved is None:
            if plan.hash in self._asked:
                return None
            changes = self._unlisted_changes(seen)
            if self._limits.approve_by_hand or changes:
                self._ask(plan.hash, seen, len(changes))
                return None
            seen = self._rosters.approve(seen, int(self._clock()), by_hand=False)
            LOG.info("round %s: roster approved, %d members", plan.round_id, len(seen.members))
        if vote:
            self._post_vote(terms, signing)
        return seen

    def refuse(self, terms: Terms, signing: SigningKey, error: ProtocolError) -> None:
        """Remember why a round was left, and tell the coordinator, now or when it answers."""
        name = type(error).__name__
        words = CERTIFICATES if isinstance(error, EnrolmentError) else str(error)
        statement = notices.make_refusal(terms.plan, words, signing)
        refusal = Refusal(
            terms.plan.round_id,
            terms.plan.hash.hex(),
            words,
            int(self._clock()),
            statement.hex(),
        )
        self._metrics.refused.labels(reason=name).inc()
        if self._refusals.add(refusal):
            self._untold.append(refusal)

    def tell_refusals(self) -> None:
        """Post what was not posted yet.

        :raises UnreachableError: the coordinator does not answer.
        """
        for refusal in list(self._untold):
            try:
                self._board.post(refusal.round_id, bytes.fromhex(refusal.statement))
                self._metrics.posted.labels(kind=notices.REFUSAL).inc()
            except StumbledError:
                continue
            except RefusedError as error:
                # It has ended, or the plan is not the one that the coordinator keeps.
                LOG.warning("round %s: %s", refusal.round_id, error)
            self._refusals.tell(refusal)
            self._untold.remove(refusal)

    def _look(self, terms: Terms) -> SeenRoster:
        members = self._board.members(terms.plan.round_id)
        now = int(self._clock())
        return see_roster(terms, members.certificates, members.revocations, self._limits, now=now)

    def _unlisted_changes(self, seen: SeenRoster) -> list[SeenMember]:
        """Members with another key than before, whom the list knows by their id alone."""
        known = self._limits.known_enterprises
        if known is None:
            return []
        changed = self._rosters.changes(seen)
        return [member for member in changed if not known.get(member.enterprise_id)]

    def _ask(self, plan_hash: bytes, seen: SeenRoster, changes: int) -> None:
        self._asked.add(plan_hash)
        LOG.warning(
            "round %s: its roster of %d members, %d of them with another key than before, "
            "waits for a person: cefed trustee roster show DIR %s, then approve",
            seen.round_id,
            len(seen.members),
            changes,
            seen.round_id,
        )

    def _post_vote(self, terms: Terms, signing: SigningKey) -> None:
        plan = terms.plan
        try:
            self._board.post(plan.round_id, notices.roster_vote(plan, terms.roster, signing))
            self._metrics.posted.labels(kind=notices.ROSTER).inc()
            LOG.info("round %s: posted %s", plan.round_id, notices.ROSTER)
        except RefusedError as error:
            # Others have been quicker, or it voted before it was restarted.
            LOG.info("round %s: %s", plan.round_id, error)
        self._voted.add(plan.hash)
