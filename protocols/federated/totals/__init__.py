"""Totals without trustees: secure aggregation that outlives members who drop out.

Bonawitz et al. (CCS 2017, figure 4: the variant against an active server) on the sparse graph of
Bell et al. (CCS 2020), as pure code that knows no transport. A member's node runs
:class:`~protocols.federated.totals.member.Member`, the coordinator
:class:`~protocols.federated.totals.gathering.Gathering`; what they exchange are opaque bytes.
SPEC.md section 11.3.
"""
