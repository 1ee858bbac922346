"""The command `wherry` as a user types it, run as a process."""
