"""The script language: YAML in, frozen actions out."""
