"""The vocabulary of hardware, with nothing of Kalray: registers, models, the bus, the registry."""
