"""The commands with their options, as `--help` prints them. Every handler is a name, imported when called."""

from __future__ import annotations

import argparse
from typing import Any

from ..evals.registry import Kind, abouts, taken
from .arguments import (
    MODEL,
    Formatter,
    add_autonomy,
    add_budget,
    add_wait,
    command,
    natural,
    port,
    positive,
    whole,
)
from .browse_parser import add_browse
from .journal_parser import add_import, add_verify
from .memory_parser import add_memory
from .reporting_parser import add_report
from .thinking_parser import add_export, add_strategy, add_think, add_tree, add_tuning
from .traces_parser import add_trace

EPILOG = """\
examples:
  punchlist run --demo
  punchlist run "Order 2 green mugs for Ada Lovelace, express, deliver on 3 May." --site http://127.0.0.1:8000

exit codes: 0 confirmed or done, 1 something is wrong (memory doctor), 2 usage or settings, 3 unverified,
  4 failed, 130 interrupted
"""


class _Version(argparse.Action):
    """Prints the version, which is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"punchlist {version('punchlist')}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. `handler` of a parsed command is "module:function" of this package."""
    parser = argparse.ArgumentParser(
        prog="punchlist",
        description="Agents whose work counts as done only after it was verified.",
        epilog=EPILOG,
        formatter_class=Formatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    _add_run(commands)
    _add_resume(commands)
    _add_answer(commands)
    _add_act(commands)
    _add_plan(commands)
    add_think(commands)
    _add_tasks(commands)
    _add_doctor(commands)
    _add_train(commands)
    _add_figures(commands)
    _add_journal(commands)
    add_memory(commands)
    add_trace(commands)
    add_browse(commands)
    _add_site(commands)
    _add_serve(commands)
    _add_door(commands)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    parser.add_argument("--events", action="store_true", help="print events as JSON lines, the outcome last")
    parser.add_argument("--quiet", action="store_true", help="print the final report only")
    parser.add_argument("--picture", metavar="FILE", help="save the last live view as an SVG picture")


def _add_run(commands: Any) -> None:
    goal = "Order 2 green mugs for Ada Lovelace, express, deliver on 3 May."
    site = "--site http://127.0.0.1:8000"
    pages = f"""punchlist run 'Click on "Help desk counter".' {site} --expect 'Customer tickets'"""
    example = f'punchlist run --demo\n  punchlist run "{goal}" {site}\n  {pages}'
    parser = command(commands, "run", "get a goal done on a web site, verified", example, "running:run")
    parser.add_argument("goal", nargs="?", help="what is to be done, in a sentence or two")
    parser.add_argument(
        "--demo", action="store_true", help="start the example shop and order something there"
    )
    parser.add_argument(
        "--site", metavar="URL", help="where it is to be done; the browser reaches nothing else"
    )
    parser.add_argument(
        "--expect", action="append", default=[], metavar="TEXT",
        help="go towards any goal on pages, and hold it against this: the page must show TEXT then; may be "
        "given several times",
    )  # fmt: skip
    parser.add_argument("--model", metavar="M", help=MODEL)
    parser.add_argument(
        "--observer", choices=("view", "aria", "screenshot"), default="view",
        help="what the model of --expect is shown of pages: the numbered view (default), Playwright's ARIA "
        "snapshot, or the view and a picture of the window with its numbers",
    )  # fmt: skip
    add_strategy(parser)
    parser.add_argument("--workers", type=whole, default=2, metavar="N", help="workers at once (default 2)")
    parser.add_argument(
        "--journal",
        metavar="FILE",
        help="where to record the run: a file or postgresql:// address (default: new under .punchlist/)",
    )
    parser.add_argument(
        "--memory",
        metavar="DIR",
        default=".punchlist/memory",
        help="where lessons are kept (default .punchlist/memory; 'none' keeps none)",
    )
    parser.add_argument(
        "--user", metavar="NAME", default="", help="for whom it is done: whose preferences in memory count"
    )
    parser.add_argument(
        "--redos",
        type=natural,
        default=2,
        metavar="N",
        help="attempts of a task beyond the first (default 2)",
    )
    parser.add_argument(
        "--record", action="store_true",
        help="leave traces of what is done in the browser, with pictures, beside the journal; "
        "`punchlist journal report` shows them",
    )  # fmt: skip
    add_autonomy(parser)
    add_wait(parser)
    add_budget(parser)
    _add_output(parser)


def _add_resume(commands: Any) -> None:
    example = "punchlist resume\n  punchlist resume .punchlist/2027-05-03-101500.db"
    parser = command(commands, "resume", "go on with a run that was interrupted", example, "running:resume")
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="journal, postgresql:// address or run id (default: the last file that is unfinished)",
    )
    parser.add_argument("--run", dest="which", metavar="RUN", help="which run of it (default: the last)")
    parser.add_argument("--site", metavar="URL", help="where the site is now (default: as recorded)")
    parser.add_argument("--model", metavar="M", help="another model (default: as recorded)")
    add_autonomy(parser, default=None)
    add_wait(parser)
    add_budget(parser)
    _add_output(parser)


def _add_answer(commands: Any) -> None:
    about = "see what runs wait for, and answer it"
    example = "punchlist answer .punchlist/run.db\n  punchlist answer .punchlist/run.db count.3f2a yes"
    parser = command(commands, "answer", about, example, "people:answer")
    _add_which(parser)
    parser.add_argument("request", nargs="?", metavar="REQUEST", help="its id; left out, all are listed")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="JSON, or text as it is")
    parser.add_argument("--person", metavar="NAME", help="who answers (default: your user name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the journal, postgresql:// address, or a run id")
    parser.add_argument("--run", dest="which", metavar="RUN", help="which run of it (default: the last)")


def _add_act(commands: Any) -> None:
    about = "pause, go on with, cancel, take over or re-open tasks of a run that goes on"
    example = (
        "punchlist act .punchlist/run.db pause\n  punchlist act .punchlist/run.db cancel count --reason late"
    )
    parser = command(commands, "act", about, example, "people:act")
    _add_which(parser)
    acts = ("pause", "go-on", "cancel", "take-over", "reopen")
    parser.add_argument("act", choices=acts, metavar="ACT", help=", ".join(acts))
    parser.add_argument("task", nargs="?", default="", metavar="TASK", help="default: the whole run")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; cancel and reopen want one")
    parser.add_argument("--person", metavar="NAME", help="who acts (default: your user name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_plan(commands: Any) -> None:
    about = "see the plan of a run, and add, drop or change tasks that have not begun"
    example = (
        "punchlist plan run.db\n  punchlist plan run.db drop label --reason 'not needed'\n"
        "  punchlist plan run.db add wrap --text 'Wrap the mugs.' --after count --like label\n"
        "  punchlist plan run.db add dust --of shelf --like sort --text 'Dust the top.'"
    )
    parser = command(commands, "plan", about, example, "people:plan")
    _add_which(parser)
    parser.add_argument(
        "edit", nargs="?", choices=("add", "drop", "change"), metavar="EDIT", help="add, drop, change"
    )
    parser.add_argument("task", nargs="?", metavar="TASK", help="its name in the plan")
    parser.add_argument(
        "--of", default="", metavar="TASK", help="the plan of the manager that this task was given to"
    )
    parser.add_argument("--text", metavar="TEXT", help="what is to be done")
    parser.add_argument(
        "--input",
        action="append",
        metavar="NAME=TASK",
        help="a result that it gets; may be given several times",
    )
    parser.add_argument(
        "--after", action="append", metavar="TASK", help="what must be confirmed before; several times"
    )
    parser.add_argument("--worker", metavar="NAME", help="who does it")
    parser.add_argument("--like", metavar="TASK", help="a new task is held against the spec of this one")
    parser.add_argument(
        "--check", action="append", default=[], metavar="TEXT",
        help="a sentence that the model must find true of a new task's result; several times",
    )  # fmt: skip
    parser.add_argument("--by-person", action="store_true", help="a person says whether a new task was done")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why")
    parser.add_argument("--person", metavar="NAME", help="who edits (default: your user name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_tasks(commands: Any) -> None:
    about = "list the families of tasks, and what the embedded model knows"
    parser = command(commands, "tasks", about, "punchlist tasks", "tasks:tasks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_doctor(commands: Any) -> None:
    about = "check that everything a run needs is here"
    parser = command(commands, "doctor", about, "punchlist doctor", "doctor:doctor")
    parser.add_argument("--install", action="store_true", help="first install a browser if there is none")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_train(commands: Any) -> None:
    about = "train the embedded model anew, or any checkpoint on what runs found out"
    example = "punchlist train embedded --out runs/embedded --steps 9000 --threads 2"
    tuned = "\n  punchlist train lora --from .punchlist/2027-05-03-101500.db --out runs/mine"
    whole_command = command(commands, "train", about, example + tuned, "training:train")
    inner = whole_command.add_subparsers(dest="what", title="commands", metavar="COMMAND", required=True)
    _add_embedded(inner, example)
    _add_pages(inner)
    add_tuning(inner)


def _add_embedded(inner: Any, example: str) -> None:
    parser = command(inner, "embedded", "train the embedded model anew", example, "training:train")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for state, log and checkpoint")
    parser.add_argument("--steps", type=whole, metavar="N", help="optimizer steps in all (default 9000)")
    parser.add_argument(
        "--batch-tokens", type=whole, metavar="N", help="tokens of a step, at least (default 4096)"
    )
    parser.add_argument(
        "--decay-steps", type=whole, metavar="N", help="length of the final decay of the rate (default 1500)"
    )
    parser.add_argument(
        "--start", metavar="FOLDER", help="begin with the weights of this checkpoint instead of fresh ones"
    )
    parser.add_argument(
        "--widen", type=whole, metavar="N", help="give the feed-forward of --start this width first"
    )
    parser.add_argument(
        "--recorded", metavar="FOLDER", help="learn from recorded decisions on pages too (train pages)"
    )
    parser.add_argument(
        "--only",
        metavar="A,B",
        help="train these roles (default: those of jobs; browse has weights of its own)",
    )
    parser.add_argument("--minutes", type=positive, metavar="M", help="save and stop after so many minutes")
    parser.add_argument("--threads", type=whole, metavar="T", help="CPU threads (default: torch's choice)")
    parser.add_argument("--seed", type=int, metavar="N", help="of documents and first weights (default 1)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with what lies in DIR, with the settings it was begun with",
    )
    parser.add_argument(
        "--ship", metavar="FOLDER", help="at the end put the checkpoint there, with model card and manifest"
    )
    parser.add_argument(
        "--history", metavar="TEXT", default="", help="a sentence for that card on how the weights came to be"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def _add_pages(inner: Any) -> None:
    about = "record what scripted experts decide on pages, to train the embedded model on"
    example = "punchlist train pages --out runs/pages --seeds 0-199 --parallel 2"
    parser = command(inner, "pages", about, example, "training:record")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the recordings; gone on with")
    parser.add_argument("--seeds", metavar="A-B", default="0-199", help="of each task, 0-999 (default 0-199)")
    parser.add_argument("--only", metavar="A,B", help="tasks by name (default: the 39 developed on)")
    parser.add_argument("--data", metavar="DIR", help="the html folder of the package miniwob")
    parser.add_argument("--parallel", type=whole, default=1, metavar="N", help="episodes at once (default 1)")


_MEASURING: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("model", MODEL + "; string-match is the baseline", {"metavar": "M"}),
    ("limit", "at most so many items", {"type": whole, "metavar": "N"}),
    ("seed", "draws other items (default 0)", {"type": natural, "default": 0, "metavar": "N"}),
    ("quick", "a small fixed subset", {"action": "store_true"}),
    ("resume", "keep what was measured before a kill", {"action": "store_true"}),
    ("shard", "only the K-th of N parts, e.g. 2/4", {"metavar": "K/N"}),
    ("parallel", "items at once (default 1)", {"type": whole, "default": 1, "metavar": "N"}),
    ("no-compare", "leave out passes that only compare", {"action": "store_true"}),
    ("data", "data that is not part of the package", {"metavar": "FILE"}),
    ("out", "where results are kept (default under .punchlist/)", {"metavar": "FILE"}),
    ("clone", "repository to clone (default: that of this package)", {"metavar": "DIR"}),
    ("shape", "qwen2.5-0.5b, llama-3.2-1b or tiny (default: the first two)", {"metavar": "S"}),
    ("threads", "threads to compute with (default: all cores)", {"type": whole, "metavar": "T"}),
    ("only", "parts of it, separated by commas", {"metavar": "A,B"}),
    ("repeats", "turns of each part", {"type": whole, "metavar": "N"}),
    ("report", "folder to write a report into", {"metavar": "DIR"}),
    ("peers", "folder of virtual environments of other frameworks", {"metavar": "DIR"}),
    ("seeds", "which draws of each part, e.g. 10000-10024", {"metavar": "A-B"}),
    ("json", "print one JSON object", {"action": "store_true"}),
)
"""Options of eval and bench: name, help, what argparse is told. Help leaves out what a kind never takes."""


def _add_figures(commands: Any) -> None:
    kinds: tuple[tuple[Kind, str, str, str], ...] = (
        ("eval", "measure quality: confirmed and right, accuracy, redos", "shop", "figures:evaluate"),
        ("bench", "measure speed: first run, decoding, import", "demo", "figures:bench"),
    )
    for kind, about, word, handler in kinds:
        parser = command(commands, kind, about, f"punchlist {kind} {word} --quick", handler)
        known = "\n".join(f"  {name:<10} {says}" for name, says in abouts(kind).items())
        parser.epilog = f"names:\n{known}\n\n{parser.epilog}"
        parser.add_argument("name", metavar="NAME", nargs="?", help="which one; left out, they are listed")
        for name, says, told in _MEASURING:
            useful = name.removeprefix("no-") in taken(kind)
            flags = [f"--{name}", *(["--tasks"] if name == "only" else [])]
            parser.add_argument(*flags, help=says if useful else argparse.SUPPRESS, **told)


def _add_journal(commands: Any) -> None:
    about = "look at what runs recorded"
    example = "punchlist journal list\n  punchlist journal show .punchlist/2027-05-03-101500.db"
    parser = command(commands, "journal", about, example, "journals:list_journals")
    inner = parser.add_subparsers(dest="journal_command", title="commands", metavar="COMMAND")
    listing = command(
        inner, "list", "list runs, newest first", "punchlist journal list", "journals:list_journals"
    )
    listing.add_argument(
        "folder",
        nargs="?",
        default=".punchlist",
        metavar="DIR",
        help="or postgresql:// address (default .punchlist)",
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    example = "punchlist journal show .punchlist/2027-05-03-101500.db --kinds envelope,decision"
    show = command(inner, "show", "print a run as it was recorded", example, "journals:show_journal")
    show.add_argument("file", metavar="FILE", help="the journal, postgresql:// address, or a run id")
    show.add_argument("--run", metavar="RUN", help="which run of the file (default: the last)")
    show.add_argument("--kinds", metavar="A,B", help="only rows of these kinds, e.g. envelope,intent,outcome")
    show.add_argument("--json", action="store_true", help="print rows as JSON lines")
    add_report(inner)
    add_verify(inner)
    add_tree(inner)
    add_export(inner)
    add_import(inner)
    parser.set_defaults(folder=".punchlist", json=False)


def _add_site(commands: Any) -> None:
    about = "serve the example shop until Ctrl-C"
    parser = command(commands, "site", about, "punchlist site --port 8000 --seed 3", "sites:serve")
    parser.add_argument(
        "--port", type=port, default=8000, metavar="N", help="0 takes a free one (default 8000)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="which shop (default: the demo's)")
    parser.add_argument(
        "--folder", metavar="DIR", help="where to keep its state (default: forgotten at the end)"
    )
    parser.add_argument("--json", action="store_true", help="print address and goal as one JSON object")


def _add_serve(commands: Any) -> None:
    about = "serve a model to OpenAI's clients until Ctrl-C"
    example = "punchlist serve --port 8080\n  punchlist serve models/qwen3 --name qwen --weights int8"
    parser = command(commands, "serve", about, example, "serving:serve")
    model = "checkpoint folder or hub name (default: the embedded model)"
    parser.add_argument("model", nargs="?", metavar="MODEL", help=model)
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=port, default=8000, metavar="N", help="0 takes a free one (default 8000)"
    )
    parser.add_argument(
        "--api-key",
        metavar="KEY",
        help="what clients must send; better in the environment, as PUNCHLIST_API_KEY",
    )
    parser.add_argument("--name", metavar="NAME", help="what clients call the model (default: its own name)")
    parser.add_argument(
        "--weights",
        choices=("float32", "bfloat16", "int8", "fp8"),
        help="what the weights are kept as (default: float32 on a CPU, bfloat16 on a GPU)",
    )
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a LoRA adapter that clients may name as the model; may be given several times",
    )
    parser.add_argument(
        "--max-body", type=whole, default=4_000_000, metavar="BYTES", help="of a request (default 4000000)"
    )
    parser.add_argument(
        "--max-queue", type=natural, default=512, metavar="N", help="requests that may wait (default 512)"
    )


def _add_door(commands: Any) -> None:
    about = "begin, follow and answer runs over HTTP until Ctrl-C"
    example = (
        "punchlist door --site http://127.0.0.1:8000\n"
        "  punchlist door --program shelf.py:make_manager --plan fill=shelf.py:make_plan --port 8081"
    )
    parser = command(commands, "door", about, example, "doors:door")
    parser.add_argument(
        "--site", metavar="URL", help="where goals are done; the browser reaches nothing else"
    )
    parser.add_argument(
        "--program",
        metavar="FILE.py:NAME",
        help="function that makes the manager of each run, or MODULE:NAME",
    )
    parser.add_argument(
        "--plan", action="append", default=[], metavar="NAME=FILE.py:NAME",
        help="function that makes a plan that may be begun by this name; may be given several times",
    )  # fmt: skip
    parser.add_argument("--model", metavar="M", help=MODEL)
    parser.add_argument("--workers", type=whole, default=2, metavar="N", help="workers at once (default 2)")
    parser.add_argument(
        "--memory", metavar="DIR", default=".punchlist/memory",
        help="where lessons are kept (default .punchlist/memory; 'none' keeps none)",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=port, default=8080, metavar="N", help="0 takes a free one (default 8080)"
    )
    parser.add_argument(
        "--key", metavar="KEY",
        help="what clients must send, needed beyond loopback; better in the environment, PUNCHLIST_DOOR_KEY",
    )  # fmt: skip
    add_autonomy(parser)
    add_budget(parser)
