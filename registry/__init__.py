"""The server: an OCI registry over a store.

Knows the distribution-spec, repositories and the rule that keeps every accepted push readable. Must not know where
bytes are kept (`storage_backends`), nor be imported by what a hot command of the client loads.
"""
