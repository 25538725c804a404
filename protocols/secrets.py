"""What every secret-holding object has in common: it never prints, pickles or tests as true.

A secret that reaches a log does so through ``repr``, an f-string or an exception; a secret that is
tested with ``if secret:`` is usually a bug. Both are closed here once.
"""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Mixin for objects that hold key material or plaintext that must not leave."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: redacted>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} has no truth value; compare explicitly")

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not pickled; write it to its own key file")
