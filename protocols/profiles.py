"""The disclosure policy of a plan: its rules, and the named profiles it may be built on.

A policy is a least number of contributors and one to three dominance rules, all of which must hold
(:mod:`protocols.dominance`). The p% rule is in every policy: bins and claimed bands are made at
least p percent wide by it, and each named profile implies it anyway. SPEC.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from protocols.dominance import P_PERCENT, DominanceRule, p_percent, top_share
from protocols.encoding import RESOLUTIONS
from protocols.errors import PlanError

STATISTICAL, TOP_SHARE, SAFETY_ZONE, FIFTEEN = "statistical", "nk", "safety-zone", "fifteen"
MAX_TOP_COUNT = 10


@dataclass(frozen=True)
class Policy:
    """The rules of a plan: what has to hold for every published figure.

    ``minimum_cohort``: least number of members with a value that is not zero, at least 3.
    ``dominance_percent``: p of the p% rule, 1 to 100: the contributions beside the two largest add
    up to at least p percent of the largest. ``largest_share_percent``: most that the largest may
    hold of a sum. ``top_count`` and ``top_share_percent``: the n and k of the (n,k) rule; the n
    largest hold at most k percent. 0 where a rule is not applied; rules combine by "and".
    ``classes_per_octave``: how finely trustees see sizes, one of
    :data:`protocols.encoding.RESOLUTIONS`. Finer classes refuse fewer safe cells and show more;
    a class is at least p percent wide, as a bin is, so that a trustee who can tell whose class it
    is still has no estimate closer than the p% rule allows. Raises :class:`PlanError`.
    """

    minimum_cohort: int = 5
    dominance_percent: int = 10
    largest_share_percent: int = 0
    top_count: int = 0
    top_share_percent: int = 0
    classes_per_octave: int = 1

    def __post_init__(self) -> None:
        _within("minimum_cohort", self.minimum_cohort, 3, (1 << 20) - 1, "5 is the default")
        _within("dominance_percent", self.dominance_percent, 1, 100, "10 is the default")
        for name in ("largest_share_percent", "top_share_percent"):
            _within(name, getattr(self, name), 0, 99, "0 leaves the rule out")
        _within("top_count", self.top_count, 0, MAX_TOP_COUNT, "0 leaves the rule out")
        if bool(self.top_count) != bool(self.top_share_percent):
            raise PlanError(
                "policy: the (n,k) rule needs both top_count and top_share_percent, or neither"
            )
        if type(self.classes_per_octave) is not int or self.classes_per_octave not in RESOLUTIONS:
            raise PlanError(
                f"policy: classes_per_octave must be one of {', '.join(map(str, RESOLUTIONS))}"
            )
        finest = finest_classes(self.dominance_percent)
        if self.classes_per_octave > finest:
            raise PlanError(
                f"policy: {self.classes_per_octave} classes an octave are narrower than p = "
                f"{self.dominance_percent} percent, so trustees would see sizes more closely than "
                f"the p% rule allows; use at most {finest}"
            )

    @cached_property
    def rules(self) -> tuple[DominanceRule, ...]:
        """The dominance rules that apply, the p% rule first."""
        found = [p_percent(self.dominance_percent)]
        if self.largest_share_percent:
            found.append(top_share(1, self.largest_share_percent))
        if self.top_count:
            found.append(top_share(self.top_count, self.top_share_percent))
        return tuple(found)

    def implies(self, rule: DominanceRule) -> bool:
        """Whether a single rule of this policy implies ``rule``.

        Never true without reason; may be false where only two rules together imply it. As a
        relation between rule sets this is reflexive and transitive, which is what limits need.
        A p% rule is implied by one of no smaller p alone: p also says how near the plan's minimum
        and bound may come (:mod:`protocols.known_limits`), of which share rules know nothing.
        """
        own = [r for r in self.rules if r.name == rule.name or rule.name != P_PERCENT]
        return any(other.implies(rule) for other in own)

    def keeps(self, other: Policy) -> bool:
        """Whether whatever may be published under this policy may be under ``other`` too.

        Resolutions are left out: they are about what trustees see, not about what is published.
        """
        return self.minimum_cohort >= other.minimum_cohort and all(
            self.implies(rule) for rule in other.rules
        )

    def as_document(self) -> dict[str, Any]:
        """The policy as a release shows it; rules that are not applied are left out."""
        found: dict[str, Any] = {
            "profile": self.profile or None,
            "minimum_cohort": self.minimum_cohort,
            "dominance_percent": self.dominance_percent,
            "largest_share_percent": self.largest_share_percent,
            "top_count": self.top_count,
            "top_share_percent": self.top_share_percent,
            "classes_per_octave": self.classes_per_octave,
        }
        return {name: value for name, value in found.items() if value != 0}

    def describe(self) -> str:
        """The policy in words, for a member or an authority."""
        rules = ", ".join(rule_text(rule) for rule in self.rules)
        classes = self.classes_per_octave
        return (
            f"at least {self.minimum_cohort} enterprises behind a figure, {rules}; trustees see "
            f"sizes in {classes} class{'es' if classes > 1 else ''} an octave"
        )

    @property
    def profile(self) -> str:
        """The strictest named profile that these rules keep; "" if they keep none."""
        return next((name for name, made in PROFILES.items() if self.keeps(made)), "")


def finest_classes(percent: int) -> int:
    """The most classes an octave that are ``percent`` percent wide: ``2^(1/r) >= 1 + p/100``.

    In integers: ``2 * 100^r >= (100 + p)^r``. For 10 percent it is 4. Class edges are whole, so
    classes of small integers are narrower: those below 16 with 4 classes an octave.
    """
    return max(r for r in RESOLUTIONS if 2 * 100**r >= (100 + percent) ** r)


def _within(name: str, value: object, least: int, most: int, hint: str) -> None:
    if type(value) is not int or not least <= value <= most:
        limits = f"at least {least}" if most == (1 << 20) - 1 else f"from {least} to {most}"
        raise PlanError(f"policy: {name} must be {limits}; {hint}")


PROFILES: Mapping[str, Policy] = {
    FIFTEEN: Policy(15, 10, largest_share_percent=15, classes_per_octave=4),
    SAFETY_ZONE: Policy(5, 10, largest_share_percent=25, classes_per_octave=4),
    TOP_SHARE: Policy(5, 10, top_count=2, top_share_percent=85, classes_per_octave=2),
    STATISTICAL: Policy(5, 10),
}
"""By name, each stricter than the ones after it (so the first that a policy keeps is its name).

``fifteen``: the 15/15 rule. ``safety-zone``: nobody above a quarter. ``nk``: the two largest hold
at most 85 percent. Each has the coarsest classes that refuse under a tenth of the safe cells of
the real plants (``cefed sim profiles``; SPEC.md section 8 has the figures).
"""


def profile(name: str) -> Policy:
    """The profile called ``name``. :raises PlanError: there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise PlanError(f"policy: no profile {name!r}; use one of {', '.join(PROFILES)}") from None


def rule_text(rule: DominanceRule) -> str:
    """What a rule demands, for people; ``rule`` is one that :class:`Policy` makes."""
    if rule.name == "dominance":
        return f"the p% rule with p = {rule.weights[0] - 100}"
    if rule.name == "largest-share":
        return f"nobody above {rule.limit} % of a published sum (largest share)"
    return (
        f"the {len(rule.weights)} largest together at most {rule.limit} % of a published sum "
        "((n,k) rule)"
    )
