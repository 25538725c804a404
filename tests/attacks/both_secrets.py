"""A committee that signs two lists, and a neighbourhood of which each half is shown another.

Every honest neighbour reveals one share of the victim: half of them of its self-mask, half of them
of its mask key. With a threshold of half the neighbourhood that rebuilds both, although no
neighbour gave more than it may. What stops it: a threshold above half; a plan with a threshold of
up to five eighths is refused. Colluding neighbours give both shares, so from 2t - d of them on the
threshold does not help any more (SPEC.md section 11.3, point 3); here they sign and give none.

Removed by ``--weakened``: the rule for the threshold.
"""

from __future__ import annotations

import dataclasses

from protocols.errors import InvalidShare, PlanError
from protocols.federated.masks import RoundKey
from protocols.federated.terms import Aggregation
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import combine
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.survivors import Survivors
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import (
    Figures,
    bought,
    one_of_totals,
    share_of,
    signed_in,
    unmasking,
    words_of,
)
from tests.totals import UNTIL, Play, plan_of, values_of

MEMBERS, VICTIM = 9, 4
NEIGHBOURS = tuple(place for place in range(MEMBERS) if place != VICTIM)
HALF = len(NEIGHBOURS) // 2


def run(weakened: bool) -> Result:
    """With half the neighbourhood where that is let, and the default threshold where it is not."""
    plan, stopped, gained = plan_of(MEMBERS), list[str](), None
    with removed(weakened, Aggregation, "check", lambda *_: None) as what:
        try:
            terms = dataclasses.replace(Aggregation.totals(MEMBERS, UNTIL), threshold=HALF)
            plan = dataclasses.replace(plan, aggregation=terms)
        except PlanError as error:
            stopped.append(str(error))
        play = Play(plan).until(Stage.AGREEMENT)
        try:
            gained = _opened(play)
        except InvalidShare as error:
            stopped.append(str(error))
    return Result(
        had="the coordinator's key, and two lists that the committee signed",
        did="showed each half of the victim's neighbours one list",
        planted=values_of(VICTIM),
        gained=gained,
        stopped_by=tuple(stopped),
        removed=what and f"the lowest threshold that a plan may have ({what})",
        figures={"threshold": Setting(plan).threshold, "shares of each secret": HALF},
    )


def _opened(play: Play) -> Figures | None:
    """:raises InvalidShare: half the neighbourhood does not rebuild a secret."""
    setting = Setting(play.plan)
    everybody = Survivors.of(setting, range(MEMBERS))
    others = Survivors.of(setting, NEIGHBOURS)
    secrets = []
    for survivors, half in ((everybody, NEIGHBOURS[:HALF]), (others, NEIGHBOURS[HALF:])):
        step = unmasking(play.plan, survivors, bought(survivors, NEIGHBOURS))
        answers = {place: play.members[place].answer(step) for place in half}
        shares = {at + 1: share_of(answer, play.plan, VICTIM) for at, answer in answers.items()}
        secrets.append(combine(shares, setting.threshold))
    self_mask, mask_key = secrets
    words = words_of(signed_in(play.answers[Stage.MASKING, VICTIM], play.plan, Stage.MASKING))
    return one_of_totals(play, VICTIM, words, self_mask, RoundKey(mask_key))


if __name__ == "__main__":
    main(run, __doc__)
