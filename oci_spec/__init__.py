"""The values of the OCI specifications: digests, references, descriptors, manifests, configs, platforms.

Everything here is pure: parsed once, immutable, fuzzed. What opens a file or a socket must not live here.
"""
