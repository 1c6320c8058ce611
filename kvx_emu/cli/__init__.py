"""The command line: the only place with click, one file a subcommand."""
