"""Who is behind a roster: what a trustee asks before it countersigns one.

The coordinator enrols the members, so a coordinator that invents some could surround one real
enterprise with them. A trustee therefore sees a certificate of every member, with the registered id
that enterprises are known by outside, and may hold it against a list of its own. The id is the
coordinator's word; that the key is the enterprise's, only a fingerprint on that list shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.enrolment import MemberCertificate, check_roster
from protocols.errors import PolicyRefusal
from protocols.terms import Terms
from trustee.agreement import TrusteeLimits
from trustee.rosters import SeenMember, SeenRoster


def see_roster(
    terms: Terms,
    certificates: Sequence[bytes],
    revocations: bytes,
    limits: TrusteeLimits,
    *,
    now: int,
) -> SeenRoster:
    """Check the certificates of all members of a round, as the coordinator handed them out.

    Refusals name members by their pseudonyms only: they are logged where the public reads them.

    :param now: seconds since 1970-01-01 UTC.
    :raises EnrolmentError: a member without a valid certificate, or two members with one id.
    :raises PolicyRefusal: a member that is not on this trustee's own list, or with another key.
    """
    found = check_roster(terms.roster, certificates, revocations, terms.coordinator, now=now)
    known = limits.known_enterprises
    if known is not None:
        _check_known(found, known)
    plan = terms.plan
    return SeenRoster(
        plan.round_id,
        plan.cohort,
        plan.period,
        plan.hash.hex(),
        terms.roster.hash.hex(),
        tuple(map(_seen, found)),
    )


def _check_known(found: Sequence[MemberCertificate], known: Mapping[str, frozenset[str]]) -> None:
    strangers = [member for member in found if member.enterprise_id not in known]
    if strangers:
        raise PolicyRefusal(
            f"{len(strangers)} members of the roster are not enterprises that this trustee knows: "
            f"{_names(strangers)}"
        )
    others = [
        member
        for member in found
        if (keys := known[member.enterprise_id]) and member.key.fingerprint not in keys
    ]
    if others:
        raise PolicyRefusal(
            f"{len(others)} members of the roster have another key than this trustee knows of the "
            f"enterprise: {_names(others)}"
        )


def _names(members: Sequence[MemberCertificate]) -> str:
    return ", ".join(member.key.fingerprint for member in members[:10])


def _seen(member: MemberCertificate) -> SeenMember:
    return SeenMember(member.enterprise_id, member.group, member.key.fingerprint)
