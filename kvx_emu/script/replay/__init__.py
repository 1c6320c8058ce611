"""Tables of register writes: CSV, .npy or Parquet in, checked numpy arrays out, a part at a time.

Nothing imports this package before a script has a `replay`: it needs numpy.
"""
