"use strict";
// The events, and the machine that they drive: `machineAt(n)` is the runtime after event n.

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
  if (event.kind === "Spawned") {
    const [id, kind, parent, location, name] = event.args;
    tasks.set(id, { id, kind, parent, location, name: shortName(kind, name), fullName: name, events: [], segments: [], spawn: event });
  }
  const id = subject(event);
  if (id >= 0 && !tasks.has(id)) {
    tasks.set(id, { id, kind: "Task", parent: -1, location: "?", name: "?", fullName: "spawned before the recording", events: [], segments: [] });
  }
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
    case "Fetched": return `${here} moves ${count(event)} from the injector into its local queue: ${event.moved.join(", ")}.`;
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

/** The state of all runtimes at one instant. What an event says only together with those before it, is noted in the event. */
class Machine {
  constructor() {
    this.next = 0;
    this.runtimes = new Map();
    this.tasks = new Map();
    this.locks = new Map();
    this.bad = "";
  }

  runtime(id) {
    if (!this.runtimes.has(id)) {
      this.runtimes.set(id, { id, workers: new Map(), injector: [], blocking: [], timers: new Map(), fds: new Map(), driver: "" });
    }
    return this.runtimes.get(id);
  }

  worker(runtime, index) {
    const { workers } = this.runtime(runtime);
    if (!workers.has(index)) workers.set(index, { index, state: "new", task: -1, taken: -1, lifo: -1, local: [], park: null, driver: false });
    return workers.get(index);
  }

  task(id) {
    if (!this.tasks.has(id)) this.tasks.set(id, { id, state: "unknown", wait: null, thread: -1, since: 0 });
    return this.tasks.get(id);
  }

  /** What a waiting task waits for, as it is now. */
  waits({ id, wait }) {
    return wait ? waitWords(wait.runtime, wait.args, this.locks.get(wait.args[2]), id) : "something that does not say what it is";
  }

  /** The queue that an event means, as an array. */
  queue(event, name) {
    const runtime = this.runtime(event.runtime);
    if (name === "Injector") return runtime.injector;
    if (name === "Blocking") return runtime.blocking;
    return event.worker >= 0 ? this.worker(event.runtime, event.worker).local : runtime.injector;
  }

  wrong(event, text) {
    if (!event.isOld && data.dropped === 0) this.bad = text;
  }

  set(event, id, state) {
    const task = this.task(id);
    task.state = state;
    task.since = event.at;
    return task;
  }

  apply(event) {
    this.bad = "";
    this.next = event.index + 1;
    const [a, b, c] = event.args;
    const worker = event.worker >= 0 ? this.worker(event.runtime, event.worker) : null;
    const runtime = this.runtime(event.runtime);
    if (worker && worker.state === "new") worker.state = "running";
    switch (event.kind) {
      case "RuntimeBegins": for (let i = 0; i < Math.max(a, 1); i++) this.worker(event.runtime, i); break;
      case "RuntimeEnds": runtime.injector.length = 0; break;
      case "Spawned": this.set(event, a, event.isOld ? "waiting" : "runnable"); break;
      case "Woken": case "Aborted": { const task = this.task(a); if (task.state === "waiting" || task.state === "unknown") this.set(event, a, "runnable"); break; }
      case "Scheduled":
        if (b === "LifoSlot" && worker) {
          event.displaced = worker.lifo;
          if (worker.lifo >= 0) worker.local.push(worker.lifo);
          worker.lifo = a;
        } else this.queue(event, b).push(a);
        this.set(event, a, "runnable");
        break;
      case "Taken": if (worker) { worker.state = "running"; worker.task = -1; worker.taken = a; } this.set(event, a, "runnable"); this.take(event, a, b); break;
      case "Stolen": {
        const victim = this.worker(event.runtime, c);
        if (victim.local[0] !== a) this.wrong(event, `${taskName(a)} is not at the front of worker ${c}'s queue here`);
        this.move(event, victim.local, worker);
        break;
      }
      case "Fetched": this.move(event, runtime.injector, worker); break;
      case "PollBegins": {
        const task = this.task(a);
        if (task.state === "running") this.wrong(event, `${taskName(a)} is being polled already here`);
        this.set(event, a, "running").thread = event.thread;
        if (worker) { worker.task = a; worker.taken = -1; worker.state = "running"; }
        break;
      }
      case "PollEnds":
        this.set(event, a, b === "Pending" ? "waiting" : "complete").thread = -1;
        if (worker) worker.task = -1;
        if (b !== "Pending") this.tasks.delete(a);
        break;
      case "Waits":
        if (event.task >= 0) this.task(event.task).wait = event;
        if (b === "lock") this.locks.set(c, event.args[4]);
        break;
      case "LockAssigned": this.locks.set(a, b); break;
      case "TimerArmed": runtime.timers.set(a, { timer: a, deadline: b, task: event.task }); break;
      case "TimerFired": case "TimerRemoved": runtime.timers.delete(a); break;
      case "Registered": runtime.fds.set(a, { fd: a, ready: "not reported ready" }); break;
      case "Ready": if (runtime.fds.has(a)) runtime.fds.get(a).ready = `reported ready for ${ways(b, c)}`; break;
      case "Deregistered": runtime.fds.delete(a); break;
      case "Searching": if (worker) worker.state = "searching"; break;
      case "Park": event.holder = runtime.driver; if (worker) { worker.state = "parked"; worker.park = event; } break;
      case "Unpark": if (worker) worker.state = "running"; break;
      case "DriverAcquired":
        runtime.driver = threadWords(event);
        if (worker) { worker.driver = true; if (worker.state === "parked") worker.park.inDriver = true; }
        break;
      case "DriverReleased":
        runtime.driver = "";
        if (worker) { worker.driver = false; worker.state = "running"; }
        break;
    }
  }

  take(event, id, name) {
    const worker = event.worker >= 0 ? this.worker(event.runtime, event.worker) : null;
    if (name === "LifoSlot" && worker && worker.lifo === id) { worker.lifo = -1; return; }
    const queue = this.queue(event, name);
    const at = queue.indexOf(id);
    if (at >= 0) { queue.splice(at, 1); return; }
    this.wrong(event, `${taskName(id)} is not in ${queueWords(event, name)} here`);
    for (const other of this.runtime(event.runtime).workers.values()) other.local = other.local.filter((it) => it !== id);
  }

  /** The first `count` tasks of a queue go into a worker's own. */
  move(event, from, worker) {
    const [first, count] = event.args, at = from.indexOf(first);
    event.moved = at >= 0 ? from.splice(at, count) : [first];
    if (worker) { worker.local.push(...event.moved); worker.state = "running"; }
  }
}

let cached = new Machine();
/** The machine after event `index`. Forward it goes on, back it begins anew. */
function machineAt(index) {
  if (cached.next > index + 1) cached = new Machine();
  while (cached.next <= index) cached.apply(events[cached.next]);
  return cached;
}

/** The rows of the timeline, and the arrows: in one pass over the run. */
const lanes = new Map();
const arrows = [], steals = [];
const badEvents = [];
(function prepare() {
  const machine = new Machine();
  const woken = new Map(), waits = new Map();
  const end = events.length ? Math.max(events[events.length - 1].at, 1) : 1;
  const close = (list, at, index) => { const last = list[list.length - 1]; if (last && last.end === undefined) { last.end = at; last.endIndex = index; } };
  const put = (list, event, state, extra) => { close(list, event.at, event.index); list.push({ state, start: event.at, startIndex: event.index, end: undefined, ...extra }); };
  const openState = (list) => { const last = list[list.length - 1]; return last && last.end === undefined ? last.state : ""; };
  for (const event of events) {
    if (event.args[1] === "lock") lockNames.set(event.args[2], `${event.args[3].replace(/^an? /, "")} ${event.args[2]}`);
    machine.apply(event);
    if (machine.bad) badEvents.push(event.index);
    const key = `${event.runtime}/${event.thread}`;
    const id = subject(event), task = tasks.get(id);
    for (const each of new Set([id, event.displaced, ...(event.moved ?? [])])) tasks.get(each)?.events.push(event.index);
    const row = () => {
      if (!lanes.has(key)) lanes.set(key, { key, runtime: event.runtime, thread: event.thread, worker: event.worker, segments: [] });
      const lane = lanes.get(key);
      if (event.worker >= 0) lane.worker = event.worker;
      return lane.segments;
    };
    switch (event.kind) {
      case "PollBegins": put(row(), event, "running", { task: id }); put(task.segments, event, "running", { thread: event.thread });
        if (woken.has(id)) { arrows.push({ from: woken.get(id), to: event, task: id }); woken.delete(id); } break;
      case "PollEnds": close(row(), event.at, event.index); close(task.segments, event.at, event.index);
        if (event.args[1] === "Pending") put(task.segments, event, "waiting", { reason: waits.get(id) || "" }); waits.delete(id); break;
      case "Waits": waits.set(id, waitWords(event.runtime, event.args)); break;
      case "Woken": woken.set(id, event); break;
      case "Scheduled": put(task.segments, event, "runnable", {}); break;
      case "Stolen": steals.push(event); break;
      case "Park": put(row(), event, "parked", {}); break;
      case "Searching": put(row(), event, "searching", {}); break;
      case "DriverAcquired": if (openState(row()) !== "running") put(row(), event, "driver", {}); break;
      case "DriverReleased": if (openState(row()) === "driver") close(row(), event.at, event.index); break;
      case "Unpark": case "Taken": close(row(), event.at, event.index); break;
    }
  }
  for (const { segments } of [...lanes.values(), ...tasks.values()]) close(segments, end, events.length - 1);
})();
