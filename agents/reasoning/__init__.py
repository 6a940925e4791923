"""Thinking: one search core, the loops on it, and the record from which they are resumed and shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .beam import Beam
    from .best_first import BestFirst
    from .chain_of_thought import BestOf, ChainOfThought, Direct, SelfConsistent
    from .depth_first import DepthFirst
    from .evaluators import Checked, Ensemble, Logits, Lookahead, Rollout, Vote
    from .mcts import MonteCarlo
    from .problem import Evaluator, Problem, Proposer, Rejected, Task, TextProblem
    from .proposers import Enumerated, FromTool, Listed, Sampled
    from .react import ReAct
    from .reflexion import ModelReflector, Reflector, Reflexion, Trial
    from .sampling import BestOfN, SelfConsistency
    from .search import Result, Search
    from .self_refine import SelfRefine
    from .socratic import Socratic
    from .strategy import Strategy, strategy_named, think, think_sync
    from .thinking import Prompt, Thinking
    from .trace import Trace
    from .tree import Node, Score, Terminal, Thought
    from .tree_of_thoughts import TreeOfThoughts

_HOMES = {
    "chain_of_thought": ("BestOf", "ChainOfThought", "Direct", "SelfConsistent"),
    "react": ("ReAct",),
    "reflexion": ("ModelReflector", "Reflector", "Reflexion", "Trial"),
    "self_refine": ("SelfRefine",),
    "socratic": ("Socratic",),
    "tree_of_thoughts": ("TreeOfThoughts",),
    "beam": ("Beam",),
    "best_first": ("BestFirst",),
    "depth_first": ("DepthFirst",),
    "evaluators": ("Checked", "Ensemble", "Logits", "Lookahead", "Rollout", "Vote"),
    "mcts": ("MonteCarlo",),
    "problem": ("Evaluator", "Problem", "Proposer", "Rejected", "Task", "TextProblem"),
    "proposers": ("Enumerated", "FromTool", "Listed", "Sampled"),
    "sampling": ("BestOfN", "SelfConsistency"),
    "search": ("Result", "Search"),
    "strategy": ("Strategy", "strategy_named", "think", "think_sync"),
    "thinking": ("Prompt", "Thinking"),
    "trace": ("Trace",),
    "tree": ("Node", "Score", "Terminal", "Thought"),
}

__all__ = [
    "Beam",
    "BestFirst",
    "BestOf",
    "BestOfN",
    "ChainOfThought",
    "Checked",
    "DepthFirst",
    "Direct",
    "Ensemble",
    "Enumerated",
    "Evaluator",
    "FromTool",
    "Listed",
    "Logits",
    "Lookahead",
    "ModelReflector",
    "MonteCarlo",
    "Node",
    "Problem",
    "Prompt",
    "Proposer",
    "ReAct",
    "Reflector",
    "Reflexion",
    "Rejected",
    "Result",
    "Rollout",
    "Sampled",
    "Score",
    "Search",
    "SelfConsistency",
    "SelfConsistent",
    "SelfRefine",
    "Socratic",
    "Strategy",
    "Task",
    "Terminal",
    "TextProblem",
    "Thinking",
    "Thought",
    "Trace",
    "TreeOfThoughts",
    "Trial",
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
