"""A record of searches as one page of HTML: the picture, details of a thought that is clicked, all as a list.

Works without a network and, but for clicks and zoom, without JavaScript. The page's policy lets nothing run
but its own script, and nothing be fetched: what models said cannot act, whatever it is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from .boxes import clean, wrapped
from .forest import CLOSED, Forest, Grown, Shown, note_text, usage
from .picture import MOST_NODES, cost_line, draw, end_line, facts, good
from .trace import TraceEvent

MOST_LISTED = 5000
"""Thoughts that the list holds; what comes later is counted."""

LONGEST = 8000
"""Characters of a text that are shown whole."""

_STYLE = """
* { box-sizing: border-box }
body { margin: 0; display: flex; flex-direction: column; height: 100vh; color: #1c2330; background: #eef1f5;
  font: 14px/1.45 system-ui, 'DejaVu Sans', sans-serif }
header, section { flex: none }
header { padding: 14px 20px; background: #fff; border-bottom: 1px solid #d9dee7 }
h1 { font-size: 17px; margin: 0 0 4px; overflow-wrap: anywhere; white-space: pre-wrap }
.end { font-weight: 600; overflow-wrap: anywhere } .end.good { color: #0b6b4f }
.warn { color: #b42318; font-weight: 600 } .dim { color: #5a6475 }
main { display: flex; flex: 1 0 74vh; min-height: 0; max-height: calc(100vh - 60px); position: relative }
#view { flex: 1; overflow: auto; cursor: grab } #view svg { display: block }
#view.held { cursor: grabbing; user-select: none }
#side { width: 370px; overflow: auto; padding: 14px 16px; background: #fff; border-left: 1px solid #d9dee7 }
#bar { position: absolute; right: 386px; margin: 8px; display: flex; gap: 4px }
button { font: 600 14px system-ui; min-width: 32px; height: 30px; border: 1px solid #aab3c2;
  border-radius: 6px; background: #fff; cursor: pointer }
dl { margin: 0 } dt { color: #5a6475; font-size: 12px; margin-top: 8px }
dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 12.5px ui-monospace, 'DejaVu Sans Mono', monospace }
section { padding: 12px 20px } details details { margin-left: 18px }
section dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 14px } section dt { margin: 0 }
summary { cursor: pointer; padding: 1px 4px; overflow-wrap: anywhere; border-radius: 4px }
summary:hover { background: #e2e7ee } .grey > summary { color: #7d8696 }
.best > summary { color: #2455d6; font-weight: 600 }
.facts { margin: 4px 0 8px 18px; padding: 6px 12px; background: #fff; border: 1px solid #d9dee7;
  border-radius: 6px }
svg .n { cursor: pointer } svg .n:focus { outline: none }
svg .n.on .b, svg .n:focus .b { stroke: #b5179e; stroke-width: 3; stroke-dasharray: none }
@media (max-width: 800px) {
  main { flex-direction: column; max-height: none } #view { min-height: 60vh }
  #side { width: auto; border-left: 0; border-top: 1px solid #d9dee7 }
  #bar { position: static; justify-content: flex-end }
}
"""

_SCRIPT = """
const view=document.getElementById('view'),svg=view.querySelector('svg'),side=document.getElementById('side');
const wide=+svg.getAttribute('width'),high=+svg.getAttribute('height');let zoom=1;
function scale(next,x,y){next=Math.min(4,Math.max(.05,next));
const left=(view.scrollLeft+x)/zoom,top=(view.scrollTop+y)/zoom;zoom=next;
svg.style.width=wide*zoom+'px';svg.style.height=high*zoom+'px';
view.scrollLeft=left*zoom-x;view.scrollTop=top*zoom-y}
const centre=()=>[view.clientWidth/2,view.clientHeight/2];
document.getElementById('in').onclick=()=>scale(zoom*1.25,...centre());
document.getElementById('out').onclick=()=>scale(zoom/1.25,...centre());
document.getElementById('fit').onclick=()=>scale(Math.min(view.clientWidth/wide,view.clientHeight/high),0,0);
document.getElementById('one').onclick=()=>scale(1,...centre());
view.addEventListener('wheel',event=>{if(!event.ctrlKey&&!event.metaKey)return;event.preventDefault();
const place=view.getBoundingClientRect();
scale(zoom*Math.exp(-event.deltaY/300),event.clientX-place.left,event.clientY-place.top)},{passive:false});
let held=null,moved=false;
view.addEventListener('pointerdown',event=>{if(event.button)return;moved=false;
held=[event.clientX,event.clientY,view.scrollLeft,view.scrollTop]});
window.addEventListener('pointermove',event=>{if(!held)return;
const across=event.clientX-held[0],down=event.clientY-held[1];
if(Math.abs(across)+Math.abs(down)>4){moved=true;view.classList.add('held')}
view.scrollLeft=held[2]-across;view.scrollTop=held[3]-down});
window.addEventListener('pointerup',()=>{held=null;view.classList.remove('held')});
function choose(box){const found=document.getElementById('d'+box.dataset.n);
svg.querySelectorAll('.on').forEach(each=>each.classList.remove('on'));box.classList.add('on');
if(found)side.replaceChildren(found.querySelector('.facts dl').cloneNode(true));
else side.textContent='Not in the list: there are too many thoughts.'}
svg.querySelectorAll('.n').forEach(box=>{box.setAttribute('tabindex','0');
box.addEventListener('click',()=>{if(!moved)choose(box)});
box.addEventListener('keydown',event=>{if(event.key==='Enter')choose(box)})});
scale(Math.max(.6,Math.min(1,view.clientWidth/wide)),0,0);
"""


def page(
    forest: Forest,
    *,
    title: str = "",
    answers: Sequence[Mapping[str, JsonValue]] = (),
    most: int = MOST_NODES,
) -> str:
    """The page; arguments as `picture.draw`."""
    picture = draw(forest, answers=answers, most=most)
    whole = forest.outermost
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = [f"<h1>{clean(title or 'A search')}</h1>"]
    if whole is not None:
        end = clean(" ".join(wrapped(end_line(whole), 110, 3)))
        head.append(f'<div class="end{" good" if good(whole.best) else ""}">{end}</div>')
        if answers:
            head.append(f'<div class="dim">{clean(cost_line(usage(answers)))}</div>')
    if any(search.oracle for search in forest):
        head.append(
            '<div class="warn">With an oracle, which knows the solution: no measure of the model.</div>'
        )
    listed = "".join(_listed(forest, picture.numbers))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{clean(title or 'A search')}</title><style>{_STYLE}</style></head><body>"
        f'<header>{"".join(head)}</header><main><div id="bar">'
        '<button id="out" aria-label="smaller">−</button>'
        '<button id="in" aria-label="larger">+</button><button id="one">100 %</button>'
        f'<button id="fit">fit</button></div><div id="view">{picture.svg}</div>'
        '<aside id="side"><span class="dim">Click a thought to see all of it. Drag to move, '
        "Ctrl and the wheel to zoom.</span></aside></main>"
        f"<section><details><summary>All thoughts as a list</summary>{listed}</details></section>"
        f"<script>{_SCRIPT}</script></body></html>"
    )


def _listed(forest: Forest, numbers: Mapping[int, int]) -> Iterator[str]:
    """Every search with all its thoughts, inside each other as in the tree."""
    left = MOST_LISTED
    for search in forest:
        title = " · ".join(filter(None, (search.title or "the search", search.name, end_line(search))))
        yield f"<details open><summary>{clean(title[:LONGEST])}</summary>"
        yield "".join(f'<div class="dim">{clean(note_text(note)[:LONGEST])}</div>' for note in search.notes)
        if "" in search.nodes:
            yield from _family(search, numbers, left)
            left = max(0, left - len(search.nodes))
        yield "</details>"


def _family(search: Grown, numbers: Mapping[int, int], left: int) -> Iterator[str]:
    """The root of a search and all under it, without recursion: trees may be deep."""
    best = search.best
    path = {id(node) for node in best.path()} if best is not None else set[int]()
    waiting: list[Shown | None] = [search.nodes[""]]
    while waiting:
        node = waiting.pop()
        if node is None:
            yield "</details>"
            continue
        if not left:
            yield '<div class="dim">More thoughts are not listed; the journal has all of them.</div>'
            yield from ("</details>" for each in waiting if each is None)
            return
        left -= 1
        kind = "best" if id(node) in path else "grey" if node.status in CLOSED else ""
        value = "" if node.value is None else f"{node.value:.2f}  "
        words = f"{value}{node.text or '(start)'}"[:200]
        told = f"  ({node.status}{f': {node.why}' if node.why else ''})" if node.id else ""
        yield (
            f'<details id="d{numbers[id(node)]}" class="{kind}"{" open" if kind == "best" else ""}>'
            f'<summary>{clean(words)}<span class="dim">{clean(told[:300])}</span></summary>'
            f'<div class="facts"><dl>{_facts(node)}</dl></div>'
        )
        waiting.append(None)
        waiting += reversed(node.children)


def _facts(node: Shown) -> str:
    return "".join(
        f"<dt>{clean(name)}</dt><dd>{clean(text[:LONGEST])}</dd>" for name, text in facts(node).items()
    )


def save(
    events: Iterable[TraceEvent],
    path: Path | str,
    *,
    title: str = "",
    answers: Sequence[Mapping[str, JsonValue]] = (),
    most: int = MOST_NODES,
) -> None:
    """Write the picture; the file's ending says as what.

    Raises:
        ValueError: It ends neither in .svg nor in .html.
        OSError: It cannot be written.
    """
    file, forest = Path(path), Forest.of(events)
    if kind_of(file) == "svg":
        text = draw(forest, title=title, answers=answers, most=most).svg
    else:
        text = page(forest, title=title, answers=answers, most=most)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def kind_of(path: Path) -> str:
    """ "svg" or "html", by a file's ending.

    Raises:
        ValueError: It is another.
    """
    kind = {".svg": "svg", ".html": "html", ".htm": "html"}.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{str(path)!r} ends neither in .svg nor in .html. Name a file that does.")
    return kind
