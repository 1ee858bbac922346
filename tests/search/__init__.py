"""Walks every interleaving and every crash of the registry's own step functions on a small store."""
