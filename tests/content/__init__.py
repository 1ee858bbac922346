"""What readers see while others write: caches, paged listings, moving tags."""
