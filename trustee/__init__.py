"""A trustee: holder of one key share, who opens only what it has checked itself.

It dials out only, knows :mod:`protocols` and nothing of carbon. Modules, in order of dependence:
`errors`, `ledger` (what it closed), `agreement` (its checks of a round's terms), `duties` (what
it owes a round, without a socket), `client` and `service` (the process), `folder` and `dealing`
(its files, and the key ceremony), `cli`.
"""
