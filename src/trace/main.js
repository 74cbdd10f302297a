"use strict";
// Buttons, keys and the pointer.

let current = 0, chosenTask = -1, playing = 0;

function show(index) {
  if (!events.length) return;
  current = Math.max(0, Math.min(index, events.length - 1));
  const event = events[current], machine = machineAt(current);
  timeline.reveal(event);
  element("now").innerHTML = nowHtml(event, machine);
  element("why").innerHTML = whyHtml(event);
  element("machine").innerHTML = machineHtml(machine);
  element("log").innerHTML = logHtml(current);
  timeline.draw();
}

/** Chooses a task; and with `where`, its spawn ("first") or the poll before this moment, or the first one ("nearest"). */
function chooseTask(id, where) {
  chosenTask = id;
  const row = timeline.rows.findIndex((it) => it.task && it.task.id === id);
  if (row >= 0) { timeline.chosenRow = row; scrollTo(row); }
  const own = tasks.get(id)?.events ?? [], polls = own.filter((index) => events[index].kind === "PollBegins");
  const nearest = polls.findLast((index) => index <= current) ?? polls[0];
  show((where === "nearest" ? nearest : where === "first" ? own[0] : undefined) ?? current);
}

function scrollTo(row) {
  const pinned = timeline.pinned(), y = (row - pinned) * ROW, height = timeline.canvas.clientHeight - HEAD - (pinned + 2.5) * ROW;
  if (row < pinned) return;
  if (y < timeline.scroll) timeline.scroll = y;
  if (y > timeline.scroll + height) timeline.scroll = y - height;
}

/** One event on or back; with `ofTask`, of the chosen task. */
function step(by, ofTask) {
  pause();
  const own = ofTask && tasks.get(chosenTask)?.events;
  if (!own) return show(current + by);
  const next = by > 0 ? own.find((index) => index > current) : own.findLast((index) => index < current);
  if (next !== undefined) show(next);
}

function pause() { clearTimeout(playing); playing = 0; element("play").textContent = "▶ play"; }

function play() {
  if (playing) return pause();
  if (current >= events.length - 1) show(0);
  element("play").textContent = "pause";
  const tick = () => {
    const speed = +element("speed").value;
    show(current + (speed > 6 ? 10 ** (speed - 6) : 1));
    if (current >= events.length - 1) return pause();
    playing = setTimeout(tick, speed > 6 ? 30 : 2000 / 2 ** speed);
  };
  playing = setTimeout(tick, 0);
}

let hits = [], hit = -1;

/** Shows the tasks that fit; `by` goes to the next hit or to the one before. */
function search(text, by = 0) {
  const wanted = text.trim().toLowerCase(), id = wanted.match(/^(?:task\s*)?(\d+)$/)?.[1];
  const fits = (task) => (id ? String(task.id) === id : `${taskName(task.id)} ${task.fullName} ${task.location}`.toLowerCase().includes(wanted));
  if (!by) {
    hits = wanted ? [...tasks.values()].filter(fits) : [];
    hit = -1;
    timeline.filter = wanted ? fits : null;
    timeline.layout();
  } else if (hits.length) {
    hit = hit < 0 ? (by > 0 ? 0 : hits.length - 1) : (hit + by + hits.length) % hits.length;
    chooseTask(hits[hit].id, "first");
  }
  element("found").textContent = !wanted ? "" : hit >= 0 ? `${hit + 1} of ${hits.length}` : `${hits.length} task${hits.length === 1 ? "" : "s"}`;
}

function chooseRow(by) {
  timeline.chosenRow = Math.max(0, Math.min(timeline.chosenRow + by, timeline.rows.length - 1));
  scrollTo(timeline.chosenRow);
  const row = timeline.rows[timeline.chosenRow];
  if (row && row.task) chooseTask(row.task.id, "nearest");
  else timeline.draw();
}

const KEYS = {
  ArrowLeft: (event) => step(-1, event.shiftKey), ArrowRight: (event) => step(1, event.shiftKey),
  " ": play, Home: () => show(0), End: () => show(events.length - 1),
  "+": () => timeline.zoom(0.6), "=": () => timeline.zoom(0.6), "-": () => timeline.zoom(1.6), f: () => timeline.fit(),
  a: () => timeline.pan((timeline.from - timeline.to) / 5), d: () => timeline.pan((timeline.to - timeline.from) / 5),
  ArrowUp: () => chooseRow(-1), ArrowDown: () => chooseRow(1), Enter: () => timeline.toggle(timeline.rows[timeline.chosenRow]),
  "/": () => element("search").focus(),
};

addEventListener("keydown", (event) => {
  element("tip").hidden = true;
  const isField = event.target.matches("input, select");
  if (event.key === "Escape") event.target.blur();
  if (isField && event.target.type !== "range") { if (event.key === "Enter") search(event.target.value, event.shiftKey ? -1 : 1); return; }
  if (event.target.matches("button, summary") && (event.key === " " || event.key === "Enter")) return;
  const action = !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
  if (action) { event.preventDefault(); action(event); }
});

element("first").onclick = () => { pause(); show(0); };
element("last").onclick = () => { pause(); show(events.length - 1); };
element("back").onclick = () => step(-1);
element("forward").onclick = () => step(1);
element("task-back").onclick = () => step(-1, true);
element("task-forward").onclick = () => step(1, true);
element("play").onclick = play;
element("zoom-in").onclick = () => timeline.zoom(0.6);
element("zoom-out").onclick = () => timeline.zoom(1.6);
element("fit").onclick = () => timeline.fit();
element("scale").onchange = (event) => { timeline.byOrder = event.target.value === "order"; timeline.fit(); };
element("search").oninput = (event) => search(event.target.value);

document.querySelector("main").addEventListener("click", (event) => {
  const task = event.target.closest("[data-task]"), line = event.target.closest("[data-event]");
  if (task) chooseTask(+task.dataset.task);
  else if (line) { pause(); show(+line.dataset.event); }
});

// ---- the pointer: a click chooses, dragging pans, two fingers zoom ----

const pointers = new Map();
let moved = 0;
const spread = () => { const [a, b] = [...pointers.values()]; return Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1); };

timeline.canvas.addEventListener("pointerdown", (event) => {
  timeline.canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  moved = 0;
  element("tip").hidden = true;
});
timeline.canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return hover(event);
  const old = pointers.size === 2 ? spread() : 0;
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  moved += Math.abs(event.offsetX - before.x) + Math.abs(event.offsetY - before.y);
  if (pointers.size === 2) return timeline.zoom(old / spread(), timeline.value(event.offsetX));
  if (moved < 5) return;
  timeline.scrollBy(before.y - event.offsetY);
  timeline.pan(timeline.value(before.x) - timeline.value(event.offsetX));
});
for (const end of ["pointerup", "pointercancel"]) timeline.canvas.addEventListener(end, (event) => {
  pointers.delete(event.pointerId);
  if (end === "pointerup" && moved < 5) click(event);
});
timeline.canvas.addEventListener("pointerleave", () => { element("tip").hidden = true; });
timeline.canvas.addEventListener("wheel", (event) => {
  if (event.ctrlKey) timeline.zoom(1.0015 ** event.deltaY, timeline.value(event.offsetX));
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) timeline.pan((timeline.to - timeline.from) * (event.deltaX || event.deltaY) / 1500);
  else if (!timeline.scrollBy(event.deltaY)) return;
  event.preventDefault();
}, { passive: false });

function click(event) {
  pause();
  const { row, member, segment } = timeline.hit(event.offsetX, event.offsetY);
  if (event.offsetX < timeline.left()) {
    if (timeline.below() && event.offsetY > timeline.canvas.clientHeight - ROW) timeline.scrollBy(timeline.canvas.clientHeight / 2);
    else if (row && row.key) timeline.toggle(row);
    else if (row && row.task) chooseTask(row.task.id, "nearest");
    return;
  }
  const id = segment && segment.task !== undefined ? segment.task : member && !row.isLane ? member.id : -1;
  if (id >= 0) chosenTask = id;
  timeline.chosenRow = timeline.rows.indexOf(row);
  show(segment && segment.state === "running" ? segment.startIndex : eventAt(timeline.value(event.offsetX)));
}

function hover(event) {
  const { row, member, segment } = timeline.hit(event.offsetX, event.offsetY), tip = element("tip");
  tip.hidden = !segment;
  if (!segment) return;
  const took = ms(segment.end - segment.start);
  const id = segment.task ?? (row.isLane ? -1 : member.id);
  const about = id >= 0 ? `${taskName(id)}\nspawned at ${tasks.get(id)?.location}\n` : `${row.label}\n`;
  tip.textContent = `${about}${segment.state === "driver" ? "in the driver" : segment.state}${segment.reason ? `, for ${segment.reason}` : ""}: ${took}, from ${ms(segment.start)}`;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - 390)}px`;
  tip.style.top = `${event.clientY + 16}px`;
}

const states = [["running", "running"], ["runnable", "runnable, in a queue"], ["waiting", "waiting"], ["parked", "worker parked"], ["driver", "worker in the driver"],
  ["searching", "worker searching"], ["arrow", "from a wake to its poll"], ["steal", "a steal"]];
element("legend").innerHTML = states.map(([name, words]) => `<span><i style="background:var(--${name})"></i>${words}</span>`).join(" ");
element("title").textContent = `A run of ${data.program}`;
document.title = `${data.program}: timeline`;
element("summary").textContent = `${events.length} events, ${tasks.size} tasks, ${ms(events.length ? events[events.length - 1].at : 0)}` +
  (data.dropped ? `; ${data.dropped} older events were dropped` : "") + (badEvents.length ? `; ${badEvents.length} instants are inconsistent (⚠)` : "");
addEventListener("resize", () => timeline.resize());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline.draw());
timeline.fit();
timeline.layout();
show(Math.max(events.findIndex((event) => event.kind === "Spawned" && !event.isOld), 0));
