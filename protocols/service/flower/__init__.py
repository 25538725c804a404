"""Letters: what one Flower message carries each way, and a SuperLink's grid that delivers them.

Used by the coordinator's totals rounds, by the gateway on a SuperNode, and by simulations. Only
:mod:`protocols.service.flower.post` and :mod:`protocols.service.flower.records` import Flower.
"""
