"""Device trees: readers of source and blob, the tree with its places, addresses and interrupts."""
