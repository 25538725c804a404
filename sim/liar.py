"""A trustee that lies: ``python -m sim.liar trustee serve ...`` sends wrong shares.

Everything else it does as the others do. Opening finds it out by its share's proof, and takes the
others' shares.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace

from protocols import opening
from protocols.threshold import DecryptionShare, make_share

Make = Callable[..., DecryptionShare]


def lying(honest: Make) -> Make:
    """Makes shares that are off by a factor of 4, with the honest share's proof beside them."""

    def make(key: object, *rest: object) -> DecryptionShare:
        share = honest(key, *rest)
        modulus = int(key.public.n)  # type: ignore[attr-defined]
        return replace(share, value=4 * share.value % modulus)

    return make


if __name__ == "__main__":
    opening.make_share = lying(make_share)  # type: ignore[attr-defined]
    runpy.run_module("cefed", run_name="__main__", alter_sys=True)
