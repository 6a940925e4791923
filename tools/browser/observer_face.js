  // Last third of the observer: what `observer.py` can ask of it. Numbers are given out here, as indexes of `nodes`.
  let nodes = [];
  let starts = [];
  let anchor = null;
  let hosts = [];
  const frameIds = new WeakMap();
  const frames = new Map();
  const frameId = (el) => {
    if (!frameIds.has(el)) frameIds.set(el, frames.size + 1);
    frames.set(frameIds.get(el), el);
    return frameIds.get(el);
  };
  // Of a page too long to be read whole: the nodes near the place where views begin, and the node after them.
  const nearby = (root) => {
    if (document.getElementsByTagName("*").length <= LIMIT) return null;
    const from = anchor !== null && root.contains(anchor) ? anchor : root;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    const nodes = new Set([from]);
    let top = from;
    walker.currentNode = from;
    for (let count = 0; count < REACH && walker.previousNode(); count += 1) nodes.add(top = walker.currentNode);
    walker.currentNode = from;
    for (let count = 0; count < 2 * REACH && walker.nextNode(); count += 1) nodes.add(walker.currentNode);
    const next = walker.nextNode();
    for (let up = top; up && up !== root; up = up.parentNode) nodes.add(up);
    return { nodes, next, above: top !== root };
  };
  // First and last line that the window shows some of.
  const onscreen = (lines) => {
    let first = -1;
    let last = -1;
    lines.forEach((start, line) => {
      const range = start.nodeType === 1 ? start : document.createRange();
      if (start.nodeType !== 1) range.selectNode(start);
      const box = range.getBoundingClientRect();
      const frame = start.ownerDocument.defaultView;
      if (box.bottom <= 0 || box.top >= frame.innerHeight || box.right <= 0 || box.left >= frame.innerWidth) return;
      if (first < 0) first = line;
      last = line;
    });
    return [first, last];
  };
  const read = () => {
    names = new Map();
    watch(document);
    if (anchor !== null && !anchor.isConnected) anchor = null;
    const modal = [...document.querySelectorAll("dialog:modal")].pop();
    const root = modal || document.body;
    const part = root ? nearby(root) : null;
    const reader = new Reader(part && part.nodes);
    if (root) {
      const windowed = part !== null;
      reader.visit(root, { mute: false, hideText: false, pointer: false, inert: false, windowed, scrolled: { x: 0, y: 0 } });
      reader.flush();
    }
    hosts = reader.hosts.slice(0, 40);
    reader.unreadAbove = part !== null && part.above;
    reader.next = part && part.next;
    reader.unreadBelow = reader.next !== null || reader.visits > LIMIT;
    return reader;
  };
  const report = (reader, first) => JSON.stringify({
    ...place(), title: clean(document.title), lines: reader.lines, first, focus: focusMark(), hosts: hosts.length,
    unread_above: reader.unreadAbove, unread_below: reader.unreadBelow,
    windows: look.place ? [scrollY, document.documentElement.scrollHeight].map((y) => Math.round(10 * y / innerHeight) / 10) : undefined,
    onscreen: look.onscreen ? onscreen(reader.starts) : null,
    frames: reader.frames.slice(0, 30).map(({ el, line }) => [line, frameId(el)]),
  });
  const follows = (start) => start === anchor || anchor.contains(start) ||
    (anchor.compareDocumentPosition(start) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  const place = () => ({ url: location.href, scroll: Math.round(scrollX) + "," + Math.round(scrollY), changes });
  const focused = () => {
    let active = document.activeElement;
    while (active && shadowOf(active) && shadowOf(active).activeElement) active = shadowOf(active).activeElement;
    return active;
  };
  const focusMark = () => {
    const active = focused();
    if (!active || active === document.body) return "";
    const role = hardRole(active) || "";
    return `${FIELDS.has(role) ? "field" : "other"}:${active.localName}:${nameOf(active, role).name}`;
  };

  // ---- where to click --------------------------------------------------------------------------------------
  const deepest = (doc, x, y) => {
    let hit = doc.elementFromPoint(x, y);
    while (hit && shadowOf(hit)) {
      const inner = shadowOf(hit).elementFromPoint(x, y);
      if (!inner || inner === hit) break;
      hit = inner;
    }
    return hit;
  };
  const within = (hit, el) => {
    for (let node = hit; node; node = node.parentNode || node.host) if (node === el) return true;
    return false;
  };
  const belongs = (hit, el) => within(hit, el) ||
    Boolean(el.labels && [...el.labels].some((label) => within(hit, label) && !hit.closest("a,button")));
  // A point of the document of `el` as one of the top window, or what covers it on the way up.
  const climb = (el, x, y) => {
    let target = el;
    let doc = el.ownerDocument;
    for (;;) {
      const hit = deepest(doc, x, y);
      if (!hit || !(target === el ? belongs(hit, names.origin || el) : within(hit, target))) return { cover: hit };
      const frame = doc.defaultView.frameElement;
      if (!frame || doc === document) return { x, y };
      const outer = frame.getBoundingClientRect();
      x += outer.left + frame.clientLeft;
      y += outer.top + frame.clientTop;
      target = frame;
      doc = frame.ownerDocument;
    }
  };
  // Points of `el` that reach it, at most `most`, or what covers it.
  const freePoints = (el, most) => {
    let cover = null;
    const points = [];
    for (const rect of el.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      for (const [fx, fy] of [[.5, .5], [.5, .25], [.5, .75], [.25, .5], [.75, .5], [.1, .1], [.9, .1], [.1, .9], [.9, .9]]) {
        const point = climb(el, rect.left + rect.width * fx, rect.top + rect.height * fy);
        if (point.cover !== undefined) cover = cover || point.cover;
        else points.push([point.x, point.y]);
        if (points.length >= most) return { points };
      }
    }
    return points.length ? { points } : { cover };
  };
  const describe = (el) => {
    if (!el) return { index: -1, text: "nothing that can be clicked" };
    const index = nodes.findIndex((node) => within(el, node));
    const node = nodes[index];
    const text = clean(node ? nameOf(node, hardRole(node) || "other").name : el.innerText || el.id || el.localName);
    return { index, text: text.slice(0, 40) };
  };
  const locate = (index) => {
    const el = nodes[index];
    if (!el || !el.isConnected) return { code: "stale_ref" };
    const target = clickTarget(el);
    if (isDisabled(el)) return { code: "disabled" };
    if (target === null) return { code: "not_visible" };
    return { el, target };
  };

  return {
    // The page as lines; numbers given out before are void afterwards.
    view(wanted) {
      look = wanted;
      const reader = read();
      nodes = reader.nodes;
      starts = reader.next === null ? reader.starts : [...reader.starts, reader.next];
      const first = anchor === null ? 0 : Math.max(0, reader.starts.findIndex(follows));
      return report(reader, first);
    },
    // The same without voiding numbers: what an action is compared against.
    peek() {
      return report(read(), 0);
    },
    // Elements of the latest reading that may have a closed shadow root.
    hosts() {
      hosts.forEach((el) => asked.set(el, (asked.get(el) || 0) + 1));
      return hosts;
    },
    numbered() { return nodes; },
    open(host, root) { opened.set(host, root); },
    // `host` has a closed root that belongs to the world of another frame: that frame is read apart from now on.
    part(host) {
      const frame = host.ownerDocument.defaultView.frameElement;
      if (frame) apart.add(frame);
    },
    // What is known of the elements to which Playwright's snapshot gave `refs`, null where there is none. Unless `keep`,
    // they are numbered by their places in `refs` from now on.
    byRefs({ refs, keep }) {
      const found = new Map();
      const collect = (root) => {
        for (const el of root.querySelectorAll("*")) {
          if (el._ariaRef) found.set(el._ariaRef.ref, el);
          if (shadowOf(el)) collect(shadowOf(el));
          if (el.localName === "iframe" && el.contentDocument) collect(el.contentDocument);
        }
      };
      collect(document);
      const elements = refs.map((ref) => found.get(ref) || null);
      if (!keep) {
        nodes = elements;
        starts = elements.map((el, line) => el || elements.slice(0, line).reverse().find(Boolean) || document.body);
      }
      return JSON.stringify(elements.map((el) => {
        if (el === null) return null;
        const role = hardRole(el) || "other";
        const options = role === "select" ? [...el.options].filter((one) => !one.disabled).map(optionText).filter(Boolean) : [];
        return { role, name: nameOf(el, role).name.slice(0, SENT_CHARACTERS), value: shortValue(el, role), disabled: isDisabled(el), options };
      }));
    },
    frame(id) { return frames.get(id); },
    // The line of the latest view where a frame's lines are put.
    lineOf(id) { return JSON.stringify(Math.max(0, starts.indexOf(frames.get(id)))); },
    // Points inside a frame as points of this document's window; those that something covers are left out.
    through({ frame, points }) {
      const el = frames.get(frame);
      if (!el || !el.isConnected) return JSON.stringify({ code: "stale_ref" });
      const outside = ([x, y]) => x < 0 || y < 0 || x >= innerWidth || y >= innerHeight;
      const style = styleOf(el);
      const mapped = () => {
        const box = el.getBoundingClientRect();
        const left = box.left + el.clientLeft + parseFloat(style.paddingLeft);
        const top = box.top + el.clientTop + parseFloat(style.paddingTop);
        return points.map(([x, y]) => [x + left, y + top]);
      };
      if (outside(mapped()[0])) el.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      if (outside(mapped()[0])) {
        const [x, y] = mapped()[0];
        el.ownerDocument.defaultView.scrollBy({ left: x - innerWidth / 2, top: y - innerHeight / 2, behavior: "instant" });
      }
      const climbed = mapped().map(([x, y]) => climb(el, x, y));
      const free = climbed.filter((one) => one.cover === undefined);
      if (!free.length) return JSON.stringify({ code: "covered", ...describe(climbed[0].cover) });
      return JSON.stringify({ points: free.map(({ x, y }) => [x, y]) });
    },
    // Resolve a number to points to click, at most `most`, the best first; scrolls it into view.
    points({ index, most }) {
      const found = locate(index);
      if (found.code) return JSON.stringify(found);
      const box = found.target.getBoundingClientRect();
      const view = found.target.ownerDocument.defaultView;
      if (view !== window || box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth) {
        found.target.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
      }
      names.origin = found.el;
      let free = freePoints(found.target, most);
      if (free.cover !== undefined) {
        found.target.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        free = freePoints(found.target, most);
      }
      names.origin = undefined;
      if (free.cover !== undefined) return JSON.stringify({ code: "covered", ...describe(free.cover) });
      return JSON.stringify(free);
    },
    point(index) {
      const found = JSON.parse(this.points({ index, most: 1 }));
      return JSON.stringify(found.code ? found : { x: found.points[0][0], y: found.points[0][1] });
    },
    // Put the caret into a field with its content selected, so that typing replaces it.
    focus(index) {
      const found = locate(index);
      if (found.code && !(found.code === "not_visible" && nodes[index].type === "file")) return JSON.stringify(found);
      const el = nodes[index];
      const role = hardRole(el);
      if (!["textbox", "searchbox", "password", "number", "date", "file"].includes(role) || el.readOnly) {
        return JSON.stringify({ code: "not_editable" });
      }
      const kind = el.localName === "input" ? el.type : el.localName;
      const facts = { kind, min: el.min || "", lang: document.documentElement.lang || navigator.language };
      if (kind !== "file") {
        el.scrollIntoView({ block: "nearest", behavior: "instant" });
        el.focus();
        if (typeof el.select === "function") el.select();
        else el.ownerDocument.getSelection().selectAllChildren(el);
      }
      return JSON.stringify(facts);
    },
    // Set the value of a native field that is not typed into (date, time, range, colour).
    fill({ index, text }) {
      const el = nodes[index];
      const proto = el.ownerDocument.defaultView.HTMLInputElement.prototype;
      Object.getOwnPropertyDescriptor(proto, "value").set.call(el, text);
      el.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
      el.dispatchEvent(new Event("change", { bubbles: true }));
      return JSON.stringify(el.isConnected ? el.value : "");
    },
    // Tell the page that typing is finished, as leaving the field would.
    typed(index) {
      const el = nodes[index];
      if (el && el.isConnected && "value" in el) el.dispatchEvent(new Event("change", { bubbles: true }));
      return "null";
    },
    value(index) {
      const el = nodes[index];
      return JSON.stringify(el && el.isConnected ? valueOf(el, hardRole(el) || "other") : null);
    },
    // The field's raw value equals `text`; said without letting a password out of the page.
    holds({ index, text }) {
      const el = nodes[index];
      if (!el || !el.isConnected) return "null";
      const value = "value" in el ? el.value : contentText(el, true);
      const number = el.type === "number" || el.type === "range";
      const same = number && value !== "" && Number(value) === Number(text);
      return JSON.stringify(same || value === text || clean(value) === clean(text));
    },
    choose({ index, text }) {
      const found = locate(index);
      if (found.code) return JSON.stringify(found);
      if (found.el.localName !== "select") return JSON.stringify({ code: "not_editable" });
      const options = [...found.el.options].filter((option) => !option.disabled);
      const wanted = clean(text).toLowerCase();
      const texts = options.map((option) => optionText(option).toLowerCase());
      let at = texts.indexOf(wanted);
      if (at < 0) at = options.findIndex((option) => option.value.toLowerCase() === wanted);
      if (at < 0) {
        const near = texts.map((one, place) => (one.includes(wanted) ? place : -1)).filter((place) => place >= 0);
        at = near.length === 1 ? near[0] : -1;
      }
      if (at < 0) return JSON.stringify({ code: "bad_option", options: options.map(optionText) });
      if (found.el.multiple) options[at].selected = true;
      else found.el.selectedIndex = options[at].index;
      found.el.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
      found.el.dispatchEvent(new Event("change", { bubbles: true }));
      return JSON.stringify({ chosen: optionText(options[at]) });
    },
    // Begin views at line `line` of the latest view; null: at the top.
    begin(line) {
      anchor = line === null ? null : starts[line] || null;
      const el = anchor && (anchor.nodeType === 1 ? anchor : anchor.parentElement);
      if (el) el.scrollIntoView({ block: "start", inline: "nearest", behavior: "instant" });
      else scrollTo({ top: 0, behavior: "instant" });
      return "null";
    },
    // Begin views at the first text after the part of a long page that was read that has `text` in it; whether there is one.
    seek(text) {
      const wanted = clean(text).toLowerCase();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      if (starts.length) walker.currentNode = starts[starts.length - 1];
      const has = () => walker.currentNode.nodeType === 3 && clean(walker.currentNode.nodeValue.slice(0, RUN_CHARACTERS)).toLowerCase().includes(wanted);
      do {
        if (!has() || !shows(walker.currentNode.parentElement)) continue;
        anchor = walker.currentNode;
        anchor.parentElement.scrollIntoView({ block: "start", inline: "nearest", behavior: "instant" });
        return "true";
      } while (walker.nextNode());
      return "false";
    },
    // Scroll by a part of the window; the largest scroller moves where the page itself does not scroll.
    scroll(direction) {
      const mark = () => [document, ...document.querySelectorAll("*")].reduce((sum, el) => sum + (el.scrollTop || 0), 0);
      const before = mark();
      const fits = document.scrollingElement.scrollHeight <= innerHeight + 1;
      const scrollers = fits ? [...document.querySelectorAll("*")].filter((el) =>
        el.scrollHeight > el.clientHeight + 4 && /auto|scroll/.test(styleOf(el).overflowY)) : [];
      scrollers.sort((a, b) => b.clientHeight * b.clientWidth - a.clientHeight * a.clientWidth);
      const target = scrollers[0] || document.scrollingElement;
      target.scrollBy({ top: direction * target.clientHeight * 0.8, behavior: "instant" });
      return JSON.stringify(Math.round(mark() - before));
    },
    whole(index) {
      const el = index === null ? document.body : nodes[index];
      if (!el || !el.isConnected) return JSON.stringify({ code: "stale_ref" });
      const role = hardRole(el);
      const drawn = el.namespaceURI === "http://www.w3.org/2000/svg";
      const all = [el, ...el.querySelectorAll("*")];
      const apart = index === null && all.some((one) => shadowOf(one) !== null || one.localName === "iframe");
      const shown = () => read().lines.map((line) => line.map((part) => (typeof part === "string" ? part :
        [part.name, part.value].filter(Boolean).join(": "))).join(" | ")).join("\n");
      const text = role !== null && FIELDS.has(role) ? valueOf(el, role) :
        apart ? shown() : (drawn ? el.textContent : el.innerText) || contentText(el, true);
      return JSON.stringify({ text: text.slice(0, 10 * RUN_CHARACTERS).split("\n").map(clean).filter(Boolean).join("\n") });
    },
    // Resolves when nothing changed for `quiet` ms, or after `cap` ms.
    settle({ quiet, cap }) {
      const begun = performance.now();
      const since = () => performance.now() - Math.max(begun, lastChange);
      return new Promise((resolve) => {
        const look = () => {
          if (since() >= quiet || performance.now() - begun >= cap) return resolve("null");
          setTimeout(look, Math.min(20, quiet - since() + 1));
        };
        look();
      });
    },
    // Resolves with true at the first change after `changes`, with false after `cap` ms.
    awaitChange({ from, cap }) {
      const begun = performance.now();
      return new Promise((resolve) => {
        const look = () => {
          if (changes !== from) return resolve("true");
          if (performance.now() - begun >= cap) return resolve("false");
          setTimeout(look, 20);
        };
        look();
      });
    },
  };
})()
