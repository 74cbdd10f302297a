"use strict";
// The events, the tasks, and the words for them.

const data = JSON.parse(document.getElementById("data").textContent);
const START = data.events.length ? data.events[data.beforeCut < data.events.length ? data.beforeCut : 0][0] : 0;

/** A timer is reported after it was set, so another worker may report first that it parks until the deadline, or fires it. */
const NEAR = 50;

const events = data.events.map((row, index) => {
  const [at, clock, runtime, thread, worker, task, source, kind, ...args] = row;
  return { at: at - START, clock, runtime, thread, worker, task, source, kind, args, isOld: index < data.beforeCut };
});
(function putCauseFirst() {
  const armed = new Set();
  const deadline = ({ kind, args }) => (kind === "Park" ? args[0] : kind === "TimerArmed" || kind === "TimerFired" ? args[1] : -1);
  for (let i = 0; i < events.length; i++) {
    const until = deadline(events[i]), { runtime, kind, at } = events[i], key = `${runtime}/${until}`;
    if (until < 0 || armed.has(key)) continue;
    armed.add(key);
    const cause = kind === "TimerArmed" ? -1 : events.slice(i, i + NEAR).findIndex((it) => it.kind === "TimerArmed" && it.runtime === runtime && it.args[1] === until);
    if (cause > 0) { const [early] = events.splice(i + cause, 1); early.clock -= early.at - at; early.at = at; events.splice(i, 0, early); }
  }
  events.forEach((event, index) => { event.index = index; });
})();

/** What to add to a runtime's own time for the page's time, in which 0 is the first event; nothing if that clock was paused. */
const shifts = new Map();
for (const { runtime, at, clock } of events) {
  if (!shifts.has(runtime)) shifts.set(runtime, at - clock);
  if (Math.abs(shifts.get(runtime) - (at - clock)) > 1000) shifts.set(runtime, NaN);
}
const isPaused = (runtime) => Number.isNaN(shifts.get(runtime));

/** The kinds whose first argument is a task. */
const OF_TASK = new Set(["Spawned", "Woken", "Aborted", "Scheduled", "Taken", "PollBegins", "PollEnds", "WakerLost"]);
const subject = (event) => (OF_TASK.has(event.kind) ? event.args[0] : event.kind === "Waits" ? event.task : -1);

/** What never changes of a task, and its events. */
const tasks = new Map();
for (const event of events) {
  const id = subject(event), [, kind, , location, name] = event.args, lists = { events: [], segments: [] };
  if (event.kind === "Spawned") tasks.set(id, { id, kind, location, name: shortName(kind, name), fullName: name, spawn: event, ...lists });
  else if (id >= 0 && !tasks.has(id)) tasks.set(id, { id, kind: "Task", location: "?", name: "?", fullName: "spawned before the recording", ...lists });
}

function shortName(kind, name) {
  if (kind !== "Task") return kind === "Root" ? "block_on" : "blocking job";
  const plain = name.replace(/<.*>/, "").split("::").filter((part) => !part.startsWith("{{"));
  return plain.slice(-1)[0] || name;
}

const taskName = (id) => (tasks.has(id) ? `task ${id} (${tasks.get(id).name})` : `task ${id}`);
const ms = (nanos) => `${(nanos / 1e6).toFixed(3)} ms`;
const deadlineWords = (runtime, nanos) => (isPaused(runtime) ? `${ms(nanos)} of the runtime's clock` : ms(nanos + shifts.get(runtime)));
const capital = (text) => text[0].toUpperCase() + text.slice(1);

function causeWords([kind, id]) {
  if (kind === "task") return taskName(id);
  if (kind === "timer") return `timer ${id}, whose deadline has passed,`;
  if (kind === "fd") return `descriptor ${id}, which is ready,`;
  return "code outside of the tasks";
}

function queueWords({ worker }, name) {
  if (name === "Injector") return "the injector";
  if (name === "Blocking") return "the queue of the blocking pool";
  return `${worker >= 0 ? `worker ${worker}'s` : "the"} ${name === "Local" ? "local queue" : "LIFO slot"}`;
}

const lockNames = new Map();
const lockWords = (lock) => lockNames.get(lock) ?? `lock ${lock}`;

/** What a task waits for. A lock's `holder` changes meanwhile. */
function waitWords(runtime, [text, kind, id], holder = -1, waiter = -1) {
  switch (kind) {
    case "deadline": return `its deadline, ${deadlineWords(runtime, id)}`;
    case "readable": case "writable": return `descriptor ${id} to be ${kind}`;
    case "task": return `the end of ${taskName(id)}`;
    case "lock": return lockWords(id) + (holder < 0 ? "" : holder === waiter ? ", which it holds now" : `, held by ${taskName(holder)}`);
    default: return text;
  }
}

const ways = (readable, writable) => [readable && "reading", writable && "writing"].filter(Boolean).join(" and ") || "neither way";
const threadWords = ({ worker, thread }) => (worker >= 0 ? `worker ${worker}` : `thread “${data.threads[thread]}”`);

/** One sentence for an event. */
const sentence = (event) => capital(clause(event));
function clause(event) {
  const [a, b, c, d] = event.args;
  const here = threadWords(event);
  switch (event.kind) {
    case "RuntimeBegins": return a ? `the runtime begins, with ${a} worker threads.` : "the runtime begins. Its only worker is the thread in block_on.";
    case "RuntimeEnds": return "the runtime ends: the tasks that are left are dropped next.";
    case "Spawned":
      if (b === "Root") return `${here} calls block_on at ${d}: its future is ${taskName(a)}, which this thread polls itself.`;
      return `${c >= 0 ? taskName(c) : here} spawns ${taskName(a)}, at ${d}.`;
    case "Woken": return b === "task" && c === a ? `${taskName(a)} wakes itself: it will be polled again.` : `${causeWords([b, c])} wakes ${taskName(a)}: it can go on.`;
    case "Aborted": return `${causeWords([b, c])} aborts ${taskName(a)}: its future will be dropped.`;
    case "Scheduled":
      if (event.displaced >= 0) return `${taskName(a)} takes ${queueWords(event, b)}; ${taskName(event.displaced)} moves to ${queueWords(event, "Local")}.`;
      return `${taskName(a)} goes into ${queueWords(event, b)}${b === "LifoSlot" ? ": that worker runs it next" : ""}.`;
    case "Taken": return `${here} takes ${taskName(a)} out of ${queueWords(event, b)}.`;
    case "Stolen": return `${here} steals ${count(event)} from ${queueWords({ worker: c }, "Local")}: ${event.moved.join(", ")}.`;
    case "PollBegins": return `${here} begins to poll ${taskName(a)}.`;
    case "PollEnds": return `the poll of ${taskName(a)} ends: ${{ Pending: "it is pending, and waits", Returned: "it has returned a value, and is complete", Panicked: "it has panicked", Cancelled: "it was cancelled, and is dropped" }[b]}.`;
    case "Waits": return `${event.task >= 0 ? taskName(event.task) : here} waits for ${waitWords(event.runtime, event.args, event.args[4])}.`;
    case "LockAssigned": return `${lockWords(a)} goes to ${b >= 0 ? taskName(b) : "what has waited for it"}.`;
    case "WakerLost": return `no waker of ${taskName(a)} exists any more: it is never polled again.`;
    case "TimerArmed": return `timer ${a} is set to ${deadlineWords(event.runtime, b)}.`;
    case "TimerFired": return `timer ${a} fires: its deadline, ${deadlineWords(event.runtime, b)}, has passed.`;
    case "TimerRemoved": return `${event.task >= 0 ? `the future of ${taskName(event.task)}` : here} drops its timer ${a}.`;
    case "Registered": return `descriptor ${a} is registered: the kernel watches it.`;
    case "Ready": return `the kernel reports that descriptor ${a} is ready for ${ways(b, c)}.`;
    case "Deregistered": return `descriptor ${a} is not watched any more.`;
    case "Searching": return `${here} has nothing in its queue, and searches the injector and the other workers' queues.`;
    case "Park": return `${here} has found nothing to run, and parks ${parkWords(event, event.holder)}.`;
    case "Unpark": return `${here} runs again.`;
    case "DriverAcquired": return `${here} takes the driver: it asks the kernel which descriptors are ready.`;
    case "DriverReleased": return `${here} releases the driver, and calls the wakers of what is ready.`;
    case "ClockJumped": return `the clock is paused and nothing can run: it moves on by ${ms(a)}.`;
    default: return event.kind;
  }
}

const count = ({ args: [, count] }) => `${count} task${count === 1 ? "" : "s"}`;

/** Only the worker that holds the driver wakes up at the deadline that a park reports. */
function parkWords(park, holder) {
  if (!park.inDriver) return `until it is notified${holder ? ` (${holder} holds the driver, and watches the timers)` : ""}`;
  const until = park.args[0];
  return `in the driver, until ${until >= 0 ? `${deadlineWords(park.runtime, until)} at the latest` : "a descriptor is ready or it is notified"}`;
}
