"""placeholder"""
from __future__ import annotations
from pathlib import Path
from .board import Board


def fits() -> bool:
    return False


class LiveView:
    def __init__(self, board: Board) -> None: ...
    def __enter__(self) -> LiveView: return self
    def __exit__(self, *_: object) -> None: ...
    def draw(self) -> None: ...
    def take(self, event: object) -> None: ...


def save_picture(board: Board, path: Path) -> None: ...
