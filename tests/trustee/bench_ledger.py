"""How long the rule about differences takes on a large ledger.

::

    python -m tests.trustee.bench_ledger [--enterprises 10000] [--cells 200] [--releases 1000]

Two ledgers: *tables*, in which every earlier release published 200 cells with known members, and
the proposed one publishes 200 that have to be cut along all of them, first others every time and
then the same; and *rounds*, a trustee's ledger with keys, ids and groups. Every earlier release
counts. Prints what was decided, so that nothing is skipped unseen.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from protocols.atoms import Declared, declare
from protocols.differencing import Opened, decide
from protocols.items import Item, marks
from protocols.plan_terms import Policy
from trustee.releases import Parts, Releases

T = TypeVar("T")

POLICY = Policy()
PERIODS = [f"2025-{month:02d}" for month in range(1, 13)]
"""All of them less than a year apart."""


def tables(enterprises: int, cells: int, releases: int) -> tuple[list[Opened], Opened]:
    """Releases over the same enterprises, each with a partition of its own."""
    chance = random.Random(1)

    def one(number: int, period: str) -> Opened:
        items = list(range(enterprises))
        chance.shuffle(items)
        parts = tuple(tuple(items[place::cells]) for place in range(cells))
        return Opened(f"round-{number}", period, range(enterprises), parts, banded=False)

    # The last month is the proposed one's alone, or nothing in it would be new.
    earlier = [one(number, PERIODS[number % 11]) for number in range(releases)]
    return earlier, one(releases, PERIODS[11])


def rounds(enterprises: int, releases: int) -> tuple[Releases, list[Item], Declared]:
    """What a trustee's ledger holds of cohorts that grow, and the closing of the next one."""
    items = [Item.of(n.to_bytes(32, "big"), f"E-{n}", f"G-{n}") for n in range(enterprises)]
    named = [marks(item) for item in items]
    held, opened = Releases(), []
    for number in range(releases):
        most = enterprises * (number + 1) // (releases + 1)
        period = PERIODS[number % 11]
        held.add(f"round-{number}", period, named[:most])
        opened.append(Opened(f"round-{number}", period, range(most)))
    proposed = Opened(f"round-{releases}", PERIODS[11], range(enterprises))
    return held, items, declare(decide(opened, proposed, POLICY))


def timed(what: str, run: Callable[[], T]) -> T:
    """Run and say how long one core worked on it."""
    start = time.process_time()
    result = run()
    print(f"{what}: {time.process_time() - start:.2f} s")
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--enterprises", type=int, default=10_000)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--releases", type=int, default=1000)
    asked = parser.parse_args()
    size = f"{asked.enterprises} enterprises, {asked.releases} earlier releases"

    print(f"tables: {size} of {asked.cells} cells")
    earlier, proposed = tables(asked.enterprises, asked.cells, asked.releases)
    decision = timed("  decide, other cells every time", lambda: decide(earlier, proposed, POLICY))
    print(f"    refused: {'; '.join(refusal.text for refusal in decision.refused)}")
    same = [replace(release, cells=proposed.cells) for release in earlier]
    decision = timed("  decide, the same cells", lambda: decide(same, proposed, POLICY))
    print(f"    allowed: {decision.allowed}, {len(decision.atoms)} atoms")

    print(f"rounds: {size}, which grow")
    held, items, declared = rounds(asked.enterprises, asked.releases)
    timed(
        f"  check of a closing that declares {len(declared.atoms)} atoms",
        lambda: held.check(
            f"round-{asked.releases}", PERIODS[11], items, POLICY, declared, parts=Parts.BANDS
        ),
    )


if __name__ == "__main__":
    main()
