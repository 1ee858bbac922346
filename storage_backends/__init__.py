"""Where records and bytes are kept: memory, a file system, S3, behind the two contracts of `base.py`.

Knows keys, values, versions and durability. Must not know what a repository, a manifest or a tag is.
"""
