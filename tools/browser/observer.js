// Reads a page as lines of text and numbered things. First half of the observer; `observer_face.js` is the second.
//
// Both are evaluated as one function, once per document, in the page's own world. It returns one object that
// only the debugger session holds: nothing is written into the page, no global, no attribute. A page can still
// lie to it (it shares the page's prototypes): what it returns is untrusted data.
(() => {
  "use strict";
  const listenersOf = typeof getEventListeners === "function" ? getEventListeners : () => ({});
  const MOUSE = ["click", "mousedown", "mouseup", "pointerdown", "pointerup", "dblclick"];
  const DRAWN = new Set(["canvas", "video", "audio"]);
  const SHAPES = new Set(["circle", "ellipse", "line", "path", "polygon", "polyline", "rect", "g", "svg", "text", "use"]);
  const SKIP = new Set(["script", "style", "noscript", "template", "head", "title", "desc", "datalist", "object",
    "embed", "audio", "video", "canvas", "option", "optgroup", "progress", "meter", "rp", "defs"]);
  const HARD = "a[href],area[href],button,input:not([type=hidden]),select,textarea,summary,[contenteditable='']," +
    "[contenteditable=true],[tabindex]:not([tabindex^='-']),[role=button],[role=link],[role=checkbox],[role=radio]," +
    "[role=tab],[role=menuitem],[role=option],[role=textbox],[role=searchbox],[role=switch],[role=combobox],[role=treeitem]";
  const ROLES = {
    button: "button", link: "link", checkbox: "checkbox", switch: "checkbox", menuitemcheckbox: "checkbox",
    radio: "radio", menuitemradio: "radio", tab: "tab", menuitem: "menuitem", option: "option", treeitem: "option",
    textbox: "textbox", searchbox: "searchbox", spinbutton: "other", slider: "other", combobox: "button",
  };
  const INPUTS = {
    submit: "button", button: "button", reset: "button", image: "button", checkbox: "checkbox", radio: "radio",
    password: "password", search: "searchbox", number: "number", range: "number", date: "date", file: "file",
  };
  const FIELDS = new Set(["textbox", "searchbox", "password", "number", "date", "file", "select", "checkbox", "radio"]);
  const ROWS = new Set(["tr", "li", "article"]);
  const ROW_PARTS = 14;
  const ROW_CHARACTERS = 420;
  const LIMIT = 12000;          // elements that one reading visits; of a longer page, what is near its beginning
  const REACH = 3000;           // nodes read before that place, and twice as many after it
  const RUN_CHARACTERS = 8000;  // of a text run that are looked at
  const SENT_CHARACTERS = 400;  // of a text or name that are handed out; a view prints fewer
  const VALUE_CHARACTERS = 5000;
  const BULLETS = "••••••";
  const SEPARATOR = /^[\s\p{P}|>]*$/u;
  const ROW_SEPARATOR = /^[\s|·•\/›».,;:]*$/;

  // Half a character (a lone surrogate) cannot leave the page as text.
  const whole = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");
  const clean = (text) => whole(text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]/g,
    (mark) => (/\s/.test(mark) ? " " : "")).replace(/\s+/g, " ").trim();
  const unlabel = (text) => clean(text).replace(/[\s:*]+$/, "");
  const humanise = (text) => clean((text || "").replace(/[-_]+/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2")).slice(0, 30);
  const styleOf = (el) => getComputedStyle(el);
  // A shadow root that its page keeps closed is handed in by the debugger (`open`); pages cannot see that.
  const opened = new WeakMap();
  const asked = new WeakMap();
  const shadowOf = (el) => el.shadowRoot || opened.get(el) || null;
  const HOSTS = new Set(["article", "aside", "blockquote", "div", "footer", "header", "main", "nav", "p", "section", "span"]);
  // Whether `el` looks as if it had a closed shadow root: a custom element, or a box that nothing in it explains.
  const mayHost = (el, box) => {
    if (el.shadowRoot || opened.has(el) || (asked.get(el) || 0) > 1) return false;
    if (el.localName.includes("-")) return el.matches(":defined");
    if (!HOSTS.has(el.localName) || box.height < 1 || asked.has(el)) return false;
    if (el.firstElementChild) return getComputedStyle(el.firstElementChild).display === "";
    if (/\S/.test(el.textContent)) return false;
    return !el.computedStyleMap || String(el.computedStyleMap().get("height")) === "auto";
  };
  const isControl = (el) => ["input", "select", "textarea", "button"].includes(el.localName);

  // ---- what changes: every document and shadow root that was seen is watched -------------------------------
  let changes = 0;
  let lastChange = performance.now();
  const watched = new WeakSet();
  const watcher = new MutationObserver((records) => {
    if (!records.some((record) => record.type !== "attributes" || !record.attributeName.startsWith("data-"))) return;
    changes += records.length;
    lastChange = performance.now();
  });
  const watch = (root) => {
    if (watched.has(root)) return;
    watched.add(root);
    watcher.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  };

  // ---- who can be seen -----------------------------------------------------------------------------------
  const clippedAway = (style) => {
    if (/^inset\((50|100)%|^circle\(0/.test(style.clipPath)) return true;
    const rect = style.position === "absolute" || style.position === "fixed" ? style.clip.match(/-?[\d.]+/g) : null;
    return rect !== null && rect !== undefined && rect[2] - rect[0] <= 1 && rect[1] - rect[3] <= 1;
  };
  // Hides the element with all that is in it.
  const isGone = (el, style, box, scrolled) => {
    if (style.display === "none" || style.contentVisibility === "hidden") return true;
    if (Number(style.opacity) === 0 || clippedAway(style)) return true;
    if (style.display === "contents" || style.display.startsWith("inline") && box.width === 0) return false;
    if (style.overflowX !== "visible" && style.overflowY !== "visible" && (box.width <= 1 || box.height <= 1)) return true;
    if (style.position !== "absolute" && style.position !== "fixed") return false;
    const view = el.ownerDocument.defaultView;
    return (box.width > 0 && box.right + view.scrollX + scrolled.x <= 0) ||
      (box.height > 0 && box.bottom + view.scrollY + scrolled.y <= 0);
  };
  const shows = (el) => {
    const box = el.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && el.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
      !clippedAway(styleOf(el));
  };

  // ---- names and values ------------------------------------------------------------------------------------
  const contentText = (el, withControls, left = { nodes: REACH, characters: RUN_CHARACTERS }) => {
    let text = "";
    const root = el.localName === "slot" ? el.assignedNodes({ flatten: true }) : (shadowOf(el) || el).childNodes;
    for (const node of root) {
      if ((left.nodes -= 1) < 0 || left.characters < 0) break;
      if (node.nodeType === 3) {
        left.characters -= node.nodeValue.length;
        text += node.nodeValue.slice(0, RUN_CHARACTERS);
      }
      if (node.nodeType !== 1 || SKIP.has(node.localName) || (!withControls && isControl(node))) continue;
      if (node.localName === "br") { text += " "; continue; }
      if (node.localName === "img") { text += ` ${node.alt || ""} `; continue; }
      const style = styleOf(node);
      if (style.display === "none" || style.visibility !== "visible") continue;
      const apart = style.display !== "inline";
      const inner = contentText(node, withControls, left);
      text += apart ? ` ${inner} ` : inner;
    }
    return text;
  };
  const firstOf = (...texts) => clean(texts.find((text) => text && clean(text)) || "");
  const pictureName = (el) => {
    const picture = el.querySelector("svg title, [aria-label], [title]");
    return picture && (picture.localName === "title" ? picture.textContent :
      picture.getAttribute("aria-label") || picture.getAttribute("title"));
  };
  // What a reader asked for beside the usual: `hints` (how a thing without text looks), `shared` (a number for each
  // of the boxes that share one listener), `onscreen` (which lines are inside the window).
  let look = { hints: false, shared: false, onscreen: false };
  const PALETTE = {
    black: [0, 0, 0], white: [255, 255, 255], gray: [128, 128, 128], silver: [200, 200, 200], red: [230, 20, 20],
    green: [20, 140, 20], lime: [60, 240, 60], blue: [20, 20, 230], yellow: [250, 240, 20], orange: [255, 150, 10],
    purple: [128, 10, 128], magenta: [250, 20, 250], pink: [255, 180, 195], brown: [140, 75, 30], cyan: [20, 240, 240],
    teal: [10, 128, 128], navy: [5, 5, 110],
  };
  const colourName = (css) => {
    const [red, green, blue, alpha] = (css.match(/[\d.]+/g) || []).map(Number);
    if (blue === undefined || alpha === 0 || !css.startsWith("rgb")) return "";
    const far = ([r, g, b]) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    return Object.keys(PALETTE).reduce((best, name) => (far(PALETTE[name]) < far(PALETTE[best]) ? name : best));
  };
  // Shape, colour, place in a table and size of a thing that says nothing.
  const appearance = (el) => {
    const style = styleOf(el);
    const drawn = el.namespaceURI === "http://www.w3.org/2000/svg";
    const picture = style.backgroundImage === "none" ? "" : style.backgroundImage.includes("gradient") ? "gradient" : "picture";
    const colour = drawn ? colourName(style.fill) : colourName(style.backgroundColor) || picture;
    const cell = el.localName === "td" || el.localName === "th" ? `row ${el.parentElement.rowIndex + 1} column ${el.cellIndex + 1}` : "";
    const box = el.getBoundingClientRect();
    const shape = drawn && SHAPES.has(el.localName) ? el.localName : "";
    return [shape, colour, cell, `${Math.round(box.width)}x${Math.round(box.height)}`].filter(Boolean).join(" ");
  };
  let names = new Map();
  const nameOf = (el, role) => {
    let known = names.get(el);
    if (known === undefined) names.set(el, (known = findName(el, role)));
    return known;
  };
  const findName = (el, role) => {
    const ids = (el.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
    const referred = ids.map((id) => el.getRootNode().getElementById(id)).filter(Boolean);
    const byIds = unlabel(referred.map((one) => contentText(one, false)).join(" "));
    if (byIds) return { name: byIds, from: "labelledby", referred };
    const aria = unlabel(el.getAttribute("aria-label") || "");
    if (aria) return { name: aria, from: "aria-label" };
    if (FIELDS.has(role) && el.labels && el.labels.length) {
      const byLabel = unlabel([...el.labels].map((label) => contentText(label, false) || label.textContent).join(" "));
      if (byLabel) return { name: byLabel, from: "label" };
    }
    if (el.localName === "input" && role === "button") {
      const standard = { submit: "Submit", reset: "Reset", image: "Submit" }[el.type] || "";
      return { name: firstOf(el.type === "image" ? el.alt : el.value, el.title, standard), from: "value" };
    }
    const hint = humanise(el.getAttribute("name") || el.id || "");
    if (FIELDS.has(role) && isControl(el)) {
      return { name: unlabel(firstOf(el.placeholder, el.title, hint)), from: "hint" };
    }
    if (role === "textbox" || role === "searchbox") return { name: firstOf(el.getAttribute("aria-placeholder"), el.title, hint), from: "hint" };
    const classHint = humanise(typeof el.className === "string" ? el.className.split(" ")[0] : "");
    const text = firstOf(contentText(el, true), el.alt, pictureName(el), el.title, el.textContent);
    if (text) return { name: text, from: "text" };
    return { name: clean(`${firstOf(hint, classHint)} ${look.hints ? appearance(el) : ""}`), from: "look" };
  };
  const onOff = (on) => (on ? "on" : "off");
  const optionText = (option) => clean(option.label || option.text);
  const valueOf = (el, role) => {
    if (role === "select") return [...el.selectedOptions].map(optionText).join(", ");
    if (role === "checkbox" || role === "radio") {
      return onOff(el.localName === "input" ? el.checked : el.getAttribute("aria-checked") === "true");
    }
    if (role === "file") return [...el.files].map((file) => whole(file.name)).join(", ");
    if (role === "password") return el.value ? BULLETS : "";
    if (!FIELDS.has(role)) return null;
    return "value" in el ? (typeof el.value === "string" ? whole(el.value) : el.value) : clean(contentText(el, true));
  };
  const shortValue = (el, role) => {
    const value = valueOf(el, role);
    return typeof value === "string" ? whole(value.slice(0, VALUE_CHARACTERS)) : value;
  };
  const isDisabled = (el) => el.matches(":disabled") || el.closest("[aria-disabled=true]") !== null;

  // ---- what can be acted on --------------------------------------------------------------------------------
  const hardRole = (el) => {
    const tag = el.localName;
    if (tag === "input") return el.type === "hidden" ? null : INPUTS[el.type] || "textbox";
    if (tag === "select") return "select";
    if (tag === "textarea") return "textbox";
    const declared = ROLES[(el.getAttribute("role") || "").split(" ")[0]];
    if (declared) return declared;
    if (tag === "button" || tag === "summary") return "button";
    if ((tag === "a" || tag === "area") && el.hasAttribute("href")) return "link";
    if (el.isContentEditable && !(el.parentElement && el.parentElement.isContentEditable)) return "textbox";
    return null;
  };
  const listens = (el) => {
    if (el.onclick || el.onmousedown || el.onpointerdown || el.onmouseup) return true;
    const found = listenersOf(el);
    return MOUSE.some((kind) => found[kind] !== undefined && found[kind].length > 0);
  };
  const softRole = (el, style, inPointer) => {
    if (["body", "html", "label", "iframe", "form"].includes(el.localName)) return null;
    const pointed = style.cursor === "pointer" && !inPointer;
    const focusable = el.hasAttribute("tabindex") && el.tabIndex >= 0;
    const heard = listens(el);
    if (!pointed && !heard && !focusable) return null;
    const shadow = shadowOf(el);
    if (el.querySelector(HARD) !== null || (shadow && shadow.querySelector(HARD) !== null)) return null;
    const inside = el.getElementsByTagName("*");
    if (inside.length > 2000) return null;
    for (const one of inside) if (listens(one) || (!pointed && styleOf(one).cursor === "pointer")) return null;
    if (heard && look.shared && isShared(inside)) return "shared";
    if (inside.length > 60 || (!pointed && (el.textContent || "").length > 120)) return heard ? "big" : null;
    return el.localName === "a" ? "link" : "other";
  };
  // Whether a listener is there for several boxes inside: cells, days, items.
  const isShared = (inside) => {
    let boxes = 0;
    for (const one of inside) {
      if (one.firstElementChild !== null || styleOf(one).display.startsWith("inline")) continue;
      if (shows(one) && (boxes += 1) > 1) return true;
    }
    return false;
  };
  const fillsWindow = (box) => box.width * box.height > 0.6 * innerWidth * innerHeight;
  const clickTarget = (el) => {
    if (shows(el)) return el;
    const label = el.labels && [...el.labels].find(shows);
    return label || null;
  };

  // Frames that share the origin but have closed shadow roots: an observer in their own world can open those.
  const apart = new WeakSet();

  // ---- the walk: from a document to lines of parts ------------------------------------------------------------
  class Reader {
    // `near`: the nodes of the document that are read; null: all of them.
    constructor(near) {
      this.near = near;
      this.visits = 0;
      this.fields = new Map();
      this.nodes = [];      // node of each numbered thing, in order
      this.lines = [];      // each line: array of parts (string or thing)
      this.starts = [];     // node that begins each line
      this.parts = [];      // parts of the line in progress; null marks a block boundary inside a row
      this.run = "";
      this.runNode = null;
      this.rows = 0;        // depth of open rows
      this.printed = new Set();
      this.frames = [];     // frames that have to be read by an observer of their own
      this.hosts = [];      // elements that may have a closed shadow root
    }
    addText(text, node) {
      if (this.run.length > RUN_CHARACTERS) return;
      if (!this.run.trim()) this.runNode = node;
      this.run += text.slice(0, RUN_CHARACTERS);
    }
    endRun() {
      const text = clean(this.run);
      if (text) this.parts.push({ text, node: this.runNode });
      this.run = "";
    }
    endBlock() {
      this.endRun();
      if (this.rows) this.parts.push(null);
      else this.flush();
    }
    flush() {
      this.endRun();
      const parts = this.parts;
      this.parts = [];
      if (!this.rows) return this.putInline(parts);
      let real = parts.filter((part) => part !== null);
      const isText = (part) => part.text !== undefined;
      if (real.length > 1) real = real.filter((part) => !isText(part) || !ROW_SEPARATOR.test(part.text));
      real = real.filter((part) => !part.picture || !real.some((other) => other !== part &&
        ((other.text || (other.thing && other.thing.name) || "").includes(part.text))));
      const size = real.reduce((sum, part) => sum + (isText(part) ? part.text.length : 20 + part.thing.name.length), 0);
      if (real.length <= ROW_PARTS && size <= ROW_CHARACTERS) return this.put(real);
      let block = [];
      for (const part of [...parts, null]) {
        if (part !== null) { block.push(part); continue; }
        this.putInline(block);
        block = [];
      }
    }
    // Outside rows text and the links inside it are one line; every other thing has a line of its own.
    putInline(parts) {
      let line = [];
      const put = () => {
        const words = line.filter((part) => part.text === undefined || !SEPARATOR.test(part.text));
        if (words.some((part) => part.text !== undefined)) this.put(words);
        else if (words.length) words.forEach((part) => this.put([part]));
        else if (parts.length === 1) this.put(line);
        line = [];
      };
      for (const part of parts) {
        if (part === null) continue;
        if (part.text !== undefined || part.thing.role === "link") { line.push(part); continue; }
        put();
        this.put([part]);
      }
      put();
    }
    put(parts) {
      if (!parts.length) return;
      this.starts.push(parts[0].node);
      this.lines.push(parts.map((part) => {
        if (part.text !== undefined) return whole(part.text.slice(0, SENT_CHARACTERS));
        this.nodes.push(part.node);
        return { ...part.thing, name: whole(part.thing.name.slice(0, SENT_CHARACTERS)), index: this.nodes.length - 1 };
      }));
    }
    addThing(el, role) {
      if (this.printed.has(el)) return;
      this.printed.add(el);
      this.endRun();
      const thing = { role, name: nameOf(el, role).name, value: shortValue(el, role), disabled: isDisabled(el) };
      if (role === "select") {
        thing.options = [...el.options].filter((option) => !option.disabled).map(optionText).filter(Boolean);
      }
      this.parts.push({ thing, node: el });
    }
    row(visit) {
      this.flush();
      this.rows += 1;
      visit();
      this.flush();
      this.rows -= 1;
    }
    visit(el, context) {
      const tag = el.localName;
      if ((this.visits += 1) > LIMIT) return;
      if (DRAWN.has(tag)) this.visitDrawn(el, context);
      if (SKIP.has(tag)) return;
      const style = styleOf(el);
      const box = el.getBoundingClientRect();
      const hard = context.inert ? null : hardRole(el);
      if (mayHost(el, box)) this.hosts.push(el);
      if (isGone(el, style, box, context.scrolled)) {
        const styled = hard !== null && tag === "input" && ["checkbox", "radio", "file"].includes(hard);
        if (styled && clickTarget(el)) this.addThing(el, hard);
        return;
      }
      if (tag === "br" || tag === "hr") return this.endBlock();
      const visible = style.visibility === "visible";
      if (hard !== null) {
        if (visible || clickTarget(el)) return this.visitThing(el, hard, style, context);
        return;
      }
      if (tag === "iframe" || tag === "frame") return this.visitFrame(el, context);
      if (tag === "img") {
        if (visible && !context.mute && clean(el.alt || "") && box.width > 1) {
          this.endRun();
          this.parts.push({ text: clean(el.alt), node: el, picture: true });
        }
        if (!listens(el)) return;
      }
      const soft = visible && !context.inert ? softRole(el, style, context.pointer) : null;
      const big = box.width > 1 && box.height > 1;
      if (context.shared && big && el.firstElementChild === null && !style.display.startsWith("inline")) {
        return this.visitThing(el, "other", style, context);
      }
      if (soft === "shared") context = { ...context, shared: true };
      else if (soft === "big") { if (big && !fillsWindow(box)) this.addBig(el); }
      else if (soft !== null && big) return this.visitThing(el, soft, style, context);
      this.visitInside(el, style, visible, context);
    }
    // What is drawn is not read; where it takes the mouse it is a thing with a name and a size.
    visitDrawn(el, context) {
      const used = listens(el) || (el.localName !== "canvas" && el.controls) || (el.hasAttribute("tabindex") && el.tabIndex >= 0);
      if (context.inert || !used || !shows(el)) return;
      const box = el.getBoundingClientRect();
      const label = firstOf(el.getAttribute("aria-label"), el.title);
      const size = `${el.localName} ${Math.round(box.width)}x${Math.round(box.height)}`;
      names.set(el, { name: label ? `${label} (${size})` : size, from: "size" });
      this.endBlock();
      this.addThing(el, "other");
      this.endBlock();
    }
    // A card or board that listens as a whole: a thing, although it is too big for its text to be its name.
    addBig(el) {
      const title = el.querySelector("h1,h2,h3,h4,h5,h6");
      const text = clean(contentText(title || el, true));
      names.set(el, { name: text.length > 60 ? text.slice(0, 59).trimEnd() + "…" : text, from: "text" });
      this.endBlock();
      this.addThing(el, "other");
      this.endBlock();
    }
    visitThing(el, role, style, context) {
      const inline = style.display.startsWith("inline") || style.display === "contents" || this.rows > 0;
      if (!inline) this.endBlock();
      this.addThing(el, role);
      if (!inline) this.endBlock();
      if (role !== "select" && !isControl(el) && el.querySelector && el.querySelector(HARD)) {
        this.visitChildren(el, { ...context, mute: true, pointer: true });
      }
    }
    visitFrame(el, context) {
      let inner = null;
      try { inner = el.contentDocument; } catch { inner = null; }
      if (!inner || apart.has(el)) return this.leaveFrame(el);
      if (!inner.body) return;
      watch(inner);
      this.flush();
      this.visit(inner.body, { ...context, windowed: false, scrolled: { x: 0, y: 0 } });
      this.flush();
    }
    // The place of a frame of another origin; its lines are put there outside.
    leaveFrame(el) {
      if (!shows(el)) return;
      this.flush();
      this.starts.push(el);
      this.frames.push({ el, line: this.lines.length });
      this.lines.push([]);
    }
    visitInside(el, style, visible, context) {
      const tag = el.localName;
      const role = el.getAttribute("role");
      const inline = style.display.startsWith("inline") || style.display === "contents";
      const indented = parseFloat(style.textIndent) < -500;
      const next = {
        ...context,
        mute: context.mute || this.labels(el),
        hideText: !visible || parseFloat(style.fontSize) === 0 || indented,
        pointer: style.cursor === "pointer",
        inert: context.inert || el.inert === true,
        scrolled: { x: context.scrolled.x + el.scrollLeft, y: context.scrolled.y + el.scrollTop },
      };
      if (el === el.ownerDocument.scrollingElement || tag === "body") next.scrolled = context.scrolled;
      if (tag === "label") this.addHiddenControl(el, next);
      const visit = () => this.visitChildren(el, next);
      if (ROWS.has(tag) || role === "row" || role === "listitem" || tag === "dl") return this.row(visit);
      if (tag === "dt" && (el.previousElementSibling || { localName: "dd" }).localName !== "dt") this.flush();
      if (el.parentElement && el.parentElement.localName === "dl" && tag === "div") this.flush();
      if (!inline) this.endBlock();
      else if (style.display !== "inline") this.addText(" ", el);
      visit();
      if (!inline) this.endBlock();
      else if (style.display !== "inline") this.addText(" ", el);
    }
    visitChildren(el, context) {
      const shadow = shadowOf(el);
      if (shadow) watch(shadow);
      let children = (shadow || el).childNodes;
      if (el.localName === "slot") {
        const assigned = el.assignedNodes({ flatten: true });
        if (assigned.length) children = assigned;
      }
      const closed = el.localName === "details" && !el.open;
      const windowed = context.windowed && children === el.childNodes;
      if (!windowed && context.windowed) context = { ...context, windowed: false };
      for (const node of children) {
        if (windowed && !this.near.has(node)) continue;
        if (node.nodeType === 3 && !context.mute && !context.hideText && !closed) this.addText(node.nodeValue, node);
        else if (node.nodeType === 1 && (!closed || node.localName === "summary")) this.visit(node, context);
      }
    }
    // Whether this element's text is already printed as the name of a field.
    labels(el) {
      if (el.localName === "label" && el.control) {
        const role = hardRole(el.control);
        return role !== null && FIELDS.has(role) && nameOf(el.control, role).from === "label" &&
          (shows(el.control) || ["checkbox", "radio", "file"].includes(role));
      }
      return el.id !== "" && this.referred(el);
    }
    referred(el) {
      const root = el.getRootNode();
      if (!this.fields.has(root)) this.fields.set(root, this.labelled(root));
      const field = this.fields.get(root).get(el.id);
      const role = field && hardRole(field);
      return Boolean(role) && FIELDS.has(role) && shows(field);
    }
    // The first element that names each id in its `aria-labelledby`.
    labelled(root) {
      const fields = new Map();
      for (const field of root.querySelectorAll("[aria-labelledby]")) {
        for (const id of field.getAttribute("aria-labelledby").split(/\s+/)) if (!fields.has(id)) fields.set(id, field);
      }
      return fields;
    }
    addHiddenControl(label, context) {
      const control = label.control;
      if (!control || context.inert || control.localName !== "input") return;
      const role = hardRole(control);
      if (["checkbox", "radio", "file"].includes(role) && styleOf(control).display === "none" && shows(label)) {
        this.addThing(control, role);
      }
    }
  }
