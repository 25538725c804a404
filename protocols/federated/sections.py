"""What stands where in the masked vector of a ``certified`` round.

For each section that the certificate allows to be summed (a band, or an atom of the table) a count
word and the published band-level measures; then the same for the cohort, with the cohort-level
measures that the certificate allows. A member writes 1 and its values into its own section and into
the cohort's, and zeros elsewhere. The counts of the sum are the certificate's, or somebody's vector
was malformed or missing: a sum that still has masks in it passes with a probability of 2^-64 for
each count. SPEC.md section 11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.certificate import BandCertificate
from protocols.errors import ContributionRefused, OpeningInconsistent
from protocols.noise import NO_NOISE, disguised, shares_of, slot_bound
from protocols.plan import Level, Plan
from protocols.sums import CertifiedSums, sections_of
from protocols.values import checked, section_of


def words(plan: Plan, certificate: BandCertificate) -> int:
    """The length of a masked vector under ``certificate``, in words."""
    parts = len(sections_of(plan, certificate))
    return parts * (1 + len(_summed(plan))) + 1 + len(certificate.cohort_measures)


def most_words(plan: Plan) -> int:
    """The length of the longest vector that any certificate of this plan asks for."""
    cohort = plan.measures_at(Level.COHORT, published=True)
    return plan.sections * (1 + len(_summed(plan))) + 1 + len(cohort)


def encode(
    plan: Plan,
    certificate: BandCertificate,
    measures: Mapping[str, int],
    category: str | None = None,
    noise: Mapping[str, int] = NO_NOISE,
) -> list[int]:
    """A member's vector before it is masked. Run on the private side only.

    :param measures: what the counted contribution held: every measure, guards included.
    :param category: the member's leaf of the plan's table; not looked at if there is none.
    :param noise: drawn by :func:`protocols.noise.draw` for exactly the plan's shares.
    :raises ContributionRefused: as for a contribution, or the certificate has nobody in the
        member's section. :raises BoundExceeded: a value outside minimum..bound.
    """
    shares = shares_of(plan)
    if set(noise) != set(shares):
        raise ContributionRefused("the plan wants noise on exactly its published measures")
    values = checked(plan, measures)
    written = disguised(shares, values, noise)
    own = section_of(plan, values, category)
    sections = sections_of(plan, certificate)
    if sections and not any(own in section.places for section in sections):
        raise ContributionRefused(
            "the certificate has nobody where this member is, so its own contribution is not what "
            "was certified: nothing is masked for it"
        )
    vector: list[int] = []
    for section in sections:
        inside = own in section.places
        vector += _part([written[name] for name in _summed(plan)], inside=inside)
    return vector + _part([written[name] for name in certificate.cohort_measures], inside=True)


def decode(plan: Plan, certificate: BandCertificate, vector: Sequence[int]) -> CertifiedSums:
    """The sums in the sum of every counted member's vector.

    :raises OpeningInconsistent: counts that are not the certificate's, or a sum that no
        well-formed vectors have.
    """
    if len(vector) != words(plan, certificate):
        raise OpeningInconsistent("the masked sum has another length than the certificate asks for")
    names, start = _summed(plan), 0
    found: list[Mapping[str, int]] = []
    cohort = (certificate.members, certificate.cohort_measures)
    parts = [(s.members, names) for s in sections_of(plan, certificate)]
    for members, measures in [*parts, cohort]:
        if vector[start] != members:
            raise OpeningInconsistent(
                "the counts of the masked sum are not those of the certificate: a vector was "
                "malformed, or is not in the sum"
            )
        end = start + 1 + len(measures)
        found.append(dict(zip(measures, vector[start + 1 : end], strict=True)))
        start = end
    _check_most(plan, found)
    return CertifiedSums(tuple(found[:-1]), found[-1])


def _summed(plan: Plan) -> tuple[str, ...]:
    return tuple(m.name for m in plan.measures_at(Level.BAND, published=True))


def _part(values: Sequence[int], *, inside: bool) -> list[int]:
    return [1, *values] if inside else [0] * (1 + len(values))


def _check_most(plan: Plan, found: Sequence[Mapping[str, int]]) -> None:
    """As for an unpacked plaintext: nothing exceeds what all participants can add up to."""
    shares = shares_of(plan)
    most = {m.name: plan.participants * slot_bound(shares, m) for m in plan.measures}
    for part in found:
        for name, value in part.items():
            if value > most[name]:
                raise OpeningInconsistent(
                    f"the sum of {name} is more than all participants can add up to"
                )
