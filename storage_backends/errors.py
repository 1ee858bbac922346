"""What a store raises. One tree; nothing else escapes a backend but programming errors.

StoreError
├── StoreFull        no space, no quota, no inodes: the caller answers 507 and goes on
├── StoreFailed      an I/O error or a failed fsync: nothing is known about the write
├── CorruptRecord    what is stored under a key is no record: an error, never "absent"
├── BytesBusy        another writer holds these bytes
├── BytesShort       fewer bytes are there than the offset to write at
├── BytesGone        the bytes are not there (any more)
└── UnsuitableStore  a place that cannot keep the contracts; refused at start
"""


class StoreError(Exception):
    """Base of everything that a store raises."""


class StoreFull(StoreError):
    """No room is left (ENOSPC, EDQUOT, EFBIG), or the floor of free space is reached."""


class StoreFailed(StoreError):
    """The store did not do what was asked; whether the write took place is unknown."""


class CorruptRecord(StoreError):
    """What is stored under a key does not parse as a record."""


class BytesBusy(StoreError):
    """Another writer is at these bytes."""


class BytesShort(StoreError):
    """The bytes end before the offset at which writing should go on."""


class BytesGone(StoreError):
    """There are no bytes under this key."""


class UnsuitableStore(StoreError):
    """This place cannot keep the contracts (a network or case-folding file system, a newer format)."""
