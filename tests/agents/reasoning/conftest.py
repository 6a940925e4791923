"""The embedded model, loaded once for the tests of reasoning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from punchlist.core_model.model import LocalModel, load_model


@pytest.fixture(scope="session")
def embedded() -> Iterator[LocalModel]:
    model = load_model()
    yield model
    model.engine.close()
