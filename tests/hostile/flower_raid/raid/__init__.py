"""A hostile Flower App."""
