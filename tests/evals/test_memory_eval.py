"""What `eval memory` looks for, and that it finds it where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from punchlist.agents.evals import memory
from punchlist.agents.evals.harness import EvalOptions, OptionRefused, execute
from punchlist.agents.evals.kill_memory_target import WordSums
from punchlist.agents.evals.memory import both_kept, figures_of, told
from punchlist.agents.evals.memory_erase import Needles, bytes_left, erase_ours, texts, vectors_left
from punchlist.agents.evals.memory_texts import CONTRADICTIONS, harmless, iban, secrets
from punchlist.memory import Memory, Scope

Unexplained = Callable[[Any, dict[str, Any]], set[str]]


def needles() -> tuple[list[str], Needles]:
    gone, kept = texts(5, "goes"), texts(5, "stays")
    return gone, Needles.of(gone, ["id-of-the-first"], kept, WordSums().embed(gone))


def test_texts_words_ids_and_pieces_of_vectors_are_found_wherever_they_stand(tmp_path: Path) -> None:
    gone, looked_for = needles()
    vector = WordSums().embed(gone)[2]
    word = gone[3].split()[-1].encode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(b"xx" + gone[0].encode() + b"yy id-of-the-first")
    (tmp_path / "deep" / "b").write_bytes(b"\1\2\3" + vector[8:12].tobytes() + b"zz")
    (tmp_path / "deep" / "c").write_bytes(b"\1" + vector.astype(np.float16)[:8].tobytes())
    (tmp_path / "d").write_bytes(word)

    assert bytes_left(tmp_path, looked_for) == len(gone[0]) + len("id-of-the-first") + 16 + 16 + len(word)


def test_what_belongs_to_others_too_is_not_counted(tmp_path: Path) -> None:
    _, looked_for = needles()
    (tmp_path / "kept").write_bytes("\n".join(texts(5, "stays")).encode() + bytes(500))

    assert bytes_left(tmp_path, looked_for) == 0


def test_vectors_count_as_left_where_half_of_them_is(tmp_path: Path) -> None:
    rows = WordSums().embed(["one of four", "two of four", "three of four", "four of four"])
    (tmp_path / "file").write_bytes(b"\0" + rows[1].tobytes())

    assert vectors_left(tmp_path, rows) == 0.25


def test_an_erased_owner_leaves_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("punchlist.agents.evals.memory_erase.KEPT", 30)
    monkeypatch.setattr("punchlist.agents.evals.memory_erase.ERASED", 20)

    (found,) = erase_ours(tmp_path / "memory", "exact", [tmp_path / "memory"])

    assert found.before > 1000
    assert (found.left, found.vectors_left) == (0, 0)


def test_planted_secrets_are_refused_and_harmless_sentences_are_kept(tmp_path: Path) -> None:
    planted = told(tmp_path / "planted", secrets(3))
    kept = told(tmp_path / "harmless", harmless(3))

    assert planted == {"told": len(secrets(3)), "refused": len(secrets(3)), "stored": 0}
    assert kept == {"told": len(harmless(3)), "refused": 0, "stored": len(harmless(3))}


def test_the_texts_are_many_and_all_different() -> None:
    assert len(CONTRADICTIONS) >= 50
    assert all(len({*pair}) == 2 for pair in CONTRADICTIONS)
    assert len(set(secrets(0))) == len(secrets(0)) >= 60
    assert len(set(harmless(0))) == len(harmless(0)) >= 220
    assert iban("DE", "370400440532013000") == "DE89370400440532013000"


def test_a_statement_that_is_told_twice_counts_as_merged(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=WordSums(), index="exact") as opened:
        assert both_kept(opened, Scope(user="a"), "Mira loves rain.", "Mira hates rain.")
        assert not both_kept(opened, Scope(user="b"), "Mira loves rain.", "mira  loves rain.")


def test_only_known_parts_are_measured() -> None:
    with pytest.raises(OptionRefused, match="erase, contradictions, secrets"):
        execute("eval", "memory", EvalOptions(only="all", say=lambda line: None))


def test_figures_are_explained(unexplained: Unexplained) -> None:
    rows: dict[str, dict[str, float]] = {
        "erase:exact": {"before": 10, "left": 1},
        "erase:chroma": {"before": 20, "left": 2},
        "erase:server": {"before": 30, "left": 0, "on_server": 5},
        "erase:alone": {"before": 9, "left": 8, "vectors_left": 1.0},
        "contradictions": {"pairs": 36, "merged": 1},
        "duplicates": {"told": 10, "once": 9},
        "secrets": {"told": 50, "stored": 2},
        "harmless": {"told": 200, "refused": 3},
    }

    figures = figures_of(rows)

    assert (figures["erased_bytes_left"], figures["erased_bytes_before"]) == (3, 60)
    assert (figures["contradictions_merged"], figures["duplicates_merged"]) == (1, 0.9)
    assert (figures["secrets_stored"], figures["harmless_refused"]) == (2, 3)
    assert unexplained(memory, figures) == set()
