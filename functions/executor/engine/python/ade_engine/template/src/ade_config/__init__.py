"""Rules that turn our workbooks into clean ones."""
