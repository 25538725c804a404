"""Parties that break the rules, against a real coordinator: TLS, passes and a database."""
