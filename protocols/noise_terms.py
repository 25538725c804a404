"""What a plan says about noise: how much each release may tell about one enterprise.

Noise is optional. A plan without it is exact and has none of these terms; docs/noise.md says what
noise protects, and what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protocols.errors import PlanError
from protocols.plan_terms import MAX_RATIONAL_BITS
from protocols.wire import codec
from protocols.wire import messages_pb2 as pb

LEAST_LOSS, MOST_LOSS = Fraction(1, 10**6), Fraction(16)
LOSS_STEP = Fraction(1, 10**9)
"""Losses are multiples of it, so that an account over many releases stays small and exact."""

LEAST_DELTA, MOST_DELTA = Fraction(1, 10**12), Fraction(1, 1000)


@dataclass(frozen=True)
class Noise:
    """The noise of a plan. Raises :class:`PlanError`.

    ``loss``: the privacy loss of one enterprise by this release, all its published measures
    together: rho of zero-concentrated differential privacy (Bun, Steinke 2016). ``budget``: the
    most that all releases of the same data may come to, this one included; parties refuse to go
    beyond it. ``delta``: the probability for which the loss is also stated as (epsilon, delta).
    ``colluding``: how many members of a band may pool what they know, their noise included,
    against the last; the others alone then still add enough.
    """

    loss: Fraction
    budget: Fraction
    delta: Fraction
    colluding: int = 1

    def __post_init__(self) -> None:
        for name, least, most in (
            ("loss", LEAST_LOSS, MOST_LOSS),
            ("budget", LEAST_LOSS, MOST_LOSS),
            ("delta", LEAST_DELTA, MOST_DELTA),
        ):
            value = getattr(self, name)
            if not isinstance(value, Fraction) or not least <= value <= most:
                raise PlanError(f"noise: {name} is an exact number from {least} to {most}")
            if max(value.numerator, value.denominator).bit_length() > MAX_RATIONAL_BITS:
                raise PlanError(f"noise: {name} is limited to {MAX_RATIONAL_BITS} bits")
        if self.loss % LOSS_STEP or self.budget % LOSS_STEP:
            raise PlanError(f"noise: loss and budget are multiples of {LOSS_STEP}")
        if self.budget < self.loss:
            raise PlanError("noise: the budget is less than what this release alone would take")
        if type(self.colluding) is not int or self.colluding < 0:
            raise PlanError("noise: colluding is a number of members, 0 or more")

    def honest(self, minimum_cohort: int) -> int:
        """How many members of the smallest band add noise that nobody knows.

        :raises PlanError: none, so that nobody would be protected.
        """
        honest = minimum_cohort - self.colluding
        if honest < 1:
            raise PlanError(
                f"noise: of a band of {minimum_cohort}, {self.colluding} may collude, so nobody is "
                f"left to protect; assume at most {minimum_cohort - 1}"
            )
        return honest


def noise_message(noise: Noise | None) -> pb.Noise | None:
    """The plan's field; absent when nothing is added."""
    if noise is None:
        return None
    return pb.Noise(
        loss=codec.encode_rational(noise.loss),
        budget=codec.encode_rational(noise.budget),
        delta=codec.encode_rational(noise.delta),
        colluding=noise.colluding,
    )


def read_noise(message: pb.Noise) -> Noise:
    """The terms in a plan's field. :raises PlanError: terms that no plan can have."""
    return Noise(
        loss=codec.decode_rational(message.loss),
        budget=codec.decode_rational(message.budget),
        delta=codec.decode_rational(message.delta),
        colluding=message.colluding,
    )
