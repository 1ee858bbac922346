"""What the registry does when it is killed, when the power goes, when the disk fails."""
