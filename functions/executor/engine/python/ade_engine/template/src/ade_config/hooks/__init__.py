"""Code that runs at set points of a run."""
