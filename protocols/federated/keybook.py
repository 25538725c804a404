"""The round keys of what a ``certified`` round counts, in the order of the inclusion list.

Trustees compute the root that goes into the certificate; the coordinator, who holds all of them,
answers each member with its own and its neighbours', and one proof. SPEC.md section 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

from protocols.certificate import BandCertificate
from protocols.federated.graph import MaskGraph
from protocols.merkle import MerkleTree
from protocols.plan import Plan
from protocols.wire import service_pb2


def root_of(round_keys: Sequence[bytes]) -> bytes:
    """What the certificate says of the round keys.

    :param round_keys: signed statements as they came, in ascending order of the hashes of the
        contributions that held them.
    """
    return MerkleTree(round_keys).root


def graph_of(plan: Plan, certificate: BandCertificate) -> MaskGraph:
    """Who masks with whom: the graph that closing statement and plan fix for every party alike."""
    asked = plan.aggregation.neighbours if plan.aggregation else 0
    degree = min(asked, max(0, certificate.members - 1))
    return _graph(certificate.statement_hash, max(1, certificate.members), degree)


@lru_cache(maxsize=8)
def _graph(seed: bytes, size: int, degree: int) -> MaskGraph:
    """Kept for a process that hosts many nodes of a round: the ring is sorted over all of them."""
    return MaskGraph(seed, size, degree)


class KeyBook:
    """All round keys of a certified round; made and kept by the coordinator.

    :param round_keys: as for :func:`root_of`.
    """

    def __init__(
        self, plan: Plan, certificate: BandCertificate, round_keys: Sequence[bytes]
    ) -> None:
        self._graph = graph_of(plan, certificate)
        self._keys = tuple(round_keys)
        self._tree = MerkleTree(self._keys)

    @cached_property
    def root(self) -> bytes:
        """To be compared with the certificate's."""
        return self._tree.root

    def reply(self, place: int, certificates: Sequence[bytes]) -> service_pb2.MaskingReply:
        """What the member at ``place`` of the inclusion list masks with.

        :param certificates: signed by trustees; q of them.
        """
        places = sorted({place, *self._graph.neighbours(place)})
        return service_pb2.MaskingReply(
            certificates=certificates,
            place=place,
            keys=[service_pb2.MaskingKey(place=p, round_key=self._keys[p]) for p in places],
            proof=self._tree.prove(places),
        )
