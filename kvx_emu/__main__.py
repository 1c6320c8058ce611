"""Where the command `kvx-emu` and `python -m kvx_emu` start."""

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from kvx_emu.cli.main import main as run  # an interrupt may come while it is imported
    except KeyboardInterrupt:
        sys.stderr.write("kvx-emu: interrupted\n")
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
