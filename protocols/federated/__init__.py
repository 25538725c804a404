"""Secure aggregation over exact integers: what the federated backend has beside Paillier's.

:mod:`~protocols.federated.terms` what a plan says about it, :mod:`~protocols.federated.graph` who
masks with whom, :mod:`~protocols.federated.masks` the masks. SPEC.md section 11.
"""
