"""An enterprise's node: the private side, the gateway side, and the command line over both.

``private`` holds the data store, the accounting intake, the checks of a plan, encryption and the
egress ledger. ``gateway`` is the thin client that carries sealed bytes out and signed documents in;
it imports neither accounting nor ``private`` and runs on the base dependencies. ``node`` composes
the two, ``cli`` is ``cefed node``.
"""
