"""The keys of a member's neighbours: handed out by the coordinator, believed on proof only."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.errors import MalformedMessage, PolicyRefusal
from protocols.federated.keys import RoundKeys, read_round_key
from protocols.federated.totals.memory import NeighbourKeys
from protocols.federated.totals.setting import Setting
from protocols.hashing import domain_hash
from protocols.roster import Member, Roster, check_members
from protocols.wire import federated_pb2 as fb


def keys_message(keys: Mapping[int, RoundKeys], roster: Roster) -> fb.TotalsKeys:
    """The keys of these places, with the proof that their owners are on the roster."""
    places = sorted(keys)
    return fb.TotalsKeys(
        keys=[
            fb.TotalsKey(
                place=place, group=roster.members[place].group, round_key=keys[place].received
            )
            for place in places
        ],
        proof=roster.prove(places),
    )


def check_keys(
    message: fb.TotalsKeys, setting: Setting, own_place: int, own: RoundKeys
) -> dict[int, NeighbourKeys]:
    """The neighbours' keys by place. Run by a member before it deals them shares.

    :raises PolicyRefusal: fewer neighbours than rebuild a secret.
    :raises ProtocolError: somebody who is no neighbour, no proof or signature, or a key twice. A
        neighbour with the key of another could make this member's masks cancel.
    """
    places = check_places([key.place for key in message.keys], setting, own_place)
    keys = {
        key.place: read_round_key(key.round_key, setting.plan.hash, sealing=True)
        for key in message.keys
    }
    members = {key.place: Member(keys[key.place].member, key.group) for key in message.keys}
    check_members(setting.plan.roster_hash, setting.plan.participants, members, message.proof)
    everybody = [own, *keys.values()]
    if len({one.member.raw for one in everybody}) != len(everybody):
        raise MalformedMessage("neighbours: one member at two places")
    publics = {public for one in everybody for public in (one.mask_key, one.seal_key)}
    if len(publics) != 2 * len(everybody):
        raise MalformedMessage("neighbours: one round key at two places")
    return {place: NeighbourKeys(keys[place].mask_key, keys[place].seal_key) for place in places}


def check_places(places: list[int], setting: Setting, own_place: int) -> list[int]:
    """Neighbours of a member, ascending, and enough of them.

    :raises MalformedMessage: out of order, or no neighbours.
    :raises PolicyRefusal: too few to rebuild a secret.
    """
    neighbours = set(setting.graph.neighbours(own_place))
    if places != sorted(set(places)) or not set(places) <= neighbours:
        raise MalformedMessage("neighbours: not in order, or no neighbours of this member")
    if len(places) < setting.threshold:
        raise PolicyRefusal(
            f"{len(places)} neighbours take part, {setting.threshold} are needed: this member's "
            "secrets could not be rebuilt"
        )
    return places


def basis_of(setting: Setting, own_place: int, masked_with: Mapping[int, bytes]) -> bytes:
    """What a masked vector says it is masked for: the neighbours and their mask keys.

    :param masked_with: public mask keys by place.
    """
    parts = [
        part
        for place in sorted(masked_with)
        for part in (place.to_bytes(4, "big"), masked_with[place])
    ]
    domain = "cefed/totals-basis/v1"
    return domain_hash(domain, setting.plan.hash, own_place.to_bytes(4, "big"), *parts)
