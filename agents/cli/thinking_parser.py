"""The commands about thinking with their options: `think`, `journal tree`, `journal export`, `train lora`."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import MODEL, add_budget, command, natural, positive, whole


class _Strategies(argparse.Action):
    """Prints the strategies' names, which are looked up only when they are asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ..reasoning.strategy import STRATEGIES

        print("\n".join(STRATEGIES))
        parser.exit()


def add_think(commands: Any) -> None:
    """`think`."""
    about = "think about a question by a strategy, and show how"
    example = (
        'punchlist think "A pen costs 3 and a mug costs 4. What do 2 pens and 5 mugs cost?"\n'
        '  punchlist think --game24 "4 6 8 3" --picture tree.html'
    )
    parser = command(commands, "think", about, example, "thinking:think_about")
    parser.add_argument("question", nargs="?", help="what is asked")
    parser.add_argument(
        "--game24", metavar="NUMBERS", help="instead of a question: combine these numbers to 24"
    )
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="how to think (default chain-of-thought; of games tree-of-thoughts); see --strategies",
    )
    parser.add_argument("--strategies", action=_Strategies, nargs=0, help="list the strategies and exit")
    parser.add_argument("--model", metavar="M", help=MODEL)
    add_budget(parser)
    parser.add_argument("--calls", type=whole, metavar="N", help="stop after so many calls of the model")
    parser.add_argument(
        "--seed", type=natural, metavar="N", help="the same seed gives the same answer (default 0)"
    )
    parser.add_argument(
        "--journal", metavar="FILE", help="where to record it (default: a new file under .punchlist/)"
    )
    parser.add_argument(
        "--resume", metavar="FILE", help="go on with what this journal holds; larger limits may be given"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    parser.add_argument("--quiet", action="store_true", help="print the end only")
    parser.add_argument("--picture", metavar="FILE", help="save the tree as .svg or .html")


def add_strategy(parser: argparse.ArgumentParser) -> None:
    """`--strategy` of a run."""
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="how manager and workers think (default: one answer a question); see think --strategies",
    )


def add_tree(inner: Any) -> None:
    """`journal tree`."""
    example = (
        "punchlist journal tree .punchlist/2027-05-03-101500.db\n"
        "  punchlist journal tree .punchlist/2027-05-03-101500.db --out tree.html"
    )
    about = "show the trees of thoughts that a run recorded"
    tree = command(inner, "tree", about, example, "trees:tree")
    tree.add_argument("file", metavar="FILE", help="the journal, or a run id")
    tree.add_argument("--out", metavar="FILE", help="write a picture instead, .svg or .html")
    _choosing(tree)
    tree.add_argument("--scope", metavar="S", help='only this search and those inside it, e.g. "trial 2"')
    tree.add_argument("--limit", type=whole, metavar="N", help="thoughts that are shown of each search")
    tree.add_argument("--json", action="store_true", help="print the events as JSON lines")


def add_export(inner: Any) -> None:
    """`journal export`."""
    example = (
        "punchlist journal export .punchlist/2027-05-03-101500.db --out run.jsonl\n"
        "  punchlist journal export .punchlist/2027-05-03-101500.db --out good.jsonl --kind sft"
    )
    about = "write a run as JSON lines, or what its searches found out as training data"
    export = command(inner, "export", about, example, "exports:export")
    export.add_argument("files", nargs="+", metavar="FILE", help="journals, or run ids")
    export.add_argument("--out", required=True, metavar="FILE", help="file of JSON lines to write")
    export.add_argument(
        "--kind",
        default="run",
        choices=("run", "sft", "preferences"),
        help="run (default): everything, for `journal import`; sft: prompt and answer of what led to a "
        "verified end; preferences: prompt, chosen, rejected",
    )
    _choosing(export)
    export.add_argument(
        "--least",
        type=float,
        default=1.0,
        metavar="V",
        help="value from which an end is good (default 1)",
    )
    add_trust(export)
    export.add_argument("--json", action="store_true", help="print one JSON object")


_TUNINGS = (
    ("lora", "train an adapter on answers that led to a verified end", "lora --from run.db --out runs/mine"),
    (
        "sft",
        "train all weights on answers that led to a verified end",
        "sft --from a.jsonl --out runs/mine",
    ),
    ("dpo", "train on pairs of answers which one is better", "dpo --from run.db --out runs/mine --rank 8"),
)


def add_tuning(inner: Any) -> None:
    """`train lora`, `train sft` and `train dpo`."""
    for what, about, example in _TUNINGS:
        parser = command(inner, what, about, f"punchlist train {example}", "tuning:tune")
        parser.add_argument(
            "--from",
            dest="runs",
            nargs="+",
            required=True,
            metavar="RUN",
            help="journals, run ids, or files of `journal export` (.jsonl)",
        )
        parser.add_argument("--out", required=True, metavar="DIR", help="folder for state, log and result")
        model = "checkpoint folder or hub name (default: the embedded model)"
        parser.add_argument("--model", metavar="M", help=model)
        if what != "sft":
            usual = "default 8" if what == "lora" else "default: train all weights"
            parser.add_argument("--rank", type=whole, metavar="N", help=f"of the adapter ({usual})")
            alpha = "what the adapter is scaled by, times the rank (default twice the rank)"
            parser.add_argument("--alpha", type=positive, metavar="A", help=alpha)
        if what == "dpo":
            beta = "smaller lets the model go further from where it began (default 0.1)"
            parser.add_argument("--beta", type=positive, default=0.1, metavar="B", help=beta)
        _training(parser)


def _training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=whole, metavar="N", help="default: three passes over the rows")
    parser.add_argument("--rate", type=positive, metavar="R", help="learning rate (default 2e-4; dpo 5e-5)")
    parser.add_argument(
        "--batch-tokens", type=whole, default=4096, metavar="N", help="tokens of a step (default 4096)"
    )
    parser.add_argument("--minutes", type=positive, metavar="M", help="save and stop after so many minutes")
    parser.add_argument("--threads", type=whole, metavar="T", help="CPU threads (default: torch's choice)")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="order of the rows (default 0)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with what lies in DIR, with the same options"
    )
    parser.add_argument(
        "--least", type=float, default=1.0, metavar="V", help="value from which an end is good (default 1)"
    )
    add_trust(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """`--trust`: whose word counts."""
    parser.add_argument(
        "--trust",
        metavar="A,B",
        default="tool,environment",
        help="whose judgement of an end counts: tool, environment, model, oracle (default tool,environment)",
    )


def _choosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="RUN", help="which run of the file (default: the last)")
    parser.add_argument("--task", metavar="TASK", help="only the searches of this task")
