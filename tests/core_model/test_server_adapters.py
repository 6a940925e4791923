"""The server's LoRA adapters: clients name one as the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from punchlist.core_model.model import LocalModel, load_model

from .adapters import write_adapter
from .served import HELLO, Served


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LocalModel]:
    model = load_model()
    assert isinstance(model, LocalModel)
    model.engine.load_adapter("tuned", write_adapter(tmp_path / "tuned", model.engine.model, 1))
    yield model
    model.engine.close()


@pytest.fixture
def client(model: LocalModel) -> Iterator[openai.OpenAI]:
    served = Served(model)
    yield served.client()
    served.close()


def test_an_adapter_is_named_as_the_model(client: openai.OpenAI) -> None:
    names = [card.id for card in client.models.list()]
    told = {
        name: client.chat.completions.create(model=name, messages=HELLO, max_tokens=12, temperature=0)
        for name in names
    }

    assert names == ["embedded", "tuned"]
    assert [answer.model for answer in told.values()] == names
    texts = [answer.choices[0].message.content for answer in told.values()]
    assert texts[0] != texts[1]


def test_a_model_that_is_not_served_is_refused_with_those_that_are(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="only 'embedded', 'tuned'"):
        client.chat.completions.create(model="other", messages=HELLO)
