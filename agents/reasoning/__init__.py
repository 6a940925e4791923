"""Thinking: one search core, the loops on it, and the record from which they are resumed and shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .beam import Beam
    from .best_first import BestFirst
    from .depth_first import DepthFirst
    from .evaluators import Checked, Ensemble, Evaluator, Logits, Lookahead, Rollout, Vote
    from .mcts import MonteCarlo
    from .problem import Problem, Rejected, Task, Terminal, TextProblem
    from .proposers import Enumerated, FromTool, Listed, Proposer, Sampled
    from .sampling import BestOfN, SelfConsistency
    from .search import Result, Search
    from .strategy import Strategy, strategy_named, think, think_sync
    from .thinking import Prompt, Thinking
    from .trace import Trace
    from .tree import Node, Score, Thought

_HOMES = {
    "beam": ("Beam",),
    "best_first": ("BestFirst",),
    "depth_first": ("DepthFirst",),
    "evaluators": ("Checked", "Ensemble", "Evaluator", "Logits", "Lookahead", "Rollout", "Vote"),
    "mcts": ("MonteCarlo",),
    "problem": ("Problem", "Rejected", "Task", "Terminal", "TextProblem"),
    "proposers": ("Enumerated", "FromTool", "Listed", "Proposer", "Sampled"),
    "sampling": ("BestOfN", "SelfConsistency"),
    "search": ("Result", "Search"),
    "strategy": ("Strategy", "strategy_named", "think", "think_sync"),
    "thinking": ("Prompt", "Thinking"),
    "trace": ("Trace",),
    "tree": ("Node", "Score", "Thought"),
}

__all__ = [
    "Beam",
    "BestFirst",
    "BestOfN",
    "Checked",
    "DepthFirst",
    "Ensemble",
    "Enumerated",
    "Evaluator",
    "FromTool",
    "Listed",
    "Logits",
    "Lookahead",
    "MonteCarlo",
    "Node",
    "Problem",
    "Prompt",
    "Proposer",
    "Rejected",
    "Result",
    "Rollout",
    "Sampled",
    "Score",
    "Search",
    "SelfConsistency",
    "Strategy",
    "Task",
    "Terminal",
    "TextProblem",
    "Thinking",
    "Thought",
    "Trace",
    "Vote",
    "strategy_named",
    "think",
    "think_sync",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
