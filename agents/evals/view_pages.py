"""Fifteen pages that a view must number: what people click is often neither a button nor a link.

Addresses of a second origin stand as `{other}` (same machine, other port) and `{far}` (another site).
"""

from __future__ import annotations

LOGIN = """<title>Sign in</title><h1>Sign in</h1><form><label for=u>User</label><input id=u>
<label>Password <input type=password></label><label><input type=checkbox> Keep me signed in</label>
<a href=/forgot>Forgot it?</a><button>Sign in</button></form>"""

ROW_BUTTONS = """<title>Orders</title><style>td{padding:4px}</style><table><tr><th>Order<th>Total<th></tr>""" + "".join(
    f"<tr><td>B-{n}<td>£{n}.00<td><button>Open</button><span class=bin data-n={n}>x</span></tr>" for n in range(8)
) + """</table><script>for (const one of document.querySelectorAll('.bin'))
one.addEventListener('click', () => one.closest('tr').remove())</script>"""  # fmt: skip

TOOLBAR = """<title>Editor</title><style>i{display:inline-block;width:24px;height:24px;background:#ccd}</style>
<div id=bar><i class=icon-bold></i><i class=icon-italic></i><i class="icon-link"></i><button><svg width=9 height=9
><rect width=9 height=9></rect></svg></button><i></i></div><script>for (const one of document.querySelectorAll('i'))
one.onmousedown = () => one.classList.toggle('on')</script>"""

POINTS = """<title>Chart</title><svg width=300 height=120><path d="M0 100L300 20" stroke=black fill=none></path>
<circle cx=40 cy=60 r=8 fill=red></circle><circle cx=90 cy=50 r=8 fill=green></circle>
<rect x=150 y=20 width=30 height=30 fill=#0000ff></rect><polygon points="220,20 240,60 200,60" fill=gold></polygon>
<g id=pair><circle cx=270 cy=40 r=5></circle><text x=262 y=70>now</text></g></svg>
<script>for (const one of document.querySelectorAll('circle,rect,polygon,#pair'))
one.addEventListener('click', () => one.setAttribute('fill', 'black'))</script>"""

CELLS = """<title>Three in a row</title><style>td{width:40px;height:40px;border:1px solid}</style><table id=board>
<tr><td><td><td>X<tr><td>O<td><td><tr><td><td><td></table><script>
board.addEventListener('click', (event) => { event.target.textContent = 'X'; })</script>"""

COLOURS = """<title>Pick a colour</title><style>div{width:40px;height:40px;display:inline-block}</style>
<div style="background:red"></div><div style="background:rgb(0,128,0)"></div><div style="background:#00f"></div>
<div style="background:linear-gradient(red,blue)"></div><script>for (const one of document.querySelectorAll('div'))
one.addEventListener('pointerup', () => { document.title = one.style.background; })</script>"""

TREE = """<title>Files</title><ul role=tree><li role=treeitem aria-expanded=true><span tabindex=0>Home</span>
<ul role=group><li role=treeitem tabindex=-1>Notes</li><li role=treeitem tabindex=-1>Pictures</li></ul></li>
<li><div class=branch><b>+</b> Work</div><ul><li><div class=leaf>Plan</div></li></ul></li></ul>
<details><summary>More</summary><p>Nothing</p></details><script>
for (const one of document.querySelectorAll('.branch,.leaf,[role=treeitem]')) one.onclick = () => one.focus()</script>"""

CUSTOM_SELECT = """<title>Country</title><style>.pick{cursor:pointer;width:120px}li{cursor:pointer}</style>
<div class=pick role=combobox aria-expanded=true tabindex=0>France</div><ul role=listbox>
<li role=option aria-selected=true>France<li role=option>Ghana<li role=option>Peru</ul>
<label>Size<select><option>S<option>M</select></label><div role=spinbutton tabindex=0 aria-valuenow=3>3</div>
<div role=slider tabindex=0 aria-valuenow=40 style="width:90px;height:9px"></div><div role=switch tabindex=0>Wifi</div>"""

DATE_PICKER = """<title>Arrival</title><style>td{width:24px}</style><label>Arrival <input id=day readonly></label>
<table id=days><thead><tr><td id=back>&lt;<td colspan=5>May 2027<td id=on>&gt;</thead><tbody>""" + "".join(
    "<tr>" + "".join(f"<td>{d}</td>" for d in range(week * 7 + 1, min(week * 7 + 8, 32))) for week in range(5)
) + """</tbody></table><p>Each night is paid when you arrive; you can call until six in the evening of that day to
tell us that you will be late, and we keep the room.</p><script>
days.tBodies[0].addEventListener('click', (event) => { day.value = event.target.textContent; });
back.onclick = on.onclick = () => 1</script>"""  # fmt: skip

TABS = """<title>Settings</title><div role=tablist><div role=tab aria-selected=true tabindex=0>General</div>
<div role=tab tabindex=-1>Mail</div></div><div role=tabpanel><label>Name <input></label></div>
<ul class=tabs><li><a>First</a></li><li><a>Second</a></li></ul><div role=menubar><span role=menuitem>File</span>
<span role=menuitemcheckbox aria-checked=false tabindex=-1>Wrap</span><span role=gridcell tabindex=0>4</span></div>
<script>for (const one of document.querySelectorAll('.tabs a')) one.addEventListener('click', () => 1)</script>"""

SHADOW = """<title>Shadows</title><open-box></open-box><shut-box>unseen</shut-box><div id=bare></div>
<shut-card>Card <button>slotted</button></shut-card><script>
const make = (mode, html) => class extends HTMLElement {
  constructor() { super(); this.attachShadow({ mode }).innerHTML = html; }
};
customElements.define('open-box', make('open', '<button>Open one</button><input aria-label="Open field">'));
customElements.define('shut-box', make('closed', '<button onclick="this.textContent=1">Shut one</button>'
  + '<label>Shut field <input></label><inner-box></inner-box>'));
customElements.define('inner-box', make('closed', '<a href=/deep>Deep link</a>'));
customElements.define('shut-card', make('closed', '<h2><slot></slot></h2><button>Fold</button>'));
bare.attachShadow({ mode: 'closed' }).innerHTML = '<span id=s>Pressed</span>';
</script>"""

FRAMES = """<title>Frames</title><p>Before</p><iframe srcdoc="<button>Same</button><div id=d>Heard</div>
<script>d.onclick=()=>1</script>"></iframe><iframe src="{other}/inner"></iframe><iframe src="{far}/inner"></iframe>
<iframe sandbox=allow-scripts srcdoc="<button>Boxed</button>"></iframe><p>After</p>"""

INNER = """<title>Inner</title><p>Inside</p><label>Card number <input></label><div id=pay>Pay here</div>
<pin-pad></pin-pad><script>pay.addEventListener('click', () => { pay.textContent = 'Paid'; });
customElements.define('pin-pad', class extends HTMLElement { constructor() { super();
this.attachShadow({ mode: 'closed' }).innerHTML = '<form><input aria-label=PIN><button>Confirm</button></form>'; } });
</script>"""

CANVAS = """<title>Draw</title><canvas id=c width=200 height=100></canvas><canvas width=50 height=50></canvas>
<video width=80 height=60 controls></video><audio controls></audio><img id=map width=60 height=40 src=data:,>
<object width=40 height=30></object><progress value=.4></progress><script>
c.addEventListener('mousedown', () => 1); map.addEventListener('click', () => 1)</script>"""

EDITABLE = """<title>Notes</title><div contenteditable>Draft</div><p contenteditable=plaintext-only>Plain</p>
<div role=textbox tabindex=0 aria-label=Chat></div><div class=toolbar><span onclick="1">B</span></div>
<article onclick="1"><h2>A story that one can open</h2><p>It begins with a long sentence that says what it is
about, who wrote it, when, and why a reader should press anywhere on this card to go on reading it.</p></article>
<div contenteditable><p>A paragraph with a <a href=/x>link</a></p></div>"""

CARDS = "<title>Shop</title><h1>All products</h1>" + "".join(
    f"<article><h3>Product number {n}</h3><p>£{n}.00</p><a href=/p/{n}>Details</a> <button>Add</button></article>"
    for n in range(1000)
)

PAGES = {
    "login": LOGIN, "row-buttons": ROW_BUTTONS, "toolbar": TOOLBAR, "svg-points": POINTS, "cells": CELLS,
    "colours": COLOURS, "tree": TREE, "custom-select": CUSTOM_SELECT, "date-picker": DATE_PICKER, "tabs": TABS,
    "shadow": SHADOW, "frames": FRAMES, "canvas": CANVAS, "editable": EDITABLE, "cards": CARDS,
}  # fmt: skip
