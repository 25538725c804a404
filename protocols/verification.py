"""Offline verification of one round, as a numbered list of named conditions.

Every condition is evaluated and every failure reported; a condition whose inputs failed is reported
as not evaluated, never as passed. Verification needs no key and no network. What it cannot know is
left to the caller and listed in :data:`CALLER_DUTIES`. SPEC.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocols.conditions import CONDITIONS, Check
from protocols.errors import ProtocolError
from protocols.evidence import Evidence

CALLER_DUTIES = (
    "compare the fingerprints of coordinator, dealer and trustees with those you know",
    "make sure that trustees and coordinator are different organisations",
    "make sure that the pseudonyms are real enterprises: ask a trustee that countersigned",
    "compare the head of the transcript with that of somebody else, or with your own receipt",
)


class Outcome(StrEnum):
    """What became of a condition."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Condition:
    """One numbered condition with its outcome; ``reason`` is empty when it holds."""

    number: int
    name: str
    text: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome of a verification; ``facts`` are what the caller has duties about."""

    round_id: str
    conditions: tuple[Condition, ...]
    facts: tuple[tuple[str, str], ...]
    document: bytes | None

    @property
    def accepted(self) -> bool:
        """Whether every condition holds."""
        return all(c.outcome is Outcome.HOLDS for c in self.conditions)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the conditions that fail."""
        return tuple(c.name for c in self.conditions if c.outcome is Outcome.FAILS)


def verify_round(
    round_id: str,
    ceremony: bytes,
    countersignatures: Sequence[bytes],
    roster: bytes,
    entries: Iterable[tuple[str, bytes]],
    *,
    unsafe_small_modulus: bool = False,
) -> Report:
    """Evaluate every condition on a finished round.

    :param entries: kind and signed statement of every transcript entry, in order.
    :param unsafe_small_modulus: accept a modulus under 2048 bits; tests only.
    """
    evidence = Evidence(
        round_id, ceremony, countersignatures, roster, list(entries), unsafe_small_modulus
    )
    broken: set[str] = set()
    conditions = []
    for number, check in enumerate(CONDITIONS, start=1):
        outcome, reason = _evaluate(evidence, check, broken)
        if outcome is not Outcome.HOLDS:
            broken.add(check.name)
        conditions.append(Condition(number, check.name, check.text, outcome, reason))
    return Report(round_id, tuple(conditions), _facts(evidence), evidence.document)


def _evaluate(evidence: Evidence, check: Check, broken: set[str]) -> tuple[Outcome, str]:
    missing = [name for name in check.needs if name in broken]
    if missing:
        return Outcome.NOT_EVALUATED, f"needs {', '.join(missing)}"
    try:
        check.run(evidence)
    except ProtocolError as error:
        return Outcome.FAILS, str(error)
    return Outcome.HOLDS, ""


def _facts(e: Evidence) -> tuple[tuple[str, str], ...]:
    """Fingerprints and counts for the caller's duties; only what could be decoded."""
    facts: list[tuple[str, str]] = []

    def note(name: str, value: Callable[[], str]) -> None:
        try:
            facts.append((name, value()))
        except ProtocolError:
            facts.append((name, "not readable"))

    note("coordinator", lambda: e.plan_statement.signer.fingerprint)
    note("dealer", lambda: e.ceremony.dealer.fingerprint)
    note(
        "trustees",
        lambda: ", ".join(f"{t.name} {t.signing_key.fingerprint}" for t in e.ceremony.trustees),
    )
    note("members", lambda: f"{len(e.proposal.included)} of {len(e.roster.members)} on the roster")
    return tuple(facts)
