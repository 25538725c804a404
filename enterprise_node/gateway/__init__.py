"""The gateway side: carries sealed bytes out and signed documents in, and can read neither."""
