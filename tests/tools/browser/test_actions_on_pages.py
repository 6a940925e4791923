"""What actions do to real pages, and what their results say of it."""

from __future__ import annotations

import statistics
from datetime import date, timedelta

import pytest

from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.results import evidence

from .site import slow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_dead_first_click_has_no_effect_and_the_second_works(show):
    visit = await show("""<title>Dead</title><button id=b>Add to cart</button><p id=p></p><script>
        let armed = 0; b.onclick = () => { if (armed++) p.textContent = 'Added to cart' }</script>""")

    first = await visit.do("click", "Add to cart")
    second = await visit.do("click", "Add to cart")

    assert (first.ok, first.code, first.line()) == (False, "no_effect", "no effect")
    assert (second.ok, second.effect.new, second.line()) == (True, ("Added to cart",), "ok: Added to cart")


async def test_nothing_changed_is_said_only_after_twice_the_quiet(show):
    """The page is quiet for longer than it is usually waited for, and then does change."""
    visit = await show("""<title>Late</title><p id=p>Before</p>
        <button onclick="setTimeout(() => p.textContent = 'After', 75)">Go</button>""")

    result = await visit.do("click", "Go")

    assert (result.code, result.effect.new) == ("ok", ("After",))


async def test_a_click_that_only_changes_data_attributes_has_no_effect(show):
    visit = await show("<title>Quiet</title><button onclick=\"this.dataset.seen='1'\">Silent</button>")

    assert (await visit.do("click", "Silent")).code == "no_effect"


async def test_following_a_link_is_ok_and_the_new_page_is_read(show, site):
    site.pages["/next"] = "<title>Next</title><p>Arrived</p>"
    visit = await show("<title>First</title><a href=/next>Go on</a>")

    result = await visit.do("click", "Go on")

    assert (result.line(), result.effect.url_changed, result.effect.new) == ("ok", True, ("Arrived",))
    assert await visit.look() == "page /next: Next\n- Arrived"


async def test_back_returns_and_at_the_first_page_has_no_effect(show, site):
    site.pages["/next"] = "<title>Next</title><p>Arrived</p>"
    visit = await show("<title>First</title><a href=/next>Go on</a>")
    await visit.do("click", "Go on")

    assert (await visit.do("back")).code == "ok"
    assert (await visit.look()).startswith("page /page: First")
    assert (await visit.do("back")).code == "no_effect"


async def test_a_slow_page_is_waited_for(show, site):
    site.pages["/slow"] = slow(0.4, "<title>Slow</title><p>Finally</p>")
    visit = await show("<title>Fast</title><a href=/slow>Go</a>")

    result = await visit.do("click", "Go")

    assert result.ok and result.effect.new == ("Finally",)


async def test_content_that_a_request_brings_is_waited_for(show, site):
    site.pages["/data"] = slow(0.3, "Three in stock")
    visit = await show("""<title>Late</title><button
        onclick="fetch('/data').then(r => r.text()).then(t => p.append(t))">
        Ask</button><p id=p></p>""")

    assert (await visit.do("click", "Ask")).line() == "ok: Three in stock"


async def test_waiting_ends_when_late_content_comes(show):
    visit = await show(
        "<title>Late</title><p id=p>Loading</p><script>setTimeout(()=>p.textContent='Here',600)</script>"
    )

    result = await visit.do("wait")

    assert (result.line(), result.effect.gone) == ("ok: Here", ("Loading",))
    assert result.effect.ms < 1500


async def test_waiting_for_nothing_ends_after_two_seconds(show):
    visit = await show("<title>Still</title><p>Nothing happens</p>")

    result = await visit.do("wait")

    assert result.code == "no_effect" and 1900 < result.effect.ms < 3000


async def test_a_disabled_button_is_not_clicked(show):
    visit = await show("<title>T</title><button disabled>Pay</button>")

    result = await visit.do("click", "Pay")

    assert (result.code, result.line()) == ("disabled", "disabled: button 'Pay' cannot be used now")
    assert result.effect.ms < 300


async def test_a_covered_button_names_its_cover(show):
    visit = await show("""<title>T</title><button>Pay</button>
        <div style="position:fixed;inset:0;background:#fff">Please wait <button>Close</button></div>""")

    result = await visit.do("click", "Pay")

    assert result.code == "covered"
    assert result.message.startswith("button 'Pay' is covered by 'Please wait")


async def test_a_partly_covered_button_is_clicked_where_it_is_free(show):
    visit = await show("""<title>T</title>
        <button onclick="document.title='hit'" style="width:300px;height:60px">Pay</button>
        <div style="position:absolute;left:0;top:0;width:250px;height:100px;background:#ccc">cover</div>""")

    assert (await visit.do("click", "Pay")).ok
    assert (await visit.look()).startswith("page /page: hit")


async def test_things_below_the_fold_in_frames_and_in_shadow_are_clicked(show):
    visit = await show("""<title>T</title><div style="height:3000px"></div><div id=host></div>
        <iframe srcdoc="<button onclick=&quot;this.textContent='framed'&quot;>In frame</button>"></iframe>
        <script>host.attachShadow({mode:'open'}).innerHTML='<button>In shadow</button>';
        host.shadowRoot.firstChild.onclick = e => e.target.textContent = 'shadowed'</script>""")

    assert (await visit.do("click", "In shadow")).ok
    assert (await visit.do("click", "In frame")).ok
    assert await visit.look() == "page /page: T\n[1] button shadowed\n[2] button framed"


async def test_a_dead_number_is_stale_at_once(show):
    visit = await show("<title>T</title><button id=b>Gone soon</button>")
    await visit.session._tab.page.evaluate("b.remove()")

    result = await visit.do("click", "Gone soon")

    assert result.line() == "stale_ref: button 'Gone soon' is gone from the page"
    assert result.effect.ms < 300
    assert (await visit.line("click 99")).code == "stale_ref"


async def test_numbers_of_a_page_that_was_left_are_stale(show, site):
    site.pages["/next"] = "<title>Next</title><button onclick=\"document.title='wrong'\">Other</button>"
    visit = await show("<title>First</title><a href=/next>Go on</a>")
    await visit.do("click", "Go on")

    assert (await visit.line("click 1")).code == "stale_ref"
    assert (await visit.look()).startswith("page /next: Next")


async def test_typing_replaces_what_a_field_held_and_keys_are_heard(show):
    visit = await show("""<title>T</title><label>Name <input id=n value=old></label><p id=p></p><script>
        n.onkeyup = () => p.textContent = 'heard ' + n.value;
        n.onchange = () => document.title = 'changed'</script>""")

    result = await visit.do("type", "Name", "Ada Lovelace")

    assert (result.line(), result.effect.value_after) == ("ok: heard Ada Lovelace", "Ada Lovelace")
    assert "changed\n[1] textbox Name: Ada Lovelace" in await visit.look()


async def test_typing_into_a_search_field_does_not_submit_and_enter_does(show, site):
    site.pages["/found"] = "<title>Found</title><p>1 result</p>"
    visit = await show(
        "<title>T</title><form action=/found><input type=search aria-label=Search name=q></form>"
    )

    typed = await visit.do("type", "Search", "mug")
    entered = await visit.line("press Enter")

    assert typed.ok and not typed.effect.url_changed
    assert entered.effect.url_changed and visit.session.url.endswith("/found?q=mug")


async def test_a_field_that_changes_what_was_typed_says_so(show):
    visit = await show("""<title>T</title><label>Amount <input type=number id=n value=1></label>
        <script>n.onchange = () => n.value = 1</script><label>Code <input maxlength=3></label>""")

    reset = await visit.do("type", "Amount", "5")
    cut = await visit.do("type", "Code", "12345")

    assert (reset.code, reset.effect.value_after) == ("value_differs", "1")
    assert cut.line() == "value_differs: the field holds '123'"


async def test_typing_where_nothing_can_be_typed_is_refused(show):
    visit = await show(
        "<title>T</title><button>B</button><input aria-label=R readonly value=x>"
        "<input type=file aria-label=F>"
    )

    assert (await visit.do("type", "B", "x")).line() == "not_editable: button 'B' takes no such input"
    assert (await visit.do("type", "R", "x")).code == "not_editable"
    assert (await visit.do("type", "F", "/etc/passwd")).code == "not_editable"


async def test_text_areas_and_editable_blocks_take_several_lines(show):
    visit = await show(
        "<title>T</title><textarea aria-label=Note id=n>old</textarea><div contenteditable>old</div>"
    )

    note = await visit.do("type", "Note", "one\ntwo")
    draft = await visit.line("type 2 new")

    assert note.ok and await visit.session._tab.page.evaluate("n.value") == "one\ntwo"
    assert draft.effect.value_after == "new"


async def test_a_date_field_takes_dates_as_people_write_them(show):
    this_year = date.today().year
    floor = date(this_year + 1, 5, 10)
    visit = await show(f"""<title>T</title><input type=date aria-label=From min={floor}>
        <input type=date aria-label=Free><input type=time aria-label=At>""")

    later = await visit.do("type", "From", "3 May")
    exact = await visit.do("type", "Free", "May 3rd, 2027")
    tomorrow = await visit.do("type", "Free", "tomorrow")
    wrong = await visit.do("type", "Free", "as soon as you can")
    time = await visit.do("type", "At", "09:30")

    assert later.effect.value_after == f"{this_year + 2}-05-03"
    assert exact.effect.value_after == "2027-05-03"
    assert tomorrow.effect.value_after == str(date.today() + timedelta(days=1))
    assert wrong.line().startswith("bad_option: 'as soon as you can' is not a date")
    assert time.ok and time.effect.value_after == "09:30"


@pytest.mark.parametrize(
    ("language", "day"), [("en-US", "2027-05-03"), ("en-GB", "2027-03-05"), ("", "2027-05-03")]
)
async def test_what_05_03_means_is_said_by_the_page_or_the_browser(show, language, day):
    visit = await show("<title>T</title><input type=date aria-label=Day>")
    await visit.session._tab.page.evaluate(f"document.documentElement.lang = '{language}'")

    typed = await visit.do("type", "Day", "05/03/2027")

    assert typed.effect.value_after == day


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("6:09 PM", "18:09"),
        ("12:00 am", "00:00"),
        ("6.30 pm", "18:30"),
        ("7 pm", "19:00"),
        ("18:09:30", "18:09:30"),
    ],
)
async def test_a_time_field_takes_times_as_people_write_them(show, said, held):
    visit = await show("<title>T</title><input type=time step=1 aria-label=At>")

    assert (await visit.do("type", "At", said)).effect.value_after == held


@pytest.mark.parametrize("said", ["May 2027", "05/2027", "2027-02"])
async def test_a_month_is_no_day(show, said):
    visit = await show("<title>T</title><input type=date aria-label=Day>")

    assert (await visit.do("type", "Day", said)).line().startswith(f"bad_option: {said!r} is not a date")


async def test_read_gives_what_is_in_shadows_and_frames_and_no_script(show):
    visit = await show("""<title>T</title><h1>Top</h1><div id=h></div><script>
        h.attachShadow({mode: "open"}).innerHTML = "<p>open text</p>"</script>
        <iframe srcdoc="<p>Inner"></iframe>""")

    read = await visit.do("read")

    assert read.text.splitlines() == ["Top", "open text", "Inner"]


@pytest.mark.parametrize("said", ["noon or so", "3 May", "05/03/2027", "25:00"])
async def test_what_is_no_time_is_refused(show, said):
    visit = await show("<title>T</title><input type=time aria-label=At>")

    assert (await visit.do("type", "At", said)).line().startswith(f"bad_option: {said!r} is not a time")


async def test_selects_are_chosen_by_what_they_say(show):
    visit = await show("""<title>T</title><label>Delivery
        <select id=s onchange="p.textContent='Costs '+s.value"><option value=4>Standard
        <option value=9>Express (next day)<option disabled>Drone</select></label><p id=p></p>""")

    chosen = await visit.do("select", "Delivery", "express (next day)")
    near = await visit.do("select", "Delivery", "Stand")
    missing = await visit.do("select", "Delivery", "Drone")

    assert (chosen.line(), chosen.effect.value_after) == ("ok: Costs 9", "Express (next day)")
    assert near.effect.value_after == "Standard"
    assert missing.line() == "bad_option: the options are Standard | Express (next day)"


async def test_radios_and_boxes_are_clicked_through_their_labels(show):
    visit = await show("""<title>T</title><style>.off{position:absolute;opacity:0}</style>
        <label><input type=checkbox class=off> Gift wrap</label>
        <input type=radio name=r id=a style="display:none"><label for=a>Invoice</label>
        <input type=radio name=r id=b checked><label for=b>Card</label>""")

    assert (await visit.do("click", "Gift wrap")).effect.value_after == "on"
    assert (await visit.do("click", "Invoice")).effect.value_after == "on"
    assert (await visit.do("click", "Invoice")).code == "no_effect"
    assert (await visit.look()).endswith(
        "[1] checkbox Gift wrap: on\n[2] radio Invoice: on\n[3] radio Card: off"
    )


async def test_a_button_in_a_row_acts_on_its_row(show):
    row = "<tr><td>{0}<td><button onclick=\"this.closest('tr').remove()\">Remove</button>"
    visit = await show(f"<title>T</title><table>{row.format('Mug')}{row.format('Lamp')}</table>")

    result = await visit.line("click 2")

    assert (result.code, result.effect.gone) == ("ok", ("Lamp",))
    assert await visit.look() == "page /page: T\n- Mug | [1] button Remove"


async def test_clicking_into_a_field_or_moving_the_caret_is_an_effect(show):
    visit = await show("<title>T</title><input aria-label=A><input aria-label=B><p>Dead text</p>")

    assert (await visit.do("click", "A")).ok
    assert (await visit.line("press Tab")).ok


async def test_scrolling_moves_the_page_until_its_end(show):
    visit = await show("<title>T</title><p>Top</p><div style='height:1500px'></div><p>End</p>")

    downs = [(await visit.line("scroll down")).code for _ in range(4)]

    assert downs[0] == "ok" and downs[-1] == "no_effect"
    assert (await visit.line("scroll up")).code == "ok"


async def test_done_and_cannot_touch_nothing(show):
    visit = await show("<title>T</title><p>x</p>")

    assert (await visit.line("done 17")).line() == "ok"
    assert (await visit.line("cannot out of stock")).line() == "ok"


async def test_evidence_is_json_without_the_password(show):
    import json

    visit = await show("<title>T</title><input type=password aria-label=Password><p id=p></p>")
    action = Action("type", visit.number("Password"), "hunter2")

    result = await visit.session.act(action)
    journalled = json.dumps(evidence(action, result, visit.view, secrets=["s3cret"]))

    assert "hunter2" not in journalled and json.loads(journalled)["result"]["code"] == "ok"


async def test_clicks_take_less_than_120_ms_on_small_pages(show):
    visit = await show(
        "<title>T</title><button onclick=\"this.after('!')\">Add</button><button>Dead</button>"
    )
    times = [(await visit.do("click", name)).effect.ms for name in ("Add", "Dead") * 6]

    assert statistics.quantiles(times, n=4)[0] < 120
