"""The coordinator calls members lost until the ring of masks falls apart.

In a round of more than 193 members everybody masks with its nearest on a ring. Where half a degree
of places in a row has no honest survivor, at two places, the honest members in between mask with
nobody else, and their sum opens alone. The colluding members in the two gaps stay on the list, so
that everybody has as many surviving neighbours as the threshold asks for: 28 in each gap, a bit
more than the fifth that SPEC.md section 11 reckons with. What stops it: members act on no list with
fewer than 54 survivors among any 96 places in a row.

The shares of 400 members are not dealt here: what they would open is as SPEC.md says, the self-mask
of each survivor and the mask key of each member called lost. The coordinator is given both.

Removed by ``--weakened``: what members ask of each stretch of the ring.
"""

from __future__ import annotations

import numpy as np

from protocols.errors import PolicyRefusal
from protocols.federated.masks import RoundKey, Words, added, pairwise
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.survivors import Survivors
from tests.attacks.result import Result, main, removed
from tests.totals import plan_of, sums_of, values_of

MEMBERS, PARTED, COLLUDING = 400, 97, 28
SETTING = Setting(plan_of(MEMBERS))


def run(weakened: bool) -> Result:
    """Part 97 members of 400 from the others."""
    ring, gap = SETTING.graph.ring, SETTING.window
    group = ring[:PARTED]
    gaps = [ring[PARTED : PARTED + gap], ring[-gap:]]
    colluding = {row[i] for row in gaps for i in np.linspace(0, gap - 1, COLLUDING).astype(int)}
    lost = set().union(*gaps) - colluding
    survivors = Survivors.of(SETTING, set(range(MEMBERS)) - lost)
    gained, stopped = None, list[str]()
    with removed(weakened, Survivors, "check_windows", lambda *_: None) as what:
        for place in set(range(MEMBERS)) - lost - colluding:
            try:
                survivors.check_for(SETTING, place, SETTING.graph.neighbours(place))
            except PolicyRefusal as error:
                stopped.append(str(error))
    if not stopped:
        gained = _read(group, lost | colluding)
    return Result(
        had="the coordinator's key, and 28 of 96 members in each of two stretches of the ring",
        did="called the other 136 of these lost, and added up the vectors of who is in between",
        planted=sums_of(group),
        gained=gained,
        stopped_by=tuple(dict.fromkeys(stopped)),
        removed=what and f"the least survivors of each stretch of the ring ({what})",
        figures={"honest survivors": MEMBERS - len(lost) - len(colluding), "parted": PARTED},
    )


def _read(group: tuple[int, ...], known: set[int]) -> dict[str, int] | None:
    """The sum over a group whose masks with ``known`` the coordinator can take off."""
    size = SETTING.vector.words
    total = added((_vector(place) for place in group), size)
    members = set(group)
    for place in known:
        others = {at: _key(at).public for at in SETTING.graph.neighbours(place) if at in members}
        total = total + pairwise(_key(place), place, others, SETTING.masking_context, size)
    count, *sums = (int(word) for word in total)
    names = [measure.name for measure in SETTING.vector.measures]
    return dict(zip(names, sums, strict=True)) if count == len(group) else None


def _vector(place: int) -> Words:
    """A member's vector without its self-mask, which the coordinator opens of every survivor."""
    own = SETTING.vector.encode(values_of(place))
    others = {at: _key(at).public for at in SETTING.graph.neighbours(place)}
    context = SETTING.masking_context
    return own + pairwise(_key(place), place, others, context, len(own))


_KEYS = [RoundKey(b"mask".ljust(28, b".") + place.to_bytes(4, "big")) for place in range(MEMBERS)]


def _key(place: int) -> RoundKey:
    return _KEYS[place]


if __name__ == "__main__":
    main(run, __doc__)
