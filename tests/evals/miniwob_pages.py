"""Pages in the form of MiniWoB's, written for tests: a double of `core.js`, and a few pages on it."""

from __future__ import annotations

from pathlib import Path

CORE = """
// A double of MiniWoB's core.js: the same names, and a clock that decays rewards at once.
var core = { EPISODE_MAX_TIME: 50, EP_TIMER: null, cover_div: null };
var WOB_REWARD_GLOBAL = 0, WOB_RAW_REWARD_GLOBAL = 0, WOB_REWARD_REASON = null;
var WOB_DONE_GLOBAL = false, WOB_TASK_READY = true;
Math.seedrandom = (text) => {
  let state = [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 233280, 7);
  Math.random = () => (state = (state * 9301 + 49297) % 233280) / 233280;
};
core.startEpisode = () => {
  if (!core.cover_div) {
    const display = document.createElement("div");
    display.id = "reward-display";
    display.innerHTML = "Last reward: <b id=last>-</b> Time left: <b id=left>-</b>";
    core.cover_div = document.createElement("div");
    core.cover_div.id = "sync-task-cover";
    core.cover_div.textContent = "START";
    core.cover_div.onclick = () => core.startEpisodeReal();
    document.body.append(display, core.cover_div);
  }
  core.cover_div.style.display = "block";
};
core.startEpisodeReal = () => {
  genProblem();
  WOB_DONE_GLOBAL = false;
  WOB_RAW_REWARD_GLOBAL = WOB_REWARD_GLOBAL = 0;
  core.cover_div.style.display = "none";
  core.countdownTimer();
  core.EP_TIMER = setTimeout(() => core.endEpisode(-1, false, "timed out"), core.EPISODE_MAX_TIME);
};
core.endEpisode = (reward, timed, reason) => {
  if (core.EP_TIMER === null) return;
  clearTimeout(core.EP_TIMER);
  core.EP_TIMER = null;
  WOB_RAW_REWARD_GLOBAL = reward;
  WOB_REWARD_GLOBAL = timed ? reward / 2 : reward;
  WOB_REWARD_REASON = reason || null;
  WOB_DONE_GLOBAL = true;
  document.getElementById("last").textContent = WOB_REWARD_GLOBAL;
  core.startEpisode();
};
core.countdownTimer = () => setInterval(() => document.getElementById("left").append("."), 30);
core.getUtterance = () => document.getElementById("query").textContent;
"""

PAGE = """<!DOCTYPE html><html><head><title>{title}</title><script src="../core/core.js"></script><script>
{script}
window.onload = () => core.startEpisode();
</script></head><body><div id="query"></div><div id="area">{area}</div></body></html>"""

PRESS = (
    """
var genProblem = () => {
  const names = ["ONE", "TWO", "ヘルプ"].sort(() => Math.random() - 0.5);
  const wanted = names[Math.floor(Math.random() * 3)];
  document.getElementById("query").textContent = `Click on the "${wanted}" button.`;
  const area = document.getElementById("area");
  area.innerHTML = "";
  for (const name of names) {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => core.endEpisode(name === wanted ? 1 : -1, true, `pressed ${name}`);
    area.append(button);
  }
};""",
    "",
)
"""Three buttons in an order that the seed draws; the goal names one."""

DEAF = (
    """
let presses = 0;
var genProblem = () => {
  presses = 0;
  document.getElementById("query").textContent = 'Click on the "GO" button.';
  document.getElementById("press").onclick = () => { if (++presses === 2) core.endEpisode(1, true); };
};""",
    "<button id=press>GO</button>",
)
"""A button that does nothing when it is pressed for the first time."""

HALF = (
    """
var genProblem = () => {
  document.getElementById("query").textContent = 'Click on the "HALF" button.';
  document.getElementById("press").onclick = () => core.endEpisode(0.5, true);
};""",
    "<button id=press>HALF</button>",
)
"""Gives half of the reward."""

KEEPS = (
    """
let begun = 0;
var genProblem = () => {
  document.getElementById("query").textContent = "Read the count.";
  document.getElementById("area").textContent = `begun ${++begun}`;
};""",
    "",
)
"""Shows something that outlives an episode, so that a restart in place is not a page loaded anew."""

LEAVES = (
    """
var genProblem = () => {
  document.getElementById("query").textContent = "Press nothing.";
  document.getElementById("press").onclick = () => document.body.append("litter");
};""",
    "<button id=press>GO</button>",
)
"""Leaves something behind when it is acted on."""

ASKS = (
    """
var genProblem = () => {
  document.getElementById("query").textContent = 'Click on the "GO" button.';
  const press = document.getElementById("press");
  press.onclick = () => { if (confirm("Sure?")) core.endEpisode(1, true); };
};""",
    "<button id=press>GO</button>",
)
"""Opens a dialog."""

ENDLESS = (
    """
let count = 0;
var genProblem = () => {
  document.getElementById("query").textContent = "Press it.";
  const area = document.getElementById("area");
  const draw = () => {
    area.innerHTML = `<button>again ${count++}</button>`;
    area.firstChild.onclick = draw;
  };
  draw();
};""",
    "",
)
"""Never ends: each press makes another button."""

NEVER = ("var genProblem = () => { WOB_TASK_READY = false; };", "")
"""Is never ready."""

PAGES = {
    "press-named": PRESS, "click-test-2": PRESS, "deaf-button": DEAF, "half-reward": HALF, "asks-back": ASKS,
    "keeps-count": KEEPS, "leaves-litter": LEAVES, "never-ends": ENDLESS,
    "never-ready": NEVER,
}  # fmt: skip


def write_pages(folder: Path) -> Path:
    """Lay the pages out as the package does; gives the folder."""
    (folder / "core").mkdir(parents=True)
    (folder / "core" / "core.js").write_text(CORE, encoding="utf-8")
    (folder / "miniwob").mkdir()
    for name, (script, area) in PAGES.items():
        page = PAGE.format(title=name, script=script, area=area)
        (folder / "miniwob" / f"{name}.html").write_text(page, encoding="utf-8")
    return folder
