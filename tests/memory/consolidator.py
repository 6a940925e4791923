"""Consolidates until it is done or killed; prints a line after each piece.

python consolidator.py FOLDER
"""

import sys
from datetime import UTC, datetime

from doubles import BagOfWords

from punchlist.memory import Consolidation, Memory

if __name__ == "__main__":
    with Memory.open(sys.argv[1], embedder=BagOfWords()) as memory:
        Consolidation(memory).run_sync(
            at=datetime(2031, 1, 1, tzinfo=UTC), tell=lambda job, looked: print(job, looked, flush=True)
        )
