"""The report's table of disclosure profiles: what each would have published of the same members.

Only a simulation holds plain members to count this on; it gives the numbers in a cohort's extras.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from coordinator.documents import Cohort
from coordinator.errors import DocumentError
from coordinator.figures import count, percent
from coordinator.profile_costs import Cost
from coordinator.tables import join, table, tag
from coordinator.texts import Html, Texts
from protocols.profiles import PROFILES

PREFIX = "profile "
_NUMBERS = re.compile(r"([0-9]{1,9}) ([0-9]{1,9}) ([0-9]{1,9})\Z")


def extra(cost: Cost) -> str:
    """One cohort's cost under a profile, as an extra: members, of them covered, bands or cells."""
    return f"{cost.enterprises} {cost.covered} {cost.band_count + cost.cell_count}"


def profiles(
    cohorts: Sequence[Cohort], extras: Mapping[str, Mapping[str, str]], texts: Texts
) -> Html:
    """A row a profile, over all cohorts that have extras for it; nothing if none has.

    Without those whose size is withheld: the sum over all would say it.

    Raises:
        DocumentError: extras under a profile's name that are not three whole numbers.
    """
    rows = []
    for name in reversed(tuple(PROFILES)):
        found = [
            _numbers(cohort.name, name, extras[cohort.name][PREFIX + name])
            for cohort in cohorts
            if cohort.n is not None and PREFIX + name in extras.get(cohort.name, {})
        ]
        members = sum(one[0] for one in found)
        if not members:
            continue
        covered = sum(one[1] for one in found)
        published = sum(1 for one in found if one[1])
        rows.append(
            [
                texts(f"profiles.{name}"),
                texts("profiles.of", part=count(published), whole=count(len(found))),
                count(sum(one[2] for one in found)),
                texts("profiles.of", part=count(covered), whole=count(members)),
                percent(Fraction(covered, members)),
            ]
        )
    if not rows:
        return Html("")
    keys = ("name", "cohorts", "bands", "enterprises", "share")
    head = [texts(f"profiles.{key}") for key in keys]
    heading = tag("h2", texts("profiles.heading"))
    intro = tag("p", texts("profiles.intro"))
    return tag("section", join([heading, intro, table(head, rows)]))


def _numbers(cohort: str, name: str, text: str) -> tuple[int, int, int]:
    match = _NUMBERS.match(text)
    if match is None:
        raise DocumentError(
            f"cohort {cohort!r}: extra {PREFIX + name!r} is not three whole numbers"
        )
    members, covered, bands = (int(group) for group in match.groups())
    return members, covered, bands
