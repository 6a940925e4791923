// The page of `punchlist browse`. Whatever comes from the driven page is put in as text: nothing here makes markup of it.
"use strict";
const at = (id) => document.getElementById(id);
const made = (name, kind, text) => {
  const el = document.createElement(name);
  if (kind) el.className = kind;
  if (text !== undefined) el.textContent = text;
  return el;
};
const show = (el, yes) => { el.hidden = !yes; };
const FEW = 6; // so many actions are offered each by itself, more by their verbs
let state = null;

const lit = (number, yes) => {
  for (const el of document.querySelectorAll(`[data-number="${number}"]`)) el.classList.toggle("lit", yes);
};
const linked = (el, number) => {
  el.dataset.number = number;
  el.addEventListener("mouseenter", () => lit(number, true));
  el.addEventListener("mouseleave", () => lit(number, false));
  return el;
};
const choose = (line) => {
  at("line").value = line;
  at("line").focus();
};

const drawLines = () => {
  const rows = state.lines.map((pieces) => {
    const row = made("li");
    for (const [number, text] of pieces) {
      const thing = number === null ? null : state.things[number];
      if (!thing) { row.append(text); continue; }
      const part = linked(made("span", thing.off ? "thing off" : "thing"), number);
      const mark = `[${number}]`;
      if (text.startsWith(mark)) part.append(made("b", "", mark), text.slice(mark.length));
      else part.append(text);
      if (!thing.off) part.addEventListener("click", () => choose(thing.first));
      row.append(part);
    }
    return row;
  });
  at("view").replaceChildren(...rows);
};

const drawPicture = () => {
  const picture = at("picture");
  show(picture, state.picture);
  if (state.picture && picture.dataset.view !== String(state.view)) {
    picture.dataset.view = state.view;
    picture.src = `picture?view=${state.view}`;
  }
  show(at("unseen"), !state.picture);
  const [asked] = state.dialog ? state.lines.slice(1) : [];
  at("unseen").textContent = asked ? asked.map(([, text]) => text).join("") : state.trouble || state.unseen;
  const [width, height] = state.window;
  const boxes = Object.entries(state.picture ? state.boxes : {}).filter(([number]) => state.things[number]);
  boxes.sort(([, one], [, other]) => other[2] * other[3] - one[2] * one[3]); // small ones lie over large ones
  at("boxes").replaceChildren(...boxes.map(([number, [left, top, wide, high]]) => {
    const thing = state.things[number];
    const box = linked(made("button", thing.off ? "box off" : "box"), number);
    box.type = "button";
    box.tabIndex = -1;
    box.title = thing.first;
    box.classList.toggle("edge", left < width / 40);
    box.append(made("span", "", number));
    Object.assign(box.style, {
      left: `${100 * left / width}%`, top: `${100 * top / height}%`, width: `${100 * wide / width}%`, height: `${100 * high / height}%`,
    });
    if (!thing.off) box.addEventListener("click", () => (thing.first.endsWith(" ") ? choose(thing.first) : act(thing.first)));
    return box;
  }));
};

const drawSteps = () => {
  show(at("nothing"), state.steps.length === 0);
  at("steps").replaceChildren(...state.steps.slice().reverse().map((step) => {
    const row = made("li", step.ok ? "good" : "");
    const what = made("div", "what");
    what.append(made("code", "", step.line), made("span", "code", step.code.replaceAll("_", " ")), made("span", "ms", `${step.ms} ms`));
    row.append(what);
    if (step.rows.length) {
      const seen = made("dl");
      step.rows.forEach(([word, text], place) => {
        const again = place > 0 && step.rows[place - 1][0] === word;
        seen.append(made("dt", "", again ? "" : word), made("dd", "", text));
      });
      row.append(seen);
    }
    return row;
  }));
};

const drawOrders = () => {
  at("can").replaceChildren(...state.can.map((line) => {
    const option = made("option");
    option.value = line;
    return option;
  }));
  const verbs = state.can.length <= FEW ? [] : [...new Set(state.can.map((line) => line.split(" ")[0]))];
  const few = state.can.length <= FEW ? state.can.map((line) => [line, [line]]) : [];
  const grouped = verbs.map((verb) => [verb, state.can.filter((line) => line.split(" ")[0] === verb)]);
  at("verbs").replaceChildren(...[...few, ...grouped].map(([words, lines]) => {
    const chip = made("button", "", words);
    chip.type = "button";
    chip.title = lines.slice(0, 12).join("\n");
    chip.addEventListener("click", () => choose(lines.length === 1 ? lines[0] : `${words} `));
    return chip;
  }));
};

const draw = (told) => {
  state = told;
  document.title = `${told.title || told.url || "no page"} - punchlist browse`;
  at("title").textContent = told.trouble ? "(no page)" : told.title || "(no title)";
  at("url").textContent = told.url;
  show(at("tabs"), told.alive && told.tabs > 1);
  at("tabs").textContent = `${told.tabs} tabs`;
  show(at("blocked"), told.blocked.length > 0);
  at("blocked").textContent = `refused: ${told.blocked.length === 1 ? told.blocked[0] : `${told.blocked.length} sites`}`;
  at("blocked").title = told.blocked.join("\n");
  at("size").textContent = `${told.characters.toLocaleString("en")} characters`;
  at("grammar").textContent = told.grammar;
  show(at("anew"), !told.alive);
  show(at("question"), told.question !== null);
  if (told.question) {
    at("words").textContent = `${told.question.words.charAt(0).toUpperCase()}${told.question.words.slice(1)}:`;
    at("asked").textContent = told.question.action;
    at("asked-at").textContent = `at ${told.question.url}`;
    at("refuse").focus();
  }
  drawLines();
  drawPicture();
  drawSteps();
  drawOrders();
  if (told.busy && !told.question) setTimeout(() => ask("state"), 500); // begun by another window of this page
};

const wait = (yes) => {
  document.body.classList.toggle("busy", yes);
  for (const el of document.querySelectorAll("header button, #order *, #verbs button, #boxes button, #question button, #anew")) el.disabled = yes;
};
const complain = (text) => {
  show(at("error"), Boolean(text));
  at("error").textContent = text;
};

// Sends an order, or asks for the state, and shows what came of it; whether it was carried out.
const ask = async (name, order) => {
  wait(true);
  complain("");
  let told = null;
  try {
    const sent = order && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) };
    const answer = await fetch(name, sent);
    told = await answer.json();
  } catch {
    complain("punchlist browse does not answer: it was ended. Start it again and open the address that it prints.");
    return false;
  } finally {
    wait(false);
  }
  if (told.error) {
    complain(told.error);
    return false;
  }
  draw(told);
  return true;
};
const act = async (line) => {
  if (await ask("act", { line, view: state.view })) at("line").value = "";
  if (!state.question) at("line").focus();
};

at("order").addEventListener("submit", (event) => {
  event.preventDefault();
  if (at("line").value.trim()) act(at("line").value);
});
at("look").addEventListener("click", () => ask("look", {}));
at("anew").addEventListener("click", () => ask("anew", {}));
at("allow").addEventListener("click", () => ask("answer", { question: state.question.number, allow: true }));
at("refuse").addEventListener("click", () => ask("answer", { question: state.question.number, allow: false }));
ask("state").then(() => at("line").focus());
