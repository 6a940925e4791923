"""DBOS under SIGKILL: a workflow of steps on SQLite.

As its documentation says under "Workflows": a workflow that was interrupted is taken up again at `launch`,
and steps whose result is recorded are not run again; a step that was interrupted is run again, at least once,
and is to be idempotent. The tools here are not, so that what is run again shows.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mortal import TOOLS, World, mortal_connect, serve_kills

sqlite3.connect = mortal_connect  # type: ignore[assignment]
sqlite3.dbapi2.connect = mortal_connect  # type: ignore[attr-defined]

from dbos import DBOS, SetWorkflowID  # noqa: E402

RUN = "run"
worlds: list[World] = []


@DBOS.step()
def decide(done: int) -> str:
    """What the scripted model says next."""
    return TOOLS[done] if done < len(TOOLS) else ""


@DBOS.step()
def call(name: str) -> str:
    """One call of a tool."""
    return worlds[-1].do(name)


@DBOS.workflow()
def settle() -> str:
    """Call what the model says until it says nothing more."""
    done: list[str] = []
    while name := decide(len(done)):
        done.append(call(name))
    return done[-1]


def plan(folder: Path) -> bool:
    """Do it, or go on with it."""
    worlds.append(World(folder))
    DBOS(
        config={
            "name": "lab",
            "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
            "application_version": "1",
            "log_level": "ERROR",
            "enable_otlp": False,
        }
    )
    DBOS.launch()
    with SetWorkflowID(RUN):
        handle = DBOS.start_workflow(settle)
    return handle.get_result() == f"{TOOLS[-1]} receipt 77"


if __name__ == "__main__":
    serve_kills("dbos", plan)
