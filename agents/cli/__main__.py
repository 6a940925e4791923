"""`python -m punchlist.agents.cli`, for where the command is not on the PATH."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
