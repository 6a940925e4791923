// Reads a page as lines of text and numbered things. First third of the observer: what can be seen, and names;
// `observer_walk.js` and `observer_face.js` follow.
//
// They are evaluated as one function, once per document, in the page's own world. It returns one object that
// only the debugger session holds: nothing is written into the page, no global, no attribute. A page can still
// lie to it (it shares the page's prototypes): what it returns is untrusted data.
(() => {
  "use strict";
  const listenersOf = typeof getEventListeners === "function" ? getEventListeners :
    window[Symbol.for("punchlist.listeners")] || (() => ({}));
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
  // of the boxes that share one listener), `states` (expanded, selected, ...), `onscreen` (which lines are inside the window).
  let look = { hints: false, shared: false, states: false, onscreen: false };
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
  // What else a reader of the screen is told of it.
  const stateOf = (el) => {
    const role = hardRole(el);
    const said = (name) => (el.closest("summary") && name === "expanded" ?
      String(el.closest("summary").parentElement.open) : el.getAttribute(`aria-${name}`));
    return [
      said("expanded") === "true" ? "expanded" : said("expanded") === "false" ? "collapsed" : "",
      said("selected") === "true" || said("current") !== null && said("current") !== "false" ? "selected" : "",
      said("pressed") === "true" ? "pressed" : "",
      el.readOnly === true && role !== null && FIELDS.has(role) ? "read-only" : "",
      role !== null && FIELDS.has(role) && focused() === el ? "focused" : "",
    ].filter(Boolean).join(", ");
  };
  const isDisabled = (el) => el.matches(":disabled") || el.closest("[aria-disabled=true]") !== null;

