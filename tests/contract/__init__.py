"""One suite for the contracts of `storage_backends.base`, run unchanged on every store.

What only one store has (faults of a disk, the memory's power cut) is in a module named after that store.
"""
