"""From a tree to a wired machine."""
