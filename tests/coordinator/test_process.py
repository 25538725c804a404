"""The serving process: what it sets for itself before callers are answered."""

from __future__ import annotations

import gc

from coordinator import process


def test_what_is_there_when_calls_begin_is_not_looked_through_again() -> None:
    before = gc.get_threshold()
    try:
        process._settle_memory()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == (process.COLLECT_AFTER, *before[1:])
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
