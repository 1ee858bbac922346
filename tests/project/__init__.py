"""What holds for the project as a whole: the wheel, the lock file, the floors, the documents, what imports what."""
