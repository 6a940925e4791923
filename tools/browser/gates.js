// What pressing something would do, as far as the page's elements tell: evaluated in a world of its own, where the
// page cannot change the built-ins. `point` is in the viewport of the top document; null means the focused element.
// Properties of forms are taken from their prototypes: a field named "action" or "elements" would stand before them.
(point) => {
  const CARD = /card.?(number|no\b|num\b)|\bcc.?(num|number|csc|cvc|exp|name)|\bcv[cv]2?\b|security.?code|\biban\b|account.?number/i;
  const PAY = /^\s*(pay|buy|purchase|order now|place (your |the |my )?order|complete (your |the )?(order|purchase)|confirm (and pay|payment|purchase|order))\b/i;
  const TEXTS = ["button", "submit", "image", "reset"];
  const attribute = (el, name) => Element.prototype.getAttribute.call(el, name) || "";
  const elementsOf = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, "elements").get;
  const deepest = () => {
    let { x, y } = point;
    let el = document.elementFromPoint(x, y);
    for (;;) {
      const inner = el && el.shadowRoot && el.shadowRoot.elementFromPoint(x, y);
      if (inner && inner !== el) { el = inner; continue; }
      let doc = null;
      try { doc = el && el.localName.endsWith("frame") ? el.contentDocument : null; } catch { doc = null; }
      if (!doc) return el;
      const box = el.getBoundingClientRect();
      x -= box.left + el.clientLeft;
      y -= box.top + el.clientTop;
      el = doc.elementFromPoint(x, y) || doc.body;
    }
  };
  const focused = () => {
    let el = document.activeElement;
    for (;;) {
      let inner = el && el.shadowRoot ? el.shadowRoot.activeElement : null;
      try { inner = inner || (el && el.contentDocument ? el.contentDocument.activeElement : null); } catch { inner = null; }
      if (!inner) return el;
      el = inner;
    }
  };
  const sensitive = (field) => {
    if (field.localName !== "input") return "";
    if (field.type === "password") return "password";
    const labels = field.labels ? [...field.labels].map((label) => label.textContent) : [];
    const names = ["name", "id", "placeholder", "aria-label"].map((name) => attribute(field, name));
    const card = attribute(field, "autocomplete").includes("cc-") || [...names, ...labels].some((name) => CARD.test(name));
    return card ? "payment" : "";
  };

  const hit = point === null ? focused() : deepest();
  const none = { password: false, payment: false, href: "" };
  if (!hit || !hit.closest) return none;
  const actor = hit.closest("button,input,select,textarea,a[href],label,summary,[role=button],[role=link]") || hit;
  const isButton = actor.localName === "button" || (actor.localName === "input" && TEXTS.includes(actor.type));
  const isField = !isButton && ["input", "select", "textarea"].includes(actor.localName);
  const enters = point === null && isField && actor.localName === "input";
  if (point !== null && (isField || ["label", "summary"].includes(actor.localName))) return none;
  if (point === null && !enters && (isField || actor.isContentEditable)) return none;

  const doc = actor.ownerDocument;
  if (actor.localName === "a") {
    const link = new URL(actor.href, doc.baseURI);
    const here = new URL(doc.baseURI);
    link.hash = here.hash = "";
    if (link.protocol.startsWith("http") && link.href !== here.href) return { ...none, href: link.href };
  }
  const form = (actor.form instanceof Object && actor.form) || Element.prototype.closest.call(actor, "form");
  const submits = Boolean(form) && (enters || (isButton && ["submit", "image"].includes(actor.type)));
  const root = actor.getRootNode();
  const fields = form ? [...elementsOf.call(form)] : [...root.querySelectorAll("input")].filter((field) => !field.form);
  const kinds = new Set(fields.filter((field) => submits || field.value).map(sensitive));
  const label = enters ? "" : actor.localName === "input" ? actor.value : actor.innerText || attribute(actor, "aria-label");
  const target = submits ? attribute(actor, "formaction") || attribute(form, "action") : "";
  const address = target ? new URL(target, doc.baseURI) : null;
  return {
    password: kinds.has("password"),
    payment: kinds.has("payment") || PAY.test(label || ""),
    href: address && address.protocol.startsWith("http") ? address.href : "",
  };
}
