"""The event loop on which calls are answered: one thread, and one loop in a process.

``grpc.aio`` polls for one loop; servers in one process, as in tests, share it. What may take long
runs in threads (:mod:`coordinator.lanes`), never here. The loop is uvloop's where there is one: a
fifth of the time of a small contribution was the standard loop's own. Used by
:mod:`coordinator.server`, and by the load generator of ``cefed bench ingest``.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """Another loop of the same kind, for a process of its own such as a load generator."""
    return new_event_loop()


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The process's loop; its thread starts with the first use and ends with the process."""
    loop = new_loop()
    threading.Thread(target=loop.run_forever, name="calls", daemon=True).start()
    return loop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the loop, from another thread; what it returns or raises."""
    return asyncio.run_coroutine_threadsafe(coroutine, event_loop()).result()
