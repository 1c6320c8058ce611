"""`python -m kvx_emu` is the `kvx-emu` command."""

import sys

from kvx_emu.cli.main import main

sys.exit(main())
