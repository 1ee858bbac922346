"""What the server costs: memory under large bodies, synced writes per push."""
