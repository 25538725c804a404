"""How the figures of a release are written: as they are, or with the error that noise gives them.

Used by :mod:`protocols.document` alone. Without noise there is no trace of it; with it every sum
has an ``error`` and every ratio an ``interval``. docs/release-schema.md describes the fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from protocols.bands import BinRange
from protocols.errors import OpeningInconsistent
from protocols.noise import CONFIDENCE_PERCENT, Shares, centred, ratio_interval
from protocols.numbers import decimal_text
from protocols.plan import Indicator, Plan
from protocols.privacy_loss import epsilon_of

Sums = Mapping[str, int]

MECHANISM = "a discrete Gaussian share of every member, added before its values leave it"


@dataclass(frozen=True)
class Figures:
    """The sums of one round and how they are written.

    :ivar shares: what every member added, by measure; empty if nothing.
    """

    plan: Plan
    shares: Shares

    def of(self, sums: Sums, members: int) -> dict[str, int]:
        """Opened sums of ``members`` without the offsets of their noise."""
        return centred(self.shares, sums, members)

    def measures(self, sums: Sums, members: int) -> dict[str, Any]:
        """Each sum with its unit, and its error if it has one."""
        return {
            name: {"unit": self.plan.measure(name).unit, "value": str(value)}
            | ({"error": str(self.shares[name].half_width(members))} if self.shares else {})
            for name, value in sums.items()
        }

    def errors(self, names: Sequence[str], members: int) -> dict[str, str]:
        """The error of each named sum of ``members``; empty without noise."""
        return {n: str(self.shares[n].half_width(members)) for n in names if self.shares}

    def ratio(self, indicator: Indicator, sums: Sums, members: int) -> dict[str, Any]:
        """A ratio of two sums and its interval; null where a sum is missing or the divisor is
        not positive, as noise may make it."""
        top, bottom = sums.get(indicator.numerator), sums.get(indicator.denominator)
        if top is None or bottom is None:
            return {"value": None} | ({"interval": None} if self.shares else {})
        value = indicator.scale * Fraction(top, bottom) if bottom > 0 else None
        written: dict[str, Any] = {"value": None if value is None else _signed(value)}
        if not self.shares:
            return written
        lower, upper = ratio_interval(
            (top, self.shares[indicator.numerator].half_width_of_two(members)),
            (bottom, self.shares[indicator.denominator].half_width_of_two(members)),
            indicator.scale,
        )
        return written | {
            "interval": [decimal_text(lower), None if upper is None else decimal_text(upper)]
        }

    def check_inside_edges(
        self, indicator: Indicator, bands: Sequence[BinRange], sums: Sequence[Sums]
    ) -> None:
        """A ratio of sums lies between its members' ratios, so inside the band's edges.

        With noise, no further outside than noise can have brought it (:mod:`protocols.noise`).

        :raises OpeningInconsistent: it does not.
        """
        for band, values in zip(bands, sums, strict=True):
            top, bottom = values[indicator.numerator], values[indicator.denominator]
            above = self.allowance(indicator.numerator, band.members)
            beside = self.allowance(indicator.denominator, band.members)
            lower, upper = indicator.edge_value(band.first), indicator.edge_value(band.end)
            least = None if lower is None else lower / indicator.scale * (bottom - beside)
            if bottom + beside <= 0 or (least is not None and top + above < least):
                raise OpeningInconsistent(
                    "a band's ratio lies below its edges: a vector was malformed"
                )
            most = None if upper is None else upper / indicator.scale * (bottom + beside)
            if most is not None and top - above >= most:
                raise OpeningInconsistent(
                    "a band's ratio lies above its edges: a vector was malformed"
                )

    def allowance(self, measure: str, members: int) -> int:
        """How far from the members' true sum the opened one may lie; 0 without noise."""
        return self.shares[measure].allowance(members) if self.shares else 0


def noise_header(plan: Plan) -> dict[str, Any]:
    """What the release says about its noise; empty without."""
    if plan.noise is None:
        return {}
    noise = plan.noise
    return {
        "noise": {
            "mechanism": MECHANISM,
            "loss": str(noise.loss),
            "epsilon": str(epsilon_of(noise.loss, noise.delta)),
            "delta": decimal_text(noise.delta),
            "budget_epsilon": str(epsilon_of(noise.budget, noise.delta)),
            "colluding": noise.colluding,
            "confidence": decimal_text(Fraction(CONFIDENCE_PERCENT, 100)),
        }
    }


def _signed(value: Fraction) -> str:
    return f"-{decimal_text(-value)}" if value < 0 else decimal_text(value)
