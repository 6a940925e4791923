"""Writes records until it is told how many or is killed; prints each one's id once it is acknowledged.

python writer.py FOLDER PREFIX [COUNT]
"""

import itertools
import sys

from doubles import FakeEmbedder, confirm, record

from punchlist.memory import Memory

if __name__ == "__main__":
    folder, prefix, *count = sys.argv[1:]
    memory = Memory.open(folder, embedder=FakeEmbedder())
    for number in range(int(count[0])) if count else itertools.count():
        print(memory.remember_sync(record(f"{prefix}{number} was written"), confirm()).id, flush=True)
    memory.recall_sync("written")
    memory.close()
