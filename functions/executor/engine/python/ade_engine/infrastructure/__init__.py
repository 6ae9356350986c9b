"""What the engine stands on: settings and events."""
