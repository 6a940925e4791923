"""Finds what listens to the mouse where no debugger can be asked: a script that notes it as pages set it up.

For Firefox and WebKit. It is tried in Chromium alone: nothing here was run in the other two. Unlike the
debugger it changes the page's world (`addEventListener` is wrapped), misses what was set up before the
script, and sees no listener of another world.
"""

from __future__ import annotations

from playwright.async_api import Page

NOTE = """(() => {
  const noted = new WeakMap();
  const add = EventTarget.prototype.addEventListener;
  const remove = EventTarget.prototype.removeEventListener;
  EventTarget.prototype.addEventListener = function addEventListener(kind, listener, ...rest) {
    if (listener && this instanceof Node) {
      if (!noted.has(this)) noted.set(this, {});
      (noted.get(this)[kind] ||= new Set()).add(listener);
    }
    return add.call(this, kind, listener, ...rest);
  };
  EventTarget.prototype.removeEventListener = function removeEventListener(kind, listener, ...rest) {
    const found = noted.get(this);
    if (found && found[kind]) found[kind].delete(listener);
    return remove.call(this, kind, listener, ...rest);
  };
  const listenersOf = (el) => Object.fromEntries(
    Object.entries(noted.get(el) || {}).map(([kind, listeners]) => [kind, [...listeners]]));
  Object.defineProperty(window, Symbol.for("punchlist.listeners"), { value: listenersOf });
})()"""


async def note_listeners(page: Page) -> None:
    """Note listeners in every document that `page` opens from now on, frames included."""
    await page.add_init_script(NOTE)
