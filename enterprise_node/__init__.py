"""An enterprise's node: the private side, the gateway, and the command lines of both.

``private`` holds the data store, the accounting intake, the checks of a plan, encryption and the
egress ledger, and has no network. ``gateway`` is another process, on another machine if you like:
it carries sealed bytes out and signed documents in, imports neither accounting nor ``private`` and
runs on the base dependencies. They share nothing but the folder of :mod:`enterprise_node.exchange`.
"""
