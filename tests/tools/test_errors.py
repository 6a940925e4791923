"""Every error of a tool tells the operator what to do, and tells a model only what happened."""

import inspect
import re

import pytest

from punchlist.tools import errors
from punchlist.tools.errors import ToolError

MADE_OF = {
    "UnknownTool": ("stock", ("order",)),
    "InvalidArguments": ("stock", "item: missing"),
    "ToolRaised": ("stock", KeyError("mug")),
    "ToolTimeout": ("stock", 5.0),
    "ToolReturnedWrongType": ("stock", "not a number"),
    "ToolDenied": ("stock", "rule 2"),
    "OutcomeUnknown": ("stock", "run/1.use/1/1"),
    "BrowserMissing": (("chromium",),),
    "BrowserCrashed": (),
    "OriginBlocked": ("http://other.test/", ("http://shop.test",)),
    "SiteUnreachable": ("http://shop.test/", "connection refused"),
    "PageUnreadable": ("http://shop.test/", "it gave no answer"),
}
"""Name of each public error -> arguments to make one of."""

IMPERATIVES = "Add|Check|Correct|Declare|Give|Install|Look|Open|Put|Use"
ORDER = re.compile(rf"(?:^|[.:] )(?:{IMPERATIVES}) [^.]+")
"""A sentence that begins with something to do."""


def test_every_public_error_is_among_those_held_to_the_rule():
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, ToolError)]

    assert {item.__name__ for item in classes} - {"ToolError"} == set(MADE_OF)


@pytest.mark.parametrize("name", MADE_OF)
def test_an_error_says_to_the_operator_what_to_do_and_keeps_it_from_the_model(name):
    error = getattr(errors, name)(*MADE_OF[name])

    found = ORDER.search(str(error))

    assert found, str(error)
    assert error.for_model and found[0].strip(".: ") not in error.for_model
    assert ".. " not in str(error)
