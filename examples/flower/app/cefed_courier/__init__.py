"""A Flower App that carries sealed envelopes."""
