"""What `kvx-emu check` says of a tree beyond what the machine needs, and what every code means."""
