"""Simulated rounds on Flower's simulation engine: the app's two components, and what runs them.

``client`` and ``server`` are the components of the Flower App that ``pyproject.toml`` names;
``engine`` starts a SuperLink of its own, runs the app and stops everything again. docs/flower.md.
"""
