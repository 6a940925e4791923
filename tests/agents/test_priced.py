"""A run with a budget of money is refused before it begins where a model that it may ask has no price."""

import pytest

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.budget import PriceMissing
from punchlist.agents.fleet import LocalFleet
from punchlist.agents.priced import refuse_unpriced
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model import RemoteModel
from punchlist.core_model.pricing import Price

from .doubles import FINE, worker

URL = "http://127.0.0.1:9/v1#it"


def below(model):
    """A manager below a manager below, with this model."""
    inner = Manager(model, [worker("inner")]).as_worker("boss")
    return Manager(None, [inner]).as_worker("director")


def its_worker(model):
    return Manager(None, [Worker("inner", model)]).as_worker("boss")


def elsewhere(model):
    return LocalFleet().place(Worker("far", model))[0]


@pytest.mark.parametrize("agent", [below, its_worker, elsewhere, lambda model: Worker("w", model)])
def test_everybodys_model_needs_a_price(agent):
    with pytest.raises(PriceMissing, match="'it' has no price"):
        refuse_unpriced(ScriptedModel([]), [agent(RemoteModel(URL))])

    refuse_unpriced(ScriptedModel([]), [worker(), agent(RemoteModel(URL, price=Price(1, 1)))])


async def test_a_run_is_refused_before_it_begins(tmp_path):
    boss, path = below(RemoteModel(URL)), tmp_path / "run.db"
    plan = Plan()
    plan.task("dear", "dear", spec=[FINE], money="1")

    with pytest.raises(PriceMissing):
        Manager(None, [boss], money="1")
    with pytest.raises(PriceMissing):
        await Manager(None, [boss], journal=path).run(plan)

    assert not path.exists()
