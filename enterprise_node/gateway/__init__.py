"""The gateway side: carries envelopes out and signed documents in, and can read neither.

It has no key and no accounting, runs on the base dependencies, and only dials out.
"""

# TLS is restricted before any module of this package imports gRPC.
from protocols.service import tls13 as _tls13

__all__: list[str] = []
_ = _tls13
