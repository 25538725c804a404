"""Protobuf messages, their gRPC service, and the codec that refuses non-canonical bytes."""
