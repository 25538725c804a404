"""The release of a round of totals as it comes in: checked as far as a member can, and kept.

There are no trustees who endorse it. A node checks that the coordinator signed it for this plan,
that its figures follow from its sums, and that it is for the list of members that this node
revealed its shares for; and it looks whether that list has the node itself. Called by
:mod:`enterprise_node.private.arrivals`.
"""

from __future__ import annotations

import json

from enterprise_node.errors import ReleaseRefused
from enterprise_node.private.backends import NOT_VERIFIABLE
from enterprise_node.private.events import RELEASE, Event
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totals_files import TotalsFiles
from enterprise_node.private.totals_terms import read_totals_offer
from protocols.errors import ProtocolError
from protocols.federated.offer import TotalsDescription
from protocols.federated.totals.release import read_release

LEFT_OUT = "the total does not count this node, which was gone when the members were listed"


def take_totals_release(
    store: NodeStore, folder: RoundFolder, offer: TotalsDescription, payload: bytes
) -> Event | None:
    """Check and keep a release; None if it is the one that is kept.

    :raises ReleaseRefused: not the coordinator's, of another plan or list, not what follows from
        its own sums, or another one than came before.
    """
    terms = read_totals_offer(offer, store.policy(), folder.round_id)
    try:
        release = read_release(
            payload, terms.plan, terms.coordinator, TotalsFiles(folder).revealed_for()
        )
    except ProtocolError as error:
        raise ReleaseRefused(
            f"the release of round {folder.round_id} is refused: {error}"
        ) from error
    document = json.loads(release.document_bytes)
    text = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
    if folder.release_path.exists():
        if folder.release_path.read_bytes() == text:
            return None
        raise ReleaseRefused(
            f"the coordinator signed another release of round {folder.round_id} before: keep "
            f"{folder.release_path} and ask it which one holds"
        )
    warning = None if terms.place.index in release.survivors else LEFT_OUT
    if warning is not None:
        folder.keep("warning", warning.encode("utf-8"))
    folder.keep(folder.release_path.name, text)
    done = (
        "the release is here, signed by the coordinator; look at it with: cefed node position. "
        f"Note that {NOT_VERIFIABLE}"
    )
    return Event(RELEASE, f"{done} (WARNING: {warning})" if warning else done, folder.round_id)
