"""What a view has beside the usual where one asks for it, and pages that are too long to be read whole."""

from __future__ import annotations

import pytest

from punchlist.agents.evals.view_pages import page
from punchlist.tools.browser.view import ViewStyle

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def lines(visit, **style):
    visit.session.style = ViewStyle(**style)
    return (await visit.look()).splitlines()[1:]


async def test_hints_tell_how_a_thing_without_text_looks(show):
    points = await show(page("svg-points"))

    assert await lines(points) == ["[1] other", "[2] other", "[3] other", "[4] other", "[5] other", "- now"]
    assert (await lines(points, hints=True))[:3] == [
        "[1] other circle red 16x16", "[2] other circle green 16x16", "[3] other rect blue 30x30",
    ]  # fmt: skip
    colours = await show(page("colours"), "/colours")
    assert (await lines(colours, hints=True))[2:] == ["[3] other blue 40x40", "[4] other gradient 40x40"]


async def test_states_are_told_where_they_are_asked_for(show):
    visit = await show("""<title>T</title><button aria-expanded=false>Menu</button>
        <div role=tab aria-selected=true aria-expanded=true>Mail</div><button aria-pressed=true>Bold</button>
        <input aria-label=Code value=7 readonly><details><summary>More</summary>text</details>
        <input aria-label=Name autofocus>""")

    plain, told = await lines(visit), await lines(visit, states=True)

    assert plain[0] == "[1] button Menu"
    assert told == [
        "[1] button Menu (collapsed)", "[2] tab Mail (expanded, selected)", "[3] button Bold (pressed)",
        "[4] textbox Code: 7 (read-only)", "[5] button More (collapsed)", "[6] textbox Name: (focused)",
    ]  # fmt: skip


async def test_a_word_that_is_set_letter_by_letter_is_a_word(show):
    letter = "<span style='display:inline-block'>{}</span>"
    word, apart = "".join(map(letter.format, "kEp9")), " ".join(map(letter.format, "ab"))
    visit = await show(
        f"<title>T</title><p>{word}</p><p>{apart}</p><p>{letter.format('one')}{letter.format('two')}</p>"
    )

    assert await lines(visit) == ["- kEp9", "- a b", "- one two"]


async def test_boxes_that_share_a_listener_can_have_a_number_each(show):
    visit = await show(page("cells"))
    await lines(visit, shared=True, hints=True)

    clicked = await visit.do("click", "row 3 column 3 44x40")

    assert clicked.code == "ok"
    assert (await lines(visit, shared=True, hints=True))[-1].endswith("[9] other X")


async def test_a_canvas_that_takes_the_mouse_and_a_big_card_have_numbers(show):
    canvas = await show(page("canvas"))

    assert await lines(canvas) == [
        "[1] other canvas 200x100", "[2] other video 80x60", "[3] other audio 300x54", "[4] other map",
    ]  # fmt: skip
    card = await show(page("editable"), "/editable")
    assert "[5] other A story that one can open" in await lines(card)


async def test_a_window_of_a_thousand_cards_is_short_and_moves(show):
    visit = await show(page("cards"))

    first = await lines(visit, window=True)
    scrolled = await visit.do("scroll", text="down")
    second = await lines(visit, window=True)

    assert len(visit.view.text()) < 2500 and first[0] == "- All products"
    assert scrolled.code == "ok" and second[0] == f"... {len(first) - 1} more above"


async def test_place_and_new_things_are_lines_of_their_own(show):
    visit = await show("<title>T</title><button onclick=\"this.insertAdjacentHTML('afterend',"
                       "'<input aria-label=Code>')\">Ask</button><div style='height:3000px'>")  # fmt: skip
    await lines(visit, place=True, new=True)
    await visit.do("click", "Ask")

    after = await lines(visit, place=True, new=True)

    assert after[0].startswith("tab 1 of 1, window 0 of 4.") and after[-1] == "new: [2]"


async def test_a_difference_tells_unchanged_lines_as_one(show):
    buttons = "".join(f"<button>Item {n}</button>" for n in range(9))
    visit = await show(f"<title>T</title><p id=p>Old</p>{buttons}")
    await lines(visit, diff=True)
    await visit.session._tab.page.evaluate("p.textContent = 'New'")

    after = await lines(visit, diff=True)

    assert after == ["gone: - Old", "- New", "= 9 lines as before with [1] to [9]"]
    assert visit.view.elements[9].name == "Item 8"


async def test_a_page_of_a_hundred_thousand_nodes_is_read_in_part_and_scrolled(show):
    visit = await show("""<title>Long</title><main id=m></main><script>m.innerHTML =
        Array.from({ length: 50000 }, (_, n) => `<p>Line ${n}</p>`).join('')</script>""")
    first = await lines(visit)
    scrolled = await visit.do("scroll", text="down")
    second = await lines(visit)

    assert first[-1].endswith("more below, and more that was not read")
    assert scrolled.code == "ok" and second[1] == f"- Line {len(first) - 1}"


async def test_long_texts_are_cut_before_they_leave_the_page(show):
    visit = await show("<title>Long</title><p id=p></p><script>p.textContent = 'word '.repeat(2e6)</script>")

    assert visit.view.text().endswith("word…") and len(visit.view.text()) < 200


async def test_playwrights_snapshot_is_a_view_with_dense_refs_that_can_be_acted_on(show):
    visit = await show("""<title>Login</title><h1>Hello</h1><label>User <input id=u></label>
        <label>Password <input type=password value=hunter2></label>
        <button onclick="this.textContent='Hello '+u.value">Go</button><div id=d>Heard</div>""")

    first = await lines(visit, snapshot=True)
    typed = await visit.do("type", "textbox", "Ada")
    again = await lines(visit, snapshot=True)
    clicked = await visit.do("click", "button")
    await visit.session._tab.page.evaluate("u.remove()")
    stale = await visit.do("type", "textbox", "x")

    assert '- button "Go" [ref=' in "\n".join(first) and "hunter2" not in "\n".join(again)
    assert list(visit.view.elements) == list(range(1, len(visit.view.elements) + 1))
    assert (typed.code, typed.effect.value_after) == ("ok", "Ada")
    assert clicked.code == "ok" and 'button "Hello Ada"' in "\n".join(await lines(visit, snapshot=True))
    assert stale.code == "stale_ref"


async def test_a_view_can_begin_at_a_text_that_was_not_read_yet(show):
    visit = await show("""<title>Long</title><main id=m></main><script>m.innerHTML =
        Array.from({ length: 20000 }, (_, n) => `<p>Line ${n}.</p>`).join('')</script>""")

    found = await visit.session._tab.observer.ask("seek", "line 15000.")
    missing = await visit.session._tab.observer.ask("seek", "absent")

    assert found is True and missing is False
    assert (await lines(visit))[1] == "- Line 15000."
