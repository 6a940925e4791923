  // Second third of the observer: what can be acted on, and the walk from a document to lines of parts.
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
    const plain = style.cursor !== "pointer";  // else what is inside has its pointer from here
    for (const one of inside) if (listens(one) || (plain && styleOf(one).cursor === "pointer")) return null;
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
  const middleOf = (el) => {
    const box = el.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  };
  const holds = (box, { x, y }) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
  // Whether something in a thing listens for itself, beside its middle: the cross of a tab, the bin of an option.
  const hasPart = (el, middle) => {
    const inside = el.getElementsByTagName("*");
    if (inside.length > 60) return false;
    return [...inside].some((one) => listens(one) && !holds(one.getBoundingClientRect(), middle) && shows(one));
  };
  const fillsWindow = (box) => box.width * box.height > 0.6 * innerWidth * innerHeight;
  const clickTarget = (el) => {
    if (shows(el)) return el;
    const label = el.labels && [...el.labels].find(shows);
    return label || null;
  };

  // A box of one letter; several without a space between them are a word that is set letter by letter.
  const isLetter = (node) => node !== null && node.nodeType === 1 && node.firstElementChild === null &&
    node.textContent.length < 3 && /^[\p{L}\p{N}]$/u.test(node.textContent);

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
      const known = nameOf(el, role);
      const thing = { role, name: known.name, value: shortValue(el, role), disabled: isDisabled(el), hinted: known.from === "hint" };
      if (role === "select") {
        thing.options = [...el.options].filter((option) => !option.disabled).map(optionText).filter(Boolean);
      }
      if (look.states) thing.state = stateOf(el);
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
      else if (soft !== null && context.middle && holds(box, context.middle)) { /* the thing around it does the same */ }
      else if (soft !== null && big) {
        const visit = () => this.visitThing(el, soft, style, context);
        return ROWS.has(tag) && this.rows > 0 ? this.row(visit) : visit();
      }
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
      if (role === "select" || el.localName === "input" || el.localName === "textarea") return;
      const hard = !isControl(el) && el.querySelector(HARD) !== null;
      const middle = hard ? context.middle : middleOf(el);
      if (hard || hasPart(el, middle)) this.visitChildren(el, { ...context, mute: true, pointer: true, middle });
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
      const letter = isLetter(el);
      if (!inline) this.endBlock();
      else if (style.display !== "inline" && !(letter && isLetter(el.previousSibling))) this.addText(" ", el);
      visit();
      if (!inline) this.endBlock();
      else if (style.display !== "inline" && !(letter && isLetter(el.nextSibling))) this.addText(" ", el);
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
