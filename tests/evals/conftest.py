"""The fixture `unexplained` holds figures against what their module says of them."""

import re

import pytest


@pytest.fixture
def unexplained():
    """Gives the figures that the docstring of their module does not name; `x_<y>` there stands for any y."""

    def of(module, figures):
        words = [re.sub("<[^>]*>", ".+", word) for word in re.findall(r"[a-z][\w<>]*", module.__doc__)]
        bases = {re.sub("_(low|high)$", "", name) for name in figures}
        return {base for base in bases if not any(re.fullmatch(word, base) for word in words)}

    return of
