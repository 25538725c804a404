"""A gateway over Flower: where an operator has a SuperLink, nodes need no other connection.

On the node's machine a SuperNode runs :mod:`enterprise_node.gateway.flower.client`, which only
moves envelopes between the exchange folder and Flower's messages. The ServerApp
(:mod:`enterprise_node.gateway.flower.server`) holds a mirror of each node's exchange folder and
runs the gateway's own relay on it. A SuperNode executes whatever its SuperLink sends, so it stands
on the gateway side: nothing it can read is more than sealed envelopes. docs/flower.md.
"""
