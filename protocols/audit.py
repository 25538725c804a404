"""Verification of a whole bundle: its rounds one by one, or several at once on several cores.

Run by ``cefed verify``. Rounds share nothing but the ceremony, so each can be verified alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from protocols.bundle import read_bundle
from protocols.verification import Report, verify_round


def verify_bundle(folder: Path, workers: int = 0) -> Iterator[Report]:
    """A report for each round of the bundle, in the order of their names, as they are ready.

    :param workers: processes to use; 0 for one a core. A single round is verified here.
    :raises StorageError: if the folder is not a bundle.
    """
    names = [held.round_id for held in read_bundle(folder).rounds]
    count = min(workers or os.cpu_count() or 1, len(names))
    if count < 2:
        yield from (_verify_one(folder, name) for name in names)
        return
    with ProcessPoolExecutor(count) as pool:
        yield from pool.map(_verify_one, [folder] * len(names), names)


def _verify_one(folder: Path, round_id: str) -> Report:
    bundle = read_bundle(folder)
    held = next(files for files in bundle.rounds if files.round_id == round_id)
    return verify_round(
        round_id, bundle.ceremony, bundle.countersignatures, held.roster(), held.entries()
    )
