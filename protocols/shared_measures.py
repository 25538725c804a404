"""Two plans over the same enterprises: could a measure of one be subtracted from one of the other?

The linter (:mod:`protocols.plan_lint`) sees one plan. A total in one round and its part in the next
round over the same enterprises, or in the next period, leave the same remainder for the reader, and
neither plan needs size classes for it. So trustees and the coordinator hold the measures of a round
against those of every earlier round of an overlapping or consecutive period that shares
enterprises. SPEC.md section 3.

**The rule.** For a published measure a of one plan and another, b, of the other whose units a
public factor may connect (:mod:`protocols.unit_kinds`), one of these holds:

* a plan publishes both and declares them unrelated, and no plan relates them;
* relations tie them, and all that they are tied to is the same in both plans: the measures and
  guards, their units, levels and what they protect, and the relations. Then what the one plan
  withholds for the other's sake is withheld by both.

Bounds and factors may differ: a grid's factor changes with the year. A remainder that failed in one
period and passes in the next can still be estimated from figures of both; consecutive periods tell
how a cohort changed, whatever the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from protocols.hashing import domain_hash
from protocols.plan import Plan
from protocols.plan_terms import Measure
from protocols.relations import Relation
from protocols.unit_kinds import may_be_tied

_DOMAIN = "cefed/tied-measures/v1"


@dataclass(frozen=True)
class Published:
    """A published measure: ``tied`` is a digest of all that relations tie it to, itself included.

    Two measures of one plan are tied to each other if it is the same. Units and names of one plan
    are printable, so they may stand in a trustee's ledger as they are.
    """

    name: str
    unit: str
    tied: str


def published(plan: Plan) -> tuple[Published, ...]:
    """What a plan publishes, in its order. Of every plan, whatever later rules withhold."""
    tied = _components(plan.measures, plan.relations)
    return tuple(Published(m.name, m.unit, tied[m.name]) for m in plan.measures if m.published)


@lru_cache(maxsize=256)
def clash(earlier: tuple[Published, ...], later: tuple[Published, ...]) -> tuple[str, str] | None:
    """A measure of each, by name, that together are against the rule; None if there are none."""
    if earlier == later:
        return None
    plans = [{m.name: m for m in plan} for plan in (earlier, later)]
    for a in earlier:
        for b in later:
            same = (a.name, a.unit) == (b.name, b.unit)
            if not same and may_be_tied(a.unit, b.unit) and not _answered(a, b, plans):
                return a.name, b.name
    return None


def words(round_id: str, period: str, pair: tuple[str, str]) -> str:
    """The refusal for the authority; ``pair`` as :func:`clash` gives it."""
    a, b = pair
    what = f"{a!r} of that round and {b!r} of this one"
    if a == b:
        what = f"{a!r}, which is in another unit here,"
    return (
        f"round {round_id} ({period}) published sums of the same enterprises by another plan, and "
        f"{what} could be subtracted from each other, with no size classes for the difference; it "
        "may be opened with the measures, guards and relations of that plan, beside others only "
        "that it declares unrelated to them, or for a period that begins a year or more after its "
        "end"
    )


def _answered(a: Published, b: Published, plans: Sequence[Mapping[str, Published]]) -> bool:
    if a.tied == b.tied:
        return True
    both = [
        (plan[a.name], plan[b.name])
        for plan in plans
        if a.name in plan and b.name in plan and a.name != b.name
    ]
    units = all((one.unit, two.unit) == (a.unit, b.unit) for one, two in both)
    return bool(both) and units and all(one.tied != two.tied for one, two in both)


def _components(measures: Iterable[Measure], relations: Sequence[Relation]) -> dict[str, str]:
    """Of each measure the digest of its component in the graph that the relations make."""
    group = {m.name: {m.name} for m in measures}
    for relation in relations:
        merged = set().union(*(group[name] for name in (relation.total, *relation.terms)))
        for name in merged:
            group[name] = merged
    texts = {m.name: _measure_text(m) for m in measures}
    digests = {}
    for name, merged in group.items():
        parts = sorted(texts[other] for other in merged)
        parts += sorted(_relation_text(r) for r in relations if r.total in merged)
        digests[name] = domain_hash(_DOMAIN, *(part.encode("utf-8") for part in parts)).hex()
    return digests


def _measure_text(m: Measure) -> str:
    return repr(("measure", m.name, m.unit, m.level.value, m.published, tuple(sorted(m.protects))))


def _relation_text(r: Relation) -> str:
    parts = tuple(sorted((part.measure, part.factor is None) for part in r.parts))
    return repr(("relation", r.total, parts, r.remainder, r.complete))
