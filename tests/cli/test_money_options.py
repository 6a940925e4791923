"""`--money` and `--price` as they are written and miswritten."""

import pytest

from punchlist.agents.cli import opening
from punchlist.agents.cli.parser import build_parser


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--money", "ten"], "no sum of money"),
        (["--money", "-1"], "from 0 up"),
        (["--money", "nan"], "from 0 up"),
        (["--price", "2.50"], "not PROMPT/ANSWER"),
        (["--price", "2.50/x"], "no sum of money"),
    ],
)
def test_what_is_no_money_is_refused_in_a_sentence(words, why, capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["run", "goal", *words])

    assert ended.value.code == 2 and why in capsys.readouterr().err


def test_a_sum_is_kept_as_it_is_written():
    options = build_parser().parse_args(["think", "why?", "--money", "0.10", "--price", "2.50/10"])

    assert (options.money, options.price) == ("0.10", "2.50/10")


def test_a_servers_model_without_a_price_is_refused_before_the_run_begins(punchlist, shop, monkeypatch):
    async def there(model):
        await model.aclose()

    monkeypatch.setattr(opening, "_reach", there)  # no server is needed to say that the price is missing
    where = ("--site", shop.url, "--model", "http://127.0.0.1:9/v1#it", "--memory", "none")
    ended = punchlist("run", "Buy it.", *where, "--money", "1", model=None)

    assert ended.code == 2 and "has no price" in ended.err and "--price" in ended.err
