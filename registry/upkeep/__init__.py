"""What keeps a store in order: the collector, the check of everything, the store's format, and their commands.

Chooses what to look at, by age and by listing; what may go is decided by `registry.content` alone. Must not know HTTP.
"""
