"""Tests of the accounting package."""
