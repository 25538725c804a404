"""The test suite mirrors the packages; see README.md for how to run it."""
