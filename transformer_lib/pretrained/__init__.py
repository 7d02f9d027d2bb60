"""Published weights into our models: for each paper a table of names and its config."""
