// Runs episodes of a MiniWoB page by the seed in the address: `page.html#17` starts the one of seed 17 in place.
//
// Loaded after `core.js`, before the page starts. What became of an episode is posted to `/episode`. The time
// limit is out of the way, the score display stands still, and a page that is done stays done: the cover that
// would start another episode starts none.
(() => {
  "use strict";
  const LIMIT = 24 * 3600 * 1000;
  const start = core.startEpisodeReal;
  const end = core.endEpisode;
  let seed = null;
  let open = false;
  const tell = (what) => fetch("/episode", { method: "POST", body: JSON.stringify({ seed, ...what }) });
  Math.seedrandom("load"); // what a page draws while it loads is the same each time
  core.startEpisodeReal = () => {};
  core.countdownTimer = () => {}; // it changes the page every second
  core.endEpisode = (reward, timed, reason) => {
    end.call(core, reward, timed, reason);
    if (!open || !WOB_DONE_GLOBAL) return;
    open = false;
    tell({ raw: WOB_RAW_REWARD_GLOBAL, reason: WOB_REWARD_REASON });
  };
  const goal = () => {
    const said = core.getUtterance();
    return typeof said === "string" ? said : said.utterance;
  };
  const begin = (wanted) => {
    open = false;
    if (seed !== null) end.call(core, 0);
    seed = wanted;
    if (document.activeElement) document.activeElement.blur();
    Math.seedrandom(String(seed));
    core.EPISODE_MAX_TIME = LIMIT;
    start.call(core);
    open = true;
    const ready = () => (WOB_TASK_READY ? tell({ goal: goal() }) : setTimeout(ready, 10));
    ready();
  };
  const take = () => {
    const wanted = location.hash.slice(1);
    if (wanted === "") return;
    history.replaceState(null, "", location.pathname); // the address shows no seed
    begin(Number(wanted));
  };
  addEventListener("load", () => setTimeout(take, 0)); // after the page's own handler
  addEventListener("hashchange", take);
})();
