"""A trace in the terminal: `rows` keeps it, `window` is what can be seen of it, `app` shows that."""
