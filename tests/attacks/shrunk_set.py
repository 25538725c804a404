"""A list with fewer survivors than the plan's policy asks for.

The plan promises a total of at least eleven. Twelve masked; the coordinator calls three of them
lost, and asks for the total of the other nine, which it could compare with what it knows of them.
Committee and threshold let nine pass. What stops it: a member signs no list, and reveals nothing
for one, with fewer than the policy's minimum cohort.

Removed by ``--weakened``: that comparison.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

from protocols.errors import ProtocolError
from protocols.federated.totals.opening import Gathered, Opening
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import read_revealed
from protocols.federated.totals.survivors import Survivors
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import Figures, agreement, signature, signed_in, unmasking
from tests.totals import Play, plan_of, roster_of, sums_of

MEMBERS, MINIMUM = 12, 11
CALLED_LOST = (0, 1, 2)
LEFT = tuple(place for place in range(MEMBERS) if place not in CALLED_LOST)
_CHECK = Survivors.check_for


def run(weakened: bool) -> Result:
    """Ask nine of twelve for their total."""
    play = Play(plan_of(MEMBERS, MINIMUM)).until(Stage.AGREEMENT)
    survivors = Survivors.of(Setting(play.plan), LEFT)
    gained, stopped = None, ""
    with removed(weakened, Survivors, "check_for", _of_any_number) as what:
        try:
            gained = _total(play, survivors)
        except ProtocolError as error:
            stopped = str(error)
    return Result(
        had="the coordinator's key",
        did="called three of twelve members lost, and opened the total of the others",
        planted=sums_of(LEFT),
        gained=gained,
        stopped_by=(stopped,) if stopped else (),
        removed=what and f"the minimum cohort in what members ask of a list ({what})",
        figures={"the policy's minimum": MINIMUM, "survivors": survivors.members},
    )


def _total(play: Play, survivors: Survivors) -> Figures:
    """What the coordinator opens for a list of its own. :raises ProtocolError: a member refuses."""
    setting, gathering = Setting(play.plan), play.gathering
    step, signed = agreement(play.plan, survivors), {}
    for place in LEFT:
        answer = play.members[place].answer(step)
        signed[place] = signature(play, survivors, place, answer)
    step, revealed = unmasking(play.plan, survivors, signed), {}
    for place in LEFT:
        data = signed_in(play.members[place].answer(step), play.plan, Stage.UNMASKING)
        member = roster_of(MEMBERS).members[place]
        dealers = setting.graph.neighbours(place)
        revealed[place] = read_revealed(data, setting, member, survivors, dealers)
    masked = {place: gathering._masked[place] for place in LEFT}
    return Opening(setting, Gathered(gathering._keys, gathering._dealt, masked, revealed)).sums()


def _of_any_number(
    survivors: Survivors, setting: Setting, own: int, masked_with: Iterable[int]
) -> None:
    """The other checks of a list."""
    lenient = copy.copy(setting)
    lenient.minimum = 0
    _CHECK(survivors, lenient, own, masked_with)


if __name__ == "__main__":
    main(run, __doc__)
