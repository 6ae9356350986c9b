"""Events and logs."""
