"""Running the engine."""
