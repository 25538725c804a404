"""Members check the same signatures and forks agree on the same keys; here they do so once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest

from protocols.federated.masks import RoundKey
from protocols.signing import VerifyKey


def _agreed_once() -> Callable[[RoundKey, bytes, tuple[bytes, ...]], bytes]:
    """A key agreement that is remembered; each side still makes its own."""
    agree, known = RoundKey.agree, {}

    def agreed(key: RoundKey, other: bytes, context: tuple[bytes, ...]) -> bytes:
        question = key.public, other, context
        if question not in known:
            known[question] = agree(key, other, context)
        return known[question]

    return agreed


@pytest.fixture(autouse=True, scope="package")
def _asymmetric_work_is_done_once() -> Iterator[None]:
    """Pure functions with memory. What fails raises, and is not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VerifyKey, "verify", lru_cache(maxsize=1 << 16)(VerifyKey.verify))
        patch.setattr(RoundKey, "agree", _agreed_once())
        yield
