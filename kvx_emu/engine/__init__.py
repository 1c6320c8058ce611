"""Engines run a script's actions on a machine and make trace rows."""
