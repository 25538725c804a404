"""A colluding member waits for everybody else's vector, and chooses its own figure then.

The coordinator adds up the others for it, so it sees the certified sums before they are final. Its
bin and classes are committed to, its values are not proven to be in them. So it sets a published
total to whatever it likes between what the classes of all members allow: here to the highest. Under
Paillier a member can state the same figure, but not in view of the others' sum.

This succeeds against the defaults, within those bounds; ``--weakened`` changes nothing. What is
outside of them trustees do not endorse: :func:`run` tries one unit more as well.
"""

from __future__ import annotations

from protocols import release
from protocols.errors import OpeningInconsistent
from protocols.federated import masked
from protocols.policy import sum_bounds
from tests.attacks.result import Result, main
from tests.cohort import values
from tests.plain_round import PlainRound, play
from tests.protocols.federated.certified import Certified

MEMBERS, MEASURE = 8, "electricity"
LAST = MEMBERS - 1


def run(weakened: bool = False) -> Result:
    """Set the cohort's total electricity."""
    del weakened  # there is no line of defence that could be removed
    round_ = Certified.of(MEMBERS)
    plain = play(round_.plan, [values(number) for number in round_.members])
    own = values(round_.members[LAST])
    seen = masked.sums(round_.plan, round_.certificate, round_.raw_sum(round_.vectors))
    honest = seen.cohort[MEASURE]
    histogram = plain.classes.cohort[MEASURE]
    _, highest = sum_bounds(histogram, round_.plan.policy.classes_per_octave)
    gained, stopped = None, ""
    for target in (highest, highest + 1):
        moved = {**own, MEASURE: own[MEASURE] + target - honest}
        vectors = [*round_.vectors[:LAST], round_.mask(LAST, moved)]
        try:
            published = _published(round_, plain, vectors)
        except OpeningInconsistent as error:
            stopped = str(error)
            continue
        gained = max(published, gained or 0)
    return Result(
        had="a place on the roster, changed software, and the coordinator's friendship",
        did="saw the others' sum, and chose its figure for the total that it wants",
        planted=highest,
        gained=gained,
        stopped_by=(stopped,) if stopped else (),
        figures={"the honest total": honest, "moved by": f"{100 * highest / honest - 100:.0f} %"},
    )


def _published(round_: Certified, plain: PlainRound, vectors: list[bytes]) -> int:
    """The total that trustees endorse. :raises OpeningInconsistent: they do not."""
    total = round_.add_up(vectors)
    release.check_masked_against_classes(
        round_.plan, round_.certificate, total, plain.counts, plain.classes
    )
    return masked.sums(round_.plan, round_.certificate, total).cohort[MEASURE]


if __name__ == "__main__":
    main(run, __doc__)
