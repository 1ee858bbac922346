"""Settings: how values are read, where they come from, which of two wins. No server runs here."""
