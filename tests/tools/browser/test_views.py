"""What a page looks like to a model: fixtures and the exact text of their views."""

from __future__ import annotations

import statistics
from itertools import pairwise
from textwrap import dedent
from time import perf_counter

import pytest

from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.document import Seen
from punchlist.tools.browser.presenting import PART, number
from punchlist.tools.browser.view import ViewStyle

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GOLDEN = {
    "a form: names come from labels, and no label is printed twice": (
        """<title>Your details</title><h1>Where should we send it?</h1><form>
        <p><label for=n>Full name:</label> <input id=n value=Ada></p>
        <div><label>Delivery <select><option>Standard<option>Express</select></label></div>
        <label><input type=checkbox> Gift wrap</label>
        <label><input type=radio name=pay checked> Invoice</label>
        <input placeholder="Voucher"><textarea aria-label=Note>two
        lines</textarea><span id=l>Day</span> <input type=date aria-labelledby=l min=2027-01-01>
        <input type=password name=secret value=hunter2><input type=hidden value=x>
        <button disabled>Pay now</button></form>""",
        """\
        page /page: Your details
        - Where should we send it?
        [1] textbox Full name: Ada
        [2] select Delivery: Standard (Standard | Express)
        [3] checkbox Gift wrap: off
        [4] radio Invoice: on
        [5] textbox Voucher:
        [6] textbox Note: two lines
        [7] date Day:
        [8] password secret: ••••••
        [9] button Pay now (disabled)""",
    ),
    "a table: one line a row, parts joined": (
        """<title>Cart</title><table><caption>Your cart</caption><tr><th>Item<th>Price<th>Amount
        <tr><td>Green mug<td>£4.50<td><input type=number aria-label=Quantity value=2><button>Remove</button>
        <tr><td colspan=3><a href=/x>Keep shopping</a></table>""",
        """\
        page /page: Cart
        - Your cart
        - Item | Price | Amount
        - Green mug | £4.50 | [1] number Quantity: 2 | [2] button Remove
        [3] link Keep shopping""",
    ),
    "lists, cards, roles and definition lists are rows too": (
        """<title>Rows</title><ul><li>Desk lamp <b>£20</b> <a href=/l>See it</a><li><a href=/2>Plain</a>
        <li>Outer<ul><li>Inner</ul></ul>
        <article><h2>Vase</h2><p>£9</p><img alt="Vase" width=9 height=9><button>Add</button></article>
        <div role=list><div role=listitem><span>One</span> <span>two</span></div></div>
        <div role=row><div>Ticket 7</div><div>open</div></div>
        <dl><dt>Order</dt><dd>B-17</dd><dt>Total</dt><dd>£29</dd></dl>
        <dl><div><dt>Name</dt><dd>Ada</dd></div></dl>""",
        """\
        page /page: Rows
        - Desk lamp £20 | [1] link See it
        [2] link Plain
        - Outer
        - Inner
        - Vase | £9 | [3] button Add
        - One two
        - Ticket 7 | open
        - Order | B-17
        - Total | £29
        - Name | Ada""",
    ),
    "text and the links inside it are one line; links on their own have one each": (
        """<title>Text</title><nav><a href=/a>Home</a> | <a href=/b>Cart</a></nav>
        <p>By ordering you accept the <a href=/t>terms</a> and the <a href=/p>privacy notice</a>.</p>
        <p>First<br>second</p><p>Old <button>Go</button></p><label>Alone</label>""",
        """\
        page /page: Text
        [1] link Home
        [2] link Cart
        - By ordering you accept the | [3] link terms | and the | [4] link privacy notice
        - First
        - second
        - Old
        [5] button Go
        - Alone""",
    ),
    "what cannot be seen is left out": (
        """<title>Hidden</title><style>.sr{position:absolute;width:1px;height:1px;overflow:hidden}</style>
        <p style="display:none">no1</p>
        <p style="visibility:hidden">no2 <b style="visibility:visible">yes</b></p>
        <p style="opacity:0">no3</p><p class=sr>no4</p><p style="position:absolute;left:-9999px">no5</p>
        <p style="font-size:0">no6</p><p style="clip-path:inset(50%)">no7</p><!-- no8 -->
        <div style="height:0;overflow:hidden"><button>no9</button></div>
        <p style="text-indent:-9999px">no10</p>
        <details><summary>More</summary><p>no11</p></details><template>no12</template>
        <button hidden>no13</button><p>a\u200bb\u202ec</p>""",
        """\
        page /page: Hidden
        - yes
        [1] button More
        - abc""",
    ),
    "a row that listens within one that points is numbered on a line of its own": (
        """<title>Tree</title><style>li{cursor:pointer}</style>
        <ul><li><span id=a>Folder</span>
        <ul><li id=b><span>One</span></li><li id=c><span>Two</span></li></ul></li></ul>
        <script>for (const each of [a, b, c]) each.addEventListener('click',()=>1)</script>""",
        """\
        page /page: Tree
        [1] other Folder
        [2] other One
        [3] other Two""",
    ),
    "things that only listen, point or take focus are numbered": (
        """<title>Listeners</title><div id=a>Heard</div><div style="cursor:pointer">Pointed <b>at</b></div>
        <div tabindex=0>Focusable</div><div role=tab>Tab one</div><div role=menuitem>Copy</div>
        <div role=option>Blue</div><div role=checkbox aria-checked=true>Agree</div><a>No link</a>
        <div contenteditable>Draft</div><div id=list><p style="cursor:pointer">Item 1</p><p>Item 2</p></div>
        <span id=trash-can style="cursor:pointer;display:block;width:9px;height:9px"></span>
        <script>a.addEventListener('click',()=>1);list.addEventListener('click',()=>1);document.body.onclick=()=>1</script>""",
        """\
        page /page: Listeners
        [1] other Heard
        [2] other Pointed at
        [3] other Focusable
        [4] tab Tab one
        [5] menuitem Copy
        [6] option Blue
        [7] checkbox Agree: on
        - No link
        [8] textbox: Draft
        [9] other Item 1
        - Item 2
        [10] other trash can""",
    ),
    "open shadow roots and frames of the same origin are read in place": (
        """<title>Roots</title><p>Before</p><div id=host><span slot=s>slotted</span></div>
        <iframe srcdoc="<p>Framed</p><button>In frame</button>"></iframe><p>After</p>
        <script>host.attachShadow({mode:'open'}).innerHTML =
        '<button>In shadow</button><p><slot name=s></slot></p>'</script>""",
        """\
        page /page: Roots
        - Before
        [1] button In shadow
        - slotted
        - Framed
        [2] button In frame
        - After""",
    ),
    "names come from aria, titles, pictures and what a button says": (
        """<title>Names</title><button aria-label="Close window">x</button><button title=Save></button>
        <a href=/b><img alt="Basket" width=9 height=9></a>
        <button><svg width=9 height=9><title>Search</title></svg></button>
        <input type=submit><input type=button value="Do it">
        <select aria-label=Size><option>S<option selected>M<option disabled>L</select>
        <label>Notify me: <input type=email></label><input type=search name=search_query>""",
        """\
        page /page: Names
        [1] button Close window
        [2] button Save
        [3] link Basket
        [4] button Search
        [5] button Submit
        [6] button Do it
        [7] select Size: M (S | M)
        [8] textbox Notify me:
        [9] searchbox search query:""",
    ),
    "styled boxes keep their control: the label stands for it": (
        """<title>Boxes</title><style>.off{position:absolute;opacity:0}</style>
        <label><input type=checkbox class=off>Fast</label><input type=radio id=r style="display:none">
        <label for=r>Card</label>""",
        """\
        page /page: Boxes
        [1] checkbox Fast: off
        [2] radio Card: off""",
    ),
    "an open modal hides what is behind it": (
        """<title>Modal</title><p>Behind</p><button>Under</button>
        <dialog id=d><p>Sure?</p><button>Yes</button></dialog>
        <script>d.showModal()</script>""",
        """\
        page /page: Modal
        - Sure?
        [1] button Yes""",
    ),
    "a row too big to be a row is read as blocks": (
        "<title>Big</title><article>" + "".join(f"<p>Line {n}</p>" for n in range(16)) + "</article>",
        "page /page: Big\n" + "\n".join(f"- Line {n}" for n in range(16)),
    ),
    "an empty page": ("<title></title>", "page /page: "),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
async def test_the_view_of(name, show):
    html, expected = GOLDEN[name]

    visit = await show(html)

    assert visit.view.text() == dedent(expected)


async def test_looking_leaves_the_page_as_it_was_and_reads_the_same_twice(show):
    visit = await show("<title>Same</title><div id=a onclick=x>Thing</div><p>Text</p>")
    html = await visit.session._tab.page.content()
    names = await visit.session._tab.page.evaluate("Object.getOwnPropertyNames(window).length")

    assert await visit.look() == await visit.look()
    assert await visit.session._tab.page.content() == html
    assert await visit.session._tab.page.evaluate("Object.getOwnPropertyNames(window).length") == names


async def test_a_typed_password_is_never_in_a_view_a_result_or_a_read(show):
    visit = await show("<title>Login</title><label>Password <input type=password></label><p>Rest</p>")

    typed = await visit.do("type", "Password", "hunter2")
    read = await visit.do("read", "Password")

    assert typed.code == "ok" and typed.effect.value_after == "••••••"
    assert read.text == "••••••"
    assert "hunter2" not in await visit.look() + repr(typed) + repr(read)


async def scroll_to_the_end(visit, direction):
    """Scroll until there is no effect; how often that took, at most 20."""
    for count in range(20):
        if (await visit.do("scroll", text=direction)).code != "ok":
            return count
        await visit.look()
    return 20


async def test_a_long_page_is_cut_to_its_budget_and_scrolled_by_lines(show):
    visit = await show("<title>Long</title>" + "".join(f"<p>Paragraph number {n}</p>" for n in range(400)))
    first = visit.view.text()

    assert len(first) <= 4000 and visit.view.above == 0 and visit.view.below > 200
    assert (await visit.do("scroll", text="down")).code == "ok"

    second = await visit.look()
    assert second.splitlines()[1] == f"... {visit.view.above} more above"
    assert second.splitlines()[2] == f"- Paragraph number {len(first.splitlines()) - 2}"
    assert await scroll_to_the_end(visit, "down") <= 8
    assert "Paragraph number 399" in await visit.look() and visit.view.below == 0
    assert await scroll_to_the_end(visit, "up") <= 8
    assert await visit.look() == first


async def test_numbers_begin_with_the_first_line_that_is_shown(show):
    visit = await show("<title>Many</title>" + "".join(f"<button>Button {n}</button>" for n in range(300)))

    await visit.do("find", text="Button 250")
    await visit.look()

    assert visit.view.elements[1].name in ("Button 250", "Button 150") or visit.view.above > 0
    assert list(visit.view.elements) == list(range(1, len(visit.view.elements) + 1))
    assert "Button 250" in visit.view.text()


async def test_find_reports_the_lines_around_and_read_gives_the_whole_text(show):
    visit = await show("<title>T</title><p>one</p><p>two</p><p>needle " + "x" * 300 + "</p><p>four</p>")

    found = await visit.do("find", text="NEEDLE")
    read = await visit.do("read")
    missing = await visit.do("find", text="absent")

    assert found.text.startswith("one\ntwo\nneedle x") and found.text.endswith("…\nfour")
    assert "x" * 300 in read.text
    assert (missing.code, missing.message) == ("no_effect", "'absent' is not on the page")


async def timed(visit, count):
    """Seconds that each of `count` looks took."""
    times = []
    for _ in range(count):
        begun = perf_counter()
        await visit.look()
        times.append(perf_counter() - begun)
    return times


async def test_a_thousand_cards_are_seen_within_half_a_second(show):
    card = "<article><h3>Card {0}</h3><p>£{0}.00</p><button>Add</button></article>"
    visit = await show("<title>Shop</title>" + "".join(card.format(n) for n in range(1000)))

    times = await timed(visit, 3)

    assert min(times) < 0.5
    assert visit.view.text().count("\n") > 20 and len(visit.view.text()) < 2500


CARD = "<article><h3>Card {0}</h3><button>Add</button></article>"


async def parts(visit, direction):
    """First and last card of each part, until the page goes no further in that direction."""
    found = []
    for _ in range(20):
        cards = [int(line.split()[2]) for line in visit.view.printed()]
        found.append((cards[0], cards[-1]))
        if not (visit.view.below if direction == "down" else visit.view.above):
            break
        await visit.do("scroll", text=direction)
        await visit.look()
    return found


async def test_a_long_page_is_gone_through_part_by_part_without_a_gap_both_ways(show):
    visit = await show("<title>Shop</title>" + "".join(CARD.format(n) for n in range(300)))

    down, up = await parts(visit, "down"), await parts(visit, "up")

    assert 3 < len(down) < 20 and (down[0][0], down[-1][1]) == (0, 299)
    assert all(before[0] < after[0] <= before[1] + 1 for before, after in pairwise(down))
    assert len(up) < 20 and (up[0][1], up[-1][0]) == (299, 0)
    assert all(after[0] < before[0] <= after[1] + 1 for before, after in pairwise(up))


async def test_a_page_that_just_fits_is_shown_whole_and_a_budget_is_kept_where_one_is_set(show):
    visit = await show("<title>T</title>" + f"<p>{'word ' * 20}</p>" * 38)
    whole = len(visit.view.text())
    longer = await show("<title>T</title>" + f"<p>{'word ' * 20}</p>" * 60)

    asked = len((await longer.session.view(budget=3500)).text())

    assert 3500 < whole <= 4000 and not visit.view.below
    assert len(longer.view.text()) <= 2400 < 3300 < asked <= 3500


async def test_views_of_small_pages_take_less_than_30_ms(show):
    visit = await show(GOLDEN["a table: one line a row, parts joined"][0])

    times = await timed(visit, 15)

    assert statistics.quantiles(times, n=4)[0] < 0.03


@pytest.mark.parametrize(
    ("budget", "style"),
    [
        (None, {}),
        (900, {}),
        (None, {"place": True, "new": True}),
        (None, {"diff": True}),
        (None, {"window": True}),
        (None, {"snapshot": True}),
    ],
)
async def test_the_parts_of_a_long_page_are_the_whole_of_it_down_and_up(budget, style, show):
    things = [f"item {place:03d}" for place in range(100)]
    rows = [f"<p>{thing} {'x' * (at * 7 % 90)} <button>b{at}</button></p>" for at, thing in enumerate(things)]
    visit = await show("<title>Long</title>" + "".join(rows))
    visit.session.style = ViewStyle(**style)

    for direction in ("down", "up"):
        seen, moved = "", True
        while moved:
            view = await visit.session.view(budget)
            seen += "\n".join(view.printed())
            moved = (await visit.session.act(Action("scroll", None, direction))).code == "ok"

        assert [thing for thing in things if thing not in seen] == []


async def test_a_page_that_was_scrolled_to_its_last_line_shows_as_much_as_fits():
    lines = tuple((f"line {place} {'x' * 80}",) for place in range(100))
    seen = Seen(url="http://shop.test/", title="T", scroll="", focus="", changes=0, first=99, lines=lines)

    view, _ = number(seen)

    assert view.below == 0 and len(view.text()) > PART * 0.9
