"""Noise on released sums: each member adds a share inside its encryption, so nobody sees the total.

**What a member adds.** To each published measure in its own section (bin, leaf or cohort) a sample
of the discrete Gaussian ``N_Z(0, v)``, under the condition ``|y| <= B`` with ``B`` about
``20 sqrt(v)``, drawn anew for each contribution. Slots hold no negative integers, so it adds ``B``
as well, and n times ``B`` is taken off the opened sum of n members. The other sections stay zero: a
band of n has the noise of exactly n shares. SPEC.md section 8, docs/noise.md.

**Neighbours.** Two sets of members are neighbours if they differ in the measures of one member,
all within the plan's minimum and bound, and lead to the same band certificate. The certificate,
and what it rests on, is *invariant*: counts, bands, what is withheld. A neighbour's member is in
the same band, since any other would change the certificate's counts, so one sum a measure changes,
by at most ``D = bound - minimum``.

**How large v is.** At least m of a band's members keep their shares to themselves: k of the policy
less those who may collude. Let ``Y_1 .. Y_m`` be their shares and write any change ``d <= D`` as a
sum of m integers ``d_i`` that differ by at most 1. Then the sum of the ``Y_i`` plus d is the sum of
the ``Y_i + d_i``, and by post-processing, independence, and theorem 4 of Canonne, Kamath, Steinke
(2020), ``D_a(N_Z(0,v) + d_i || N_Z(0,v)) <= a d_i^2 / (2v)``, for every order a:

    D_a(Y + d || Y) <= a (d_1^2 + ... + d_m^2) / (2 v),

which is zero-concentrated differential privacy with ``rho = (d_1^2 + ... + d_m^2) / (2 v)``, about
``D^2 / (2 m v)``: the shares do together what one curator's noise of variance ``m v`` would do.
Further honest members only add to that, and colluding ones know their own. With M published
measures, each may take ``loss / M``; v is the least integer for that. Every number is exact.

**What the limit B adds.** ``N_Z(0, v)`` is subgaussian with variance v, so that a share exceeds B
with probability at most ``2 e^-200``: together less than 2^-260 for a million members and 128
measures. :mod:`protocols.privacy_loss` takes that out of delta.

**What is printed.** Beyond a variance of 64 a sum of shares is a discrete Gaussian of variance n v
but for a factor ``1 + 2^-800`` in every probability (Kairouz, Liu, Steinke, ICML 2021, on sums of
discrete Gaussians), and that has no more mass beyond T than the continuous one: the sum over the
integers above T is less than the integral from T, and its normalisation at least
``sqrt(2 pi n v)`` by Poisson summation. So ``|noise| <= 1.96 sqrt(n v)``, rounded up, holds with
probability above 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt
from types import MappingProxyType

from protocols.discrete_gaussian import Randbits, sample
from protocols.plan import Measure, Plan

CONFIDENCE_PERCENT = 95
"""Of every printed error and interval."""

_SINGLE, _EACH_OF_TWO = 196, 225
"""Standard deviations, in hundredths, that 95 and 97.5 % of a Gaussian lie within."""

_LIMIT, _IMPOSSIBLE = 20, 16
"""Standard deviations: of one share at most, and that no sum of shares reaches (2 e^-128)."""

LEAST_VARIANCE = 64
"""For which a sum of shares is as good as a discrete Gaussian; matters for loose terms only."""


@dataclass(frozen=True)
class Share:
    """The distribution of what each member adds to one measure.

    ``variance``: v of the discrete Gaussian. ``most``: B, the largest magnitude, and the offset
    that makes it non-negative.
    """

    variance: int
    most: int

    def half_width(self, members: int) -> int:
        """The error of a sum of ``members``, which 95 % of all draws stay within."""
        return _deviations(members * self.variance, _SINGLE)

    def half_width_of_two(self, members: int) -> int:
        """As :meth:`half_width` with 97.5 %: two sums stay within theirs together with 95 %."""
        return _deviations(members * self.variance, _EACH_OF_TWO)

    def allowance(self, members: int) -> int:
        """What the noise of a sum of ``members`` never exceeds, but with probability 2^-180."""
        return min(members * self.most, _deviations(members * self.variance, 100 * _IMPOSSIBLE))


Shares = Mapping[str, Share]
"""By published measure; empty if the plan adds no noise."""

NO_NOISE: Mapping[str, int] = MappingProxyType({})
"""What a member draws for a plan without noise."""


def shares_of(plan: Plan) -> dict[str, Share]:
    """What each member of a round adds, by measure. Equal for every party that holds the plan."""
    if plan.noise is None:
        return {}
    published = [measure for measure in plan.measures if measure.published]
    honest = plan.noise.honest(plan.policy.minimum_cohort)
    allowed = plan.noise.loss / len(published)
    return {m.name: _share(sensitivity(m), honest, allowed) for m in published}


def sensitivity(measure: Measure) -> int:
    """The most that one member can change a sum, its count and band being what they are."""
    return measure.bound - measure.minimum


def loss_of(share: Share, change: int, honest: int) -> Fraction:
    """rho of one measure: what ``honest`` shares leave to be seen of a change of this size."""
    return Fraction(_split_square(change, honest), 2 * share.variance)


def draw(shares: Shares, randbits: Randbits) -> dict[str, int]:
    """One member's noise, by measure. Run by the private side; never stored, shown or used twice.

    :param randbits: :func:`secrets.randbits` outside tests.
    """
    return {name: sample(s.variance, s.most, randbits) for name, s in shares.items()}


def disguised(
    shares: Shares, values: Mapping[str, int], drawn: Mapping[str, int]
) -> dict[str, int]:
    """A member's values with its noise and the offsets, as they go into its sections.

    :param drawn: of :func:`draw`, for exactly the measures in ``shares``.
    """
    added = {name: drawn[name] + share.most for name, share in shares.items()}
    return {name: value + added.get(name, 0) for name, value in values.items()}


def slot_bound(shares: Shares, measure: Measure) -> int:
    """The largest integer that :func:`disguised` makes of a measure's value."""
    return measure.bound + (2 * shares[measure.name].most if measure.name in shares else 0)


def centred(shares: Shares, sums: Mapping[str, int], members: int) -> dict[str, int]:
    """Opened sums of ``members`` without their offsets. A sum may come out negative."""
    return {
        name: value - members * shares[name].most if name in shares else value
        for name, value in sums.items()
    }


def ratio_interval(
    numerator: tuple[int, int], denominator: tuple[int, int], scale: Fraction
) -> tuple[Fraction, Fraction | None]:
    """What a ratio of two noisy sums lies between with 95 %, knowing that both are not negative.

    :param numerator: the sum, and its half width with 97.5 %. :param denominator: likewise.
    :returns: the lower and the upper end; None where the divisor may be zero.
    """
    top, top_width = numerator
    bottom, bottom_width = denominator
    least, most = max(0, top - top_width), max(0, top + top_width)
    smallest, largest = bottom - bottom_width, bottom + bottom_width
    lower = scale * Fraction(least, largest) if largest > 0 else Fraction(0)
    return lower, scale * Fraction(most, smallest) if smallest > 0 else None


def _share(change: int, honest: int, allowed: Fraction) -> Share:
    needed = ceil(Fraction(_split_square(change, honest), 2) / allowed)
    variance = max(LEAST_VARIANCE, needed)
    return Share(variance, _LIMIT * (isqrt(variance) + 1))


def _split_square(change: int, honest: int) -> int:
    """The sum of squares of ``honest`` integers that add up to ``change``, as equal as can be."""
    each, left = divmod(change, honest)
    return honest * each * each + left * (2 * each + 1)


def _deviations(variance: int, hundredths: int) -> int:
    """The least integer of at least ``hundredths / 100`` times the root of ``variance``."""
    square = -(-hundredths * hundredths * variance // 10_000)
    return isqrt(square - 1) + 1
