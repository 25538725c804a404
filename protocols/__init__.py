"""The cryptographic round: named bounded integers in, policy-checked sums out.

Nothing here knows carbon, files or sockets. ``protocols.walkthrough`` runs a whole round in memory
and is the best place to start reading; SPEC.md is the normative text.
"""
