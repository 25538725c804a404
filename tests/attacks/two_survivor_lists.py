"""A coordinator that shows two lists of survivors, one with a member and one without.

For the first its neighbours reveal shares of its self-mask, for the second shares of its mask key.
With both nothing is left on its vector. What stops it: a member acts on one list, so that each
share of one secret only is revealed, and two lists with a quorum of the committee would have an
honest signer in common.

Removed by ``--weakened``: what members remember of the list that they acted on.
"""

from __future__ import annotations

from protocols.errors import PolicyRefusal
from protocols.federated.masks import RoundKey
from protocols.federated.totals.member import Member
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import combine
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.survivors import Survivors
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import (
    Figures,
    agreement,
    one_of_totals,
    share_of,
    signature,
    signed_in,
    unmasking,
    words_of,
)
from tests.totals import Play, plan_of, values_of

MEMBERS, VICTIM = 9, 4
_ONLY = Member._only


def run(weakened: bool) -> Result:
    """Ask everybody to sign both lists, and then for shares by both."""
    play = Play(plan_of(MEMBERS)).until(Stage.AGREEMENT)
    setting = Setting(play.plan)
    everybody = Survivors.of(setting, range(MEMBERS))
    others = Survivors.of(setting, set(range(MEMBERS)) - {VICTIM})
    stopped: list[str] = []
    with removed(weakened, Member, "_only", _forgetting) as what:
        signed = {
            survivors: _signatures(play, survivors, stopped) for survivors in (others, everybody)
        }
        quorum = setting.terms.quorum
        revealed = {
            survivors: _shares(play, survivors, by_place)
            for survivors, by_place in signed.items()
            if len(by_place) >= quorum
        }
    return Result(
        had="the coordinator's key",
        did="had a list with and one without the victim signed, and asked for shares by both",
        planted=values_of(VICTIM),
        gained=_opened(play, revealed[everybody], revealed[others]) if len(revealed) > 1 else None,
        stopped_by=tuple(dict.fromkeys(stopped)),
        removed=what and f"the memory of which list a member acted on ({what})",
        figures={"lists with a quorum": len(revealed)},
    )


def _signatures(play: Play, survivors: Survivors, stopped: list[str]) -> dict[int, bytes]:
    signed = {}
    for place, member in play.members.items():
        try:
            answer = member.answer(agreement(play.plan, survivors))
        except PolicyRefusal as error:
            if place != VICTIM:
                stopped.append(str(error))
            continue
        signed[place] = signature(play, survivors, place, answer)
    return signed


def _shares(play: Play, survivors: Survivors, signatures: dict[int, bytes]) -> dict[int, int]:
    """The shares of the victim's secret, by point."""
    step = unmasking(play.plan, survivors, signatures)
    answers = {at: one.answer(step) for at, one in play.members.items() if at != VICTIM}
    return {at + 1: share_of(answer, play.plan, VICTIM) for at, answer in answers.items()}


def _opened(play: Play, self_mask: dict[int, int], mask_key: dict[int, int]) -> Figures | None:
    threshold = Setting(play.plan).threshold
    words = words_of(signed_in(play.answers[Stage.MASKING, VICTIM], play.plan, Stage.MASKING))
    key = RoundKey(combine(mask_key, threshold))
    return one_of_totals(play, VICTIM, words, combine(self_mask, threshold), key)


def _forgetting(member: Member, survivors: Survivors) -> None:
    """The checks of a list by a member that acted on none before."""
    for stage in (Stage.AGREEMENT, Stage.UNMASKING):
        member._memory.answered.pop(stage, None)
    _ONLY(member, survivors)


if __name__ == "__main__":
    main(run, __doc__)
