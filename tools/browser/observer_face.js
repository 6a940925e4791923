  // Second half of the observer: what `observer.py` can ask of it. Numbers are given out here, as indexes of `nodes`.
  let nodes = [];
  let starts = [];
  let anchor = null;
  const read = () => {
    names = new Map();
    watch(document);
    const reader = new Reader();
    const modal = [...document.querySelectorAll("dialog:modal")].pop();
    const root = modal || document.body;
    if (root) {
      reader.visit(root, { mute: false, hideText: false, pointer: false, inert: false, scrolled: { x: 0, y: 0 } });
      reader.flush();
    }
    return reader;
  };
  const follows = (start) => start === anchor || anchor.contains(start) ||
    (anchor.compareDocumentPosition(start) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  const place = () => ({ url: location.href, scroll: Math.round(scrollX) + "," + Math.round(scrollY), changes });
  const focused = () => {
    let active = document.activeElement;
    while (active && active.shadowRoot && active.shadowRoot.activeElement) active = active.shadowRoot.activeElement;
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
    while (hit && hit.shadowRoot) {
      const inner = hit.shadowRoot.elementFromPoint(x, y);
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
  // A point of `el` in viewport coordinates of the top document that reaches it, or what covers it.
  const freePoint = (el) => {
    let cover = null;
    for (const rect of el.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      for (const [fx, fy] of [[.5, .5], [.5, .25], [.5, .75], [.25, .5], [.75, .5], [.1, .1], [.9, .1], [.1, .9], [.9, .9]]) {
        let x = rect.left + rect.width * fx;
        let y = rect.top + rect.height * fy;
        let target = el;
        let doc = el.ownerDocument;
        let free = true;
        for (;;) {
          const hit = deepest(doc, x, y);
          if (!hit || !(target === el ? belongs(hit, names.origin || el) : within(hit, target))) {
            cover = cover || hit;
            free = false;
            break;
          }
          const frame = doc.defaultView.frameElement;
          if (!frame) break;
          const outer = frame.getBoundingClientRect();
          x += outer.left + frame.clientLeft;
          y += outer.top + frame.clientTop;
          target = frame;
          doc = frame.ownerDocument;
        }
        if (free) return { x, y };
      }
    }
    return { cover };
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
    view() {
      const reader = read();
      nodes = reader.nodes;
      starts = reader.starts;
      if (anchor !== null && !anchor.isConnected) anchor = null;
      const first = anchor === null ? 0 : Math.max(0, starts.findIndex(follows));
      return JSON.stringify({ ...place(), title: clean(document.title), lines: reader.lines, first, focus: focusMark() });
    },
    // The same without voiding numbers: what an action is compared against.
    peek() {
      const reader = read();
      return JSON.stringify({ ...place(), title: clean(document.title), lines: reader.lines, first: 0, focus: focusMark() });
    },
    // Resolve a number to a point to click; scrolls it into view.
    point(index) {
      const found = locate(index);
      if (found.code) return JSON.stringify(found);
      const box = found.target.getBoundingClientRect();
      const view = found.target.ownerDocument.defaultView;
      if (view !== window || box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth) {
        found.target.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
      }
      names.origin = found.el;
      let point = freePoint(found.target);
      if (point.cover !== undefined) {
        found.target.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        point = freePoint(found.target);
      }
      names.origin = undefined;
      if (point.cover !== undefined) return JSON.stringify({ code: "covered", ...describe(point.cover) });
      return JSON.stringify(point);
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
      const facts = { kind, min: el.min || "", lang: document.documentElement.lang || "" };
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
      const text = role !== null && FIELDS.has(role) ? valueOf(el, role) : el.innerText || el.textContent || "";
      return JSON.stringify({ text: text.split("\n").map(clean).filter(Boolean).join("\n") });
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
