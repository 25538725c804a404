"""Release documents as typed values: the one place where their JSON is read and checked.

Called by `targets` and `report`. The schema is docs/release-schema.md; a document that departs
from it raises `DocumentError` with the cohort and the field, never a `KeyError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from coordinator.errors import DocumentError
from coordinator.nodes import Node, Quantity


@dataclass(frozen=True)
class Indicator:
    """An indicator of the whole cohort: scale x numerator / denominator, rounded once."""

    name: str
    unit: str
    value: Quantity | None
    numerator: str
    denominator: str
    scale: Fraction
    higher_is_better: bool


@dataclass(frozen=True)
class Band:
    """One band of a ranking; `lower` and `upper` are None at the open ends."""

    n: int
    lower: Quantity | None
    upper: Quantity | None
    measures: Mapping[str, Quantity]
    indicators: Mapping[str, Quantity]


@dataclass(frozen=True)
class TableCell:
    """A cell of a table: `path` is empty for the total; `n` is None where it is withheld."""

    path: str
    n: int | None
    withheld: str | None
    measures: Mapping[str, Quantity]
    indicators: Mapping[str, Quantity]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its path, from the outermost."""
        return tuple(self.path.split("/")) if self.path else ()


@dataclass(frozen=True)
class CutPoint:
    """The indicator's value below which `share` of the members lie; `target` is what was sought."""

    target: Fraction
    share: str
    value: Quantity


@dataclass(frozen=True)
class RankedList:
    """Counts and cut-points of one ranked indicator, or why they were withheld."""

    name: str
    unit: str
    higher_is_better: bool
    bands: tuple[Band, ...]
    cut_points: tuple[CutPoint, ...]
    withheld: str | None

    def cut(self, target: Fraction) -> CutPoint | None:
        """The cut-point published for this percentile, if any."""
        return next((point for point in self.cut_points if point.target == target), None)


@dataclass(frozen=True)
class BestDecile:
    """Ratio of sums over the best bands nearest to one tenth of the members.

    `near` is false where no set of bands holds about a tenth.
    """

    indicator: str
    share: str
    n: int
    value: Quantity
    near: bool


@dataclass(frozen=True)
class Noise:
    """What the sums of a cohort tell of one enterprise at most, in the release's own words."""

    epsilon: str
    delta: str
    budget_epsilon: str
    colluding: int


@dataclass(frozen=True)
class Cohort:
    """One release document. `n` is None when the cohort is smaller than the policy's minimum."""

    name: str
    title: str
    period: str
    round_id: str
    plan_hash: str
    n: int | None
    withheld: str | None
    definitions: Mapping[str, str]
    minimum_cohort: int | None
    dominance_percent: int | None
    largest_share_percent: int | None
    top_count: int | None
    top_share_percent: int | None
    measures: Mapping[str, Quantity]
    withheld_measures: Mapping[str, str]
    indicators: Mapping[str, Indicator]
    ranking: str | None
    bands: tuple[Band, ...]
    rankings: Mapping[str, RankedList]
    best_decile: BestDecile | None
    best_withheld: str | None
    tabulated_by: str | None = None
    table: tuple[TableCell, ...] = ()
    noise: Noise | None = None
    backend: str = ""
    """"paillier", "certified" or "totals"; empty in a document that does not say."""
    dominance_controlled: bool = True
    publicly_verifiable: bool = True

    @property
    def leaves(self) -> tuple[TableCell, ...]:
        """The cells of the table that have no parts."""
        inner = {cell.parts[:-1] for cell in self.table if cell.parts}
        return tuple(cell for cell in self.table if cell.parts not in inner)

    @property
    def measure_names(self) -> frozenset[str]:
        """The measures that its plan publishes, withheld ones included; none of a withheld cohort.

        A guard, which only protects others, is not among them.
        """
        used = (
            name for one in self.indicators.values() for name in (one.numerator, one.denominator)
        )
        return frozenset((*self.measures, *self.withheld_measures, *used))

    @property
    def totals_only(self) -> bool:
        """Whether the bands that the plan asks for have become one, which says no more than totals.

        An earlier round opened data of the same enterprises, or the policy passes no finer ones.
        """
        return len(self.bands) == 1

    @property
    def ranked(self) -> Indicator | None:
        """The indicator by which the bands with sums were formed."""
        return None if self.ranking is None else self.indicators.get(self.ranking)


def read_cohort(document: Mapping[str, object]) -> Cohort:
    """Check one release document and return it as a `Cohort`.

    Raises:
        DocumentError: a field is missing, of the wrong type, or not a plain decimal.
    """
    name = Node(document, "release document").text("cohort")
    return _cohort(Node(document, f"cohort {name!r}"))


def read_cohorts(documents: Sequence[Mapping[str, object]]) -> tuple[Cohort, ...]:
    """Read every document; a cohort may appear once.

    A title that several cohorts share, as from one plan template, names none of them: it is left
    out.

    Raises:
        DocumentError: as `read_cohort`, or the same cohort twice.
    """
    cohorts = tuple(read_cohort(document) for document in documents)
    names = [cohort.name for cohort in cohorts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DocumentError(f"cohort {twice[0]!r} appears more than once in the release")
    titles = [cohort.title for cohort in cohorts]
    return tuple(
        replace(cohort, title="") if titles.count(cohort.title) > 1 else cohort
        for cohort in cohorts
    )


def _quantities(node: Node) -> dict[str, Quantity]:
    """Every figure that has a value; noise may leave a ratio without one."""
    return {
        name: item.quantity("value", item.text("unit"))
        for name, item in node.nodes()
        if not item.null("value")
    }


def _indicator(name: str, node: Node) -> Indicator:
    unit = node.text("unit")
    return Indicator(
        name=name,
        unit=unit,
        value=node.optional_quantity("value", unit),
        numerator=node.text("numerator"),
        denominator=node.text("denominator"),
        scale=node.ratio("scale"),
        higher_is_better=node.higher(),
    )


def _band(node: Node, unit: str) -> Band:
    return Band(
        n=node.count("n"),
        lower=node.optional_quantity("lower", unit),
        upper=node.optional_quantity("upper", unit),
        measures=_quantities(node.node("measures")),
        indicators=_quantities(node.node("indicators")),
    )


def _table_cell(node: Node) -> TableCell:
    cell = TableCell(
        path=node.text("path"),
        n=node.count("n") if node.has("n") else None,
        withheld=node.optional_text("withheld"),
        measures=_quantities(node.node("measures")),
        indicators=_quantities(node.node("indicators")),
    )
    if (cell.n is None) != (cell.withheld is not None):
        raise DocumentError(f"{node.path}: a cell has either a count or a reason")
    return cell


def _ranked_list(name: str, node: Node, indicator: Indicator | None) -> RankedList:
    withheld = node.optional_text("withheld")
    if withheld is not None:
        better = indicator.higher_is_better if indicator else True
        unit = indicator.unit if indicator else ""
        return RankedList(name, unit, better, (), (), withheld)
    unit = node.text("unit")
    points = [
        CutPoint(item.ratio("target"), item.text("share"), item.quantity("value", unit))
        for item in node.sequence("cut_points")
        if item.has("value")
    ]
    bands = tuple(_band(item, unit) for item in node.sequence("bands"))
    return RankedList(name, unit, node.higher(), bands, tuple(points), None)


def _best_decile(node: Node) -> BestDecile | None:
    if not node.has("value"):
        return None
    unit = node.text("unit")
    return BestDecile(
        indicator=node.text("indicator"),
        share=node.text("share"),
        n=node.count("n"),
        value=node.quantity("value", unit),
        near=node.flag("near", default=True),
    )


def _cohort(node: Node) -> Cohort:
    ranking = node.optional_text("ranking")
    # Canonical JSON sorts names; readers meet the indicator that ranks the cohort first.
    listed = sorted(node.node("indicators").nodes(), key=lambda entry: entry[0] != ranking)
    indicators = {name: _indicator(name, item) for name, item in listed}
    unit = indicators[ranking].unit if ranking in indicators else ""
    policy = node.node("policy")
    rankings = {
        name: _ranked_list(name, item, indicators.get(name))
        for name, item in sorted(
            node.node("rankings").nodes(), key=lambda entry: entry[0] != ranking
        )
    }
    return Cohort(
        name=node.text("cohort"),
        title=node.text("title"),
        period=node.text("period", ""),
        round_id=node.text("round_id", ""),
        plan_hash=node.text("plan_hash", ""),
        n=node.count("n") if node.has("n") else None,
        withheld=node.optional_text("withheld"),
        definitions=node.node("definitions").texts(),
        minimum_cohort=_count_if_any(policy, "minimum_cohort"),
        dominance_percent=_count_if_any(policy, "dominance_percent"),
        largest_share_percent=_count_if_any(policy, "largest_share_percent"),
        top_count=_count_if_any(policy, "top_count"),
        top_share_percent=_count_if_any(policy, "top_share_percent"),
        measures=_quantities(node.node("measures")),
        withheld_measures=node.node("withheld_measures").texts(),
        indicators=indicators,
        ranking=ranking,
        bands=tuple(_band(item, unit) for item in node.sequence("bands")),
        rankings=rankings,
        best_decile=_best_decile(node.node("best_decile")) if node.has("best_decile") else None,
        best_withheld=node.node("best_decile").optional_text("withheld"),
        tabulated_by=node.optional_text("tabulated_by"),
        table=tuple(_table_cell(item) for item in node.sequence("table")),
        noise=_noise(node.node("noise")) if node.has("noise") else None,
        backend=node.text("backend", ""),
        dominance_controlled=node.flag("dominance_controlled", default=True),
        publicly_verifiable=node.flag("publicly_verifiable", default=True),
    )


def _noise(node: Node) -> Noise:
    return Noise(
        epsilon=node.text("epsilon"),
        delta=node.text("delta"),
        budget_epsilon=node.text("budget_epsilon"),
        colluding=node.count("colluding"),
    )


def _count_if_any(node: Node, name: str) -> int | None:
    return node.count(name) if node.has(name) else None
