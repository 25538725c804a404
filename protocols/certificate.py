"""From opened counts and classes to a band certificate: what may be opened, and why the rest not.

Every function is pure and deterministic: each trustee runs them on what it opened and all arrive at
the same bytes, which q of them sign. The certificate holds band edges, band counts and reasons, but
no class. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from protocols import suppression
from protocols.bands import BinRange, decide_bands, tentative_bands
from protocols.cells import Decided, atoms_of, check_cells
from protocols.ceremony import Ceremony
from protocols.errors import MalformedMessage, OpeningInconsistent, PlanError
from protocols.hashing import HASH_BYTES, domain_hash
from protocols.layout import Layout
from protocols.plan import Level, Mode, Plan
from protocols.policy import Histogram, check_measure
from protocols.quorum import agreed, open_vote
from protocols.suppression import Unit
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

KIND = "certificate"
CERTIFICATE_BYTES = 1024
BAND_BYTES = 32
REASON_BYTES = 1024
"""Room for a name, and for why a measure is withheld: at most two sentences of the policy."""


@dataclass(frozen=True)
class Counts:
    """Opened bin counts of every ranked indicator, and the tentative bands of the sums ranking.

    With a table: ``leaves``, the members of each leaf, and ``units``, the sets of leaves that have
    k together (:mod:`protocols.suppression`).
    """

    members: int
    by_indicator: Mapping[str, tuple[int, ...]]
    tentative: tuple[BinRange, ...]
    leaves: tuple[int, ...] = ()
    units: tuple[Unit, ...] = ()


@dataclass(frozen=True)
class Classes:
    """Opened size-class counts: of each tentative band or unit, and of the cohort's measures."""

    bands: tuple[Mapping[str, Histogram], ...]
    cohort: Mapping[str, Histogram]
    units: Mapping[Unit, Mapping[str, Histogram]] = field(default_factory=dict)


@dataclass(frozen=True)
class RankingResult:
    """The bands of one ranked indicator."""

    indicator: str
    bands: tuple[BinRange, ...]


@dataclass(frozen=True)
class BandCertificate:
    """What q trustees allow to be opened. ``withheld`` is empty unless the whole cohort is.

    ``table``: what becomes of each cell of the plan's table, in its order. ``masks_root``: in a
    ``certified`` round that is not withheld, the root over the round keys of what is counted
    (:func:`protocols.federated.keybook.root_of`); else empty.
    """

    plan_hash: bytes
    statement_hash: bytes
    members: int
    withheld: str = ""
    rankings: tuple[RankingResult, ...] = ()
    cohort_measures: tuple[str, ...] = ()
    withheld_measures: Mapping[str, str] = field(default_factory=dict)
    table: tuple[Decided, ...] = ()
    masks_root: bytes = b""

    def to_bytes(self) -> bytes:
        """The payload that trustees sign."""
        return encode(
            pb.BandCertificate(
                plan_hash=self.plan_hash,
                statement_hash=self.statement_hash,
                members=self.members,
                withheld=self.withheld,
                rankings=[
                    pb.Ranking(
                        indicator=ranking.indicator,
                        bands=[
                            pb.Band(first_bin=b.first, end_bin=b.end, members=b.members)
                            for b in ranking.bands
                        ],
                    )
                    for ranking in self.rankings
                ],
                cohort_measures=self.cohort_measures,
                withheld_measures=[
                    pb.Withheld(measure=name, reason=reason)
                    for name, reason in self.withheld_measures.items()
                ],
                table=[pb.TableCell(members=c.members, withheld=c.withheld) for c in self.table],
                masks_root=self.masks_root,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> BandCertificate:
        """Decode; whether it fits the plan is :func:`check_form`'s business."""
        message = decode(pb.BandCertificate, data)
        certificate = cls(
            message.plan_hash,
            message.statement_hash,
            message.members,
            message.withheld,
            tuple(
                RankingResult(
                    ranking.indicator,
                    tuple(BinRange(b.first_bin, b.end_bin, b.members) for b in ranking.bands),
                )
                for ranking in message.rankings
            ),
            tuple(message.cohort_measures),
            {w.measure: w.reason for w in message.withheld_measures},
            tuple(Decided(cell.members, cell.withheld) for cell in message.table),
            message.masks_root,
        )
        if certificate.to_bytes() != data:
            raise MalformedMessage("band certificate: a measure is withheld twice")
        return certificate

    @cached_property
    def hash(self) -> bytes:
        """How share sets and the release refer to it."""
        return domain_hash("cefed/certificate/v1", self.to_bytes())

    def ranking(self, indicator: str) -> tuple[BinRange, ...]:
        """The bands of ``indicator``; empty if it has none."""
        return next((r.bands for r in self.rankings if r.indicator == indicator), ())


def read_counts(plan: Plan, layout: Layout, opened: Mapping[str, int], members: int) -> Counts:
    """Decode the opened N and form tentative bands, or units of the table.

    :param opened: plaintexts by opening label, for ``layout.count_labels()``.
    :param members: how many contributions the closing statement includes.
    :raises OpeningInconsistent: a ranking does not count every member once.
    """
    counts = {i.name: layout.decode_counts(i.name, opened) for i in plan.ranked_indicators}
    leaves = layout.decode_cells(opened)
    tabulated = [("the table", leaves)] if plan.table else []
    for name, bins in [*counts.items(), *tabulated]:
        if sum(bins) != members:
            raise OpeningInconsistent(
                f"the bins of {name} hold {sum(bins)} members, {members} took part: "
                "a contribution is not one-hot"
            )
    ranked = plan.sums_indicator
    bands = tentative_bands(counts[ranked.name], plan.policy) if ranked else ()
    units = suppression.units(plan.table, leaves, plan.policy) if plan.table else ()
    return Counts(members, counts, bands, leaves, units)


def class_labels(layout: Layout, counts: Counts) -> list[str]:
    """What is opened next: the classes of each tentative band or unit, and those of the cohort."""
    labels = [x for band in counts.tentative for x in layout.class_labels(band.first, band.end)]
    labels += [x for unit in counts.units for x in layout.union_class_labels(unit)]
    return labels + layout.cohort_class_labels()


def read_classes(layout: Layout, counts: Counts, opened: Mapping[str, int]) -> Classes:
    """Decode the opened K. :raises OpeningInconsistent: a measure is not classed once a member."""
    bands = tuple(
        layout.decode_classes(Level.BAND, layout.class_labels(band.first, band.end), opened)
        for band in counts.tentative
    )
    cohort = layout.decode_classes(Level.COHORT, layout.cohort_class_labels(), opened)
    units = {
        unit: layout.decode_classes(Level.BAND, layout.union_class_labels(unit), opened)
        for unit in counts.units
    }
    cells = [(b.members, h) for b, h in zip(counts.tentative, bands, strict=True)]
    cells += [(sum(counts.leaves[leaf] for leaf in unit), h) for unit, h in units.items()]
    for members, histograms in [*cells, (counts.members, cohort)]:
        for measure, histogram in histograms.items():
            if sum(histogram) != members:
                raise OpeningInconsistent(
                    f"the classes of {measure} do not count every member once: "
                    "a contribution is not one-hot"
                )
    return Classes(bands, cohort, units)


def certify(
    plan: Plan,
    layout: Layout,
    statement_hash: bytes,
    counts: Counts,
    classes: Classes,
    masks_root: bytes = b"",
) -> BandCertificate:
    """Apply the policy. Run by each trustee; all arrive at the same certificate.

    :param masks_root: over the round keys of what is counted, in a ``certified`` round.
    """
    minimum = plan.policy.minimum_cohort
    if counts.members < minimum:
        reason = f"fewer than {minimum} enterprises took part"
        return withhold(plan, statement_hash, counts.members, reason)
    rankings: list[RankingResult] = []
    for indicator in plan.ranked_indicators:
        if indicator == plan.sums_indicator:
            decision = decide_bands(
                counts.tentative, classes.bands, plan.policy, plan.public_limits
            )
            if not decision.bands:
                reasons = "; ".join(v.text for v in decision.violations)
                return withhold(
                    plan, statement_hash, counts.members, f"even as one band: {reasons}"
                )
            rankings.append(RankingResult(indicator.name, decision.bands))
        else:
            bands = tentative_bands(counts.by_indicator[indicator.name], plan.policy)
            rankings.append(RankingResult(indicator.name, bands))
    withheld = _withheld_measures(plan, classes.cohort)
    allowed = [m.name for m in plan.measures_at(Level.COHORT, published=True)]
    table = _decide_table(plan, counts, classes)
    if table and not any(cell.members for cell in table):
        reason = f"even as one cell: {table[0].withheld}"
        return withhold(plan, statement_hash, counts.members, reason)
    return BandCertificate(
        plan.hash,
        statement_hash,
        counts.members,
        table=table,
        rankings=tuple(rankings),
        cohort_measures=tuple(name for name in allowed if name not in withheld),
        withheld_measures=withheld,
        masks_root=masks_root,
    )


def _decide_table(plan: Plan, counts: Counts, classes: Classes) -> tuple[Decided, ...]:
    if plan.table is None:
        return ()
    return suppression.decide(
        plan.table, counts.leaves, classes.units, plan.policy, plan.public_limits
    )


def withhold(plan: Plan, statement_hash: bytes, members: int, reason: str) -> BandCertificate:
    """The certificate of a cohort about which nothing is published."""
    return BandCertificate(plan.hash, statement_hash, members, withheld=reason)


def tally(votes: Iterable[bytes], plan: Plan, ceremony: Ceremony) -> BandCertificate:
    """The certificate that q trustees signed, checked for form.

    :raises QuorumMissing: fewer than q distinct trustees agree.
    """
    opened = (open_vote(data, KIND, ceremony) for data in votes)
    payload = agreed(((who, vote.payload) for who, vote in opened), ceremony, "band certificate")
    certificate = BandCertificate.from_bytes(payload)
    check_form(certificate, plan)
    return certificate


def max_bytes(plan: Plan) -> int:
    """The largest signed certificate that is looked at: all bands there can be, and all reasons."""
    cells = len(plan.table.cells) if plan.table else 0
    bands = sum(indicator.bins for indicator in plan.ranked_indicators) + cells
    named = len(plan.ranked_indicators) + len(plan.measures) + cells
    return CERTIFICATE_BYTES + bands * BAND_BYTES + named * REASON_BYTES


def check_form(certificate: BandCertificate, plan: Plan) -> None:
    """What anyone can check of a certificate without the classes.

    :raises PlanError: it is for another plan. :raises OpeningInconsistent: bands that do not cover
        the bins, hold fewer than k, or do not add up; measures that do not exist.
    """
    if certificate.plan_hash != plan.hash:
        raise PlanError("the band certificate belongs to another plan")
    if certificate.members > plan.participants:
        raise OpeningInconsistent("the certificate counts more members than the roster has")
    if certificate.withheld:
        if (
            certificate.rankings
            or certificate.cohort_measures
            or certificate.withheld_measures
            or certificate.table
            or certificate.masks_root
        ):
            raise OpeningInconsistent("a withheld cohort has nothing to publish")
        return
    if len(certificate.masks_root) != (HASH_BYTES if plan.mode is Mode.CERTIFIED else 0):
        raise OpeningInconsistent(
            "the certificate has to name the round keys of a federated round, and of no other"
        )
    expected = [i.name for i in plan.ranked_indicators]
    if [r.indicator for r in certificate.rankings] != expected:
        raise OpeningInconsistent("the certificate does not decide exactly the plan's rankings")
    for indicator, ranking in zip(plan.ranked_indicators, certificate.rankings, strict=True):
        _check_bands(ranking, indicator.bins, certificate.members, plan.policy.minimum_cohort)
    if plan.table is not None:
        minimum = plan.policy.minimum_cohort
        check_cells(plan.table, certificate.table, certificate.members, minimum)
    elif certificate.table:
        raise OpeningInconsistent("the certificate decides a table that the plan has not")
    published = [m.name for m in plan.measures_at(Level.COHORT, published=True)]
    decided = [*certificate.cohort_measures, *certificate.withheld_measures]
    if sorted(decided) != sorted(published):
        raise OpeningInconsistent("the certificate does not decide every cohort-level measure once")
    allowed = [name for name in published if name in certificate.cohort_measures]
    if list(certificate.cohort_measures) != allowed:
        raise OpeningInconsistent("the certificate lists cohort-level measures out of order")


def sum_labels(plan: Plan, layout: Layout, certificate: BandCertificate) -> list[str]:
    """Exactly what may be opened under ``certificate``, in order.

    Nothing in a ``certified`` round, where the certified sums are masked and not encrypted.
    """
    if certificate.withheld or plan.mode is Mode.CERTIFIED:
        return []
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    labels = [x for band in bands for x in layout.sum_labels(band.first, band.end)]
    if plan.table is not None:
        # Atoms, not cells: disjoint, and exactly what a reader can compute from the cells.
        for atom in atoms_of(plan.table, certificate.table).values():
            labels += layout.union_sum_labels(atom)
    for measure in certificate.cohort_measures:
        labels += layout.cohort_sum_labels(measure)
    return labels


def _withheld_measures(plan: Plan, cohort: Mapping[str, Histogram]) -> dict[str, str]:
    """Cohort-level measures that fail the policy, or whose guard does, with the reason."""
    withheld: dict[str, str] = {}
    for measure in plan.measures_at(Level.COHORT):
        name = measure.name
        violation = check_measure(name, cohort[name], plan.policy, plan.public_limits[name])
        if violation is not None:
            own = (name,) if measure.published else ()
            for hidden in (*own, *measure.protects):
                withheld.setdefault(hidden, violation.text)
    return dict(sorted(withheld.items()))


def _check_bands(ranking: RankingResult, bins: int, members: int, minimum: int) -> None:
    bands = ranking.bands
    what = f"the bands of {ranking.indicator}"
    if not bands or bands[0].first != 0 or bands[-1].end != bins:
        raise OpeningInconsistent(f"{what} do not cover all bins")
    if any(a.end != b.first for a, b in pairwise(bands)) or any(b.first >= b.end for b in bands):
        raise OpeningInconsistent(f"{what} overlap or leave a gap")
    if any(band.members < minimum for band in bands):
        raise OpeningInconsistent(f"{what} include one of fewer than {minimum} members")
    if sum(band.members for band in bands) != members:
        raise OpeningInconsistent(f"{what} do not add up to the members who took part")
