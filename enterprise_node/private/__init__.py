"""The private side: everything that may see the enterprise's figures or hold its keys."""
