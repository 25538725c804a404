"""Oracles that import nothing of the project."""
