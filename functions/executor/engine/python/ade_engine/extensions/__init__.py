"""Config packages: finding, loading and calling them."""
