"use strict";
// The events, and the machine that they drive: `machineAt(n)` is the runtime after event n.

const data = JSON.parse(document.getElementById("data").textContent);
const START = data.events.length ? data.events[data.beforeCut < data.events.length ? data.beforeCut : 0][0] : 0;

const events = data.events.map((row, index) => {
  const [at, clock, runtime, thread, worker, task, source, kind, ...args] = row;
  return { index, at: at - START, clock, runtime, thread, worker, task, source, kind, args, isOld: index < data.beforeCut };
});

/** The kinds whose first argument is a task. */
const OF_TASK = new Set(["Spawned", "Woken", "Aborted", "Scheduled", "Taken", "PollBegins", "PollEnds", "WakerLost"]);
const subject = (event) => (OF_TASK.has(event.kind) ? event.args[0] : event.kind === "Waits" ? event.task : -1);

/** What never changes of a task. */
const tasks = new Map();
for (const event of events) {
  if (event.kind === "Spawned") {
    const [id, kind, parent, location, name] = event.args;
    tasks.set(id, { id, kind, parent, location, name: shortName(name), fullName: name, events: [], segments: [], spawn: event });
  }
  const id = subject(event);
  if (id >= 0 && !tasks.has(id)) {
    tasks.set(id, { id, kind: "Task", parent: -1, location: "?", name: "?", fullName: "spawned before the recording", events: [], segments: [] });
  }
  if (id >= 0) tasks.get(id).events.push(event.index);
}

function shortName(name) {
  const plain = name.replace(/<.*>/, "").split("::").filter((part) => !part.startsWith("{{"));
  return plain.slice(-1)[0] || name;
}

function taskName(id) {
  const task = tasks.get(id);
  if (!task) return `task ${id}`;
  if (task.kind === "Root") return `block_on (task ${id})`;
  return `task ${id} (${task.kind === "Blocking" ? "blocking job, " : ""}${task.name})`;
}

const ms = (nanos) => `${(nanos / 1e6).toFixed(3)} ms`;

function causeWords([kind, id]) {
  if (kind === "task") return taskName(id);
  if (kind === "timer") return `timer ${id}, whose deadline has passed`;
  if (kind === "fd") return `descriptor ${id}, which is ready`;
  return "code outside of the tasks";
}

const QUEUES = { LifoSlot: "the LIFO slot", Local: "the local queue", Injector: "the injector", Blocking: "the queue of the blocking pool" };
const ways = (readable, writable) => [readable && "reading", writable && "writing"].filter(Boolean).join(" and ") || "neither way";

/** One sentence for an event. */
function sentence(event) {
  const [a, b, c, d] = event.args;
  const here = event.worker >= 0 ? `Worker ${event.worker}` : `Thread “${data.threads[event.thread]}”`;
  switch (event.kind) {
    case "RuntimeBegins": return a ? `The runtime begins, with ${a} worker threads.` : "The runtime begins. Its only worker is the thread in block_on.";
    case "RuntimeEnds": return "The runtime ends: the tasks that are left are dropped next.";
    case "Spawned":
      if (b === "Root") return `${here} calls block_on at ${d}: its future is task ${a}, which this thread polls itself.`;
      return `${c >= 0 ? taskName(c) : here} spawns ${taskName(a)}, at ${d}.`;
    case "Woken": return b === "task" && c === a ? `${taskName(a)} wakes itself: it will be polled again.` : `${causeWords([b, c])} wakes ${taskName(a)}: it can go on.`;
    case "Aborted": return `${causeWords([b, c])} aborts ${taskName(a)}: its future will be dropped.`;
    case "Scheduled": return `${taskName(a)} goes into ${QUEUES[b]}${b === "LifoSlot" ? ": this worker runs it next" : ""}.`;
    case "Taken": return `${here} takes ${taskName(a)} out of ${QUEUES[b]}.`;
    case "Stolen": return `${here} steals ${b} from the local queue of worker ${c}, first ${taskName(a)}.`;
    case "Fetched": return `${here} moves ${b} from the injector into its local queue, first ${taskName(a)}.`;
    case "PollBegins": return `${here} begins to poll ${taskName(a)}.`;
    case "PollEnds": return `The poll of ${taskName(a)} ends: ${{ Pending: "it is pending, and waits", Returned: "it has returned a value, and is complete", Panicked: "it has panicked", Cancelled: "it was cancelled, and is dropped" }[b]}.`;
    case "Waits": return `${event.task >= 0 ? taskName(event.task) : here} waits for ${a}.`;
    case "LockAssigned": return `The lock goes to ${a >= 0 ? taskName(a) : "what has waited for it"}.`;
    case "WakerLost": return `No waker of ${taskName(a)} exists any more: it is never polled again.`;
    case "TimerArmed": return `Timer ${a} is set to ${ms(b)}.`;
    case "TimerFired": return `Timer ${a} fires: its deadline, ${ms(b)}, has passed.`;
    case "TimerRemoved": return `Timer ${a} is removed.`;
    case "Registered": return `Descriptor ${a} is registered: the kernel watches it.`;
    case "Ready": return `The kernel reports that descriptor ${a} is ready for ${ways(b, c)}.`;
    case "Deregistered": return `Descriptor ${a} is not watched any more.`;
    case "Searching": return `${here} has nothing in its queue, and searches the injector and the other workers' queues.`;
    case "Park": return `${here} has found nothing to run, and parks${a >= 0 ? ` until ${ms(a)} at the latest` : " until it is notified"}.`;
    case "Unpark": return `${here} runs again.`;
    case "DriverAcquired": return `${here} takes the driver: it asks the kernel which descriptors are ready.`;
    case "DriverReleased": return `${here} releases the driver, and calls the wakers of what is ready.`;
    case "ClockJumped": return `The clock is paused and nothing can run: it moves on by ${ms(a)}.`;
    default: return event.kind;
  }
}

/** The state of all runtimes at one instant. */
class Machine {
  constructor() {
    this.next = 0;
    this.runtimes = new Map();
    this.tasks = new Map();
    this.bad = "";
  }

  runtime(id) {
    if (!this.runtimes.has(id)) {
      this.runtimes.set(id, { id, workers: new Map(), injector: [], blocking: [], timers: new Map(), fds: new Map(), driver: -1, ended: false });
    }
    return this.runtimes.get(id);
  }

  worker(runtime, index) {
    const { workers } = this.runtime(runtime);
    if (!workers.has(index)) workers.set(index, { index, state: "running", task: -1, lifo: -1, local: [], until: -1, driver: false });
    return workers.get(index);
  }

  task(id) {
    if (!this.tasks.has(id)) this.tasks.set(id, { id, state: "unknown", reason: "", about: ["", -1], thread: -1, since: 0 });
    return this.tasks.get(id);
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
    switch (event.kind) {
      case "RuntimeBegins": for (let i = 0; i < Math.max(a, 1); i++) this.worker(event.runtime, i); break;
      case "RuntimeEnds": runtime.ended = true; runtime.injector.length = 0; break;
      case "Spawned": this.set(event, a, event.isOld ? "waiting" : "runnable"); break;
      case "Woken": case "Aborted": { const task = this.task(a); if (task.state === "waiting" || task.state === "unknown") this.set(event, a, "runnable"); break; }
      case "Scheduled":
        if (b === "LifoSlot" && worker) {
          if (worker.lifo >= 0) worker.local.push(worker.lifo);
          worker.lifo = a;
        } else this.queue(event, b).push(a);
        this.set(event, a, "runnable");
        break;
      case "Taken": if (worker) worker.state = "running"; this.take(event, a, b); break;
      case "Stolen": {
        const victim = this.worker(event.runtime, c);
        if (victim.local[0] !== a) this.wrong(event, `${taskName(a)} is not at the front of worker ${c}'s queue here`);
        this.move(victim.local, worker, a, b);
        break;
      }
      case "Fetched": this.move(runtime.injector, worker, a, b); break;
      case "PollBegins": {
        const task = this.task(a);
        if (task.state === "running") this.wrong(event, `${taskName(a)} is being polled already here`);
        this.set(event, a, "running").thread = event.thread;
        if (worker) { worker.task = a; worker.state = "running"; }
        break;
      }
      case "PollEnds":
        this.set(event, a, b === "Pending" ? "waiting" : "complete").thread = -1;
        if (worker) worker.task = -1;
        if (b !== "Pending") this.tasks.delete(a);
        break;
      case "Waits": if (event.task >= 0) { const task = this.task(event.task); task.reason = a; task.about = [b, c]; } break;
      case "TimerArmed": runtime.timers.set(a, { timer: a, deadline: b, task: event.task }); break;
      case "TimerFired": case "TimerRemoved": runtime.timers.delete(a); break;
      case "Registered": runtime.fds.set(a, { fd: a, ready: "not reported ready" }); break;
      case "Ready": if (runtime.fds.has(a)) runtime.fds.get(a).ready = `reported ready for ${ways(b, c)}`; break;
      case "Deregistered": runtime.fds.delete(a); break;
      case "Searching": if (worker) worker.state = "searching"; break;
      case "Park": if (worker) { worker.state = "parked"; worker.until = a; } break;
      case "Unpark": if (worker) worker.state = "running"; break;
      case "DriverAcquired": runtime.driver = event.thread; if (worker) worker.driver = true; break;
      case "DriverReleased": runtime.driver = -1; if (worker) worker.driver = false; break;
    }
  }

  take(event, id, name) {
    const worker = event.worker >= 0 ? this.worker(event.runtime, event.worker) : null;
    if (name === "LifoSlot" && worker && worker.lifo === id) { worker.lifo = -1; return; }
    const queue = this.queue(event, name);
    const at = queue.indexOf(id);
    if (at >= 0) { queue.splice(at, 1); return; }
    this.wrong(event, `${taskName(id)} is not in ${QUEUES[name]} here`);
    for (const other of this.runtime(event.runtime).workers.values()) other.local = other.local.filter((it) => it !== id);
  }

  move(from, worker, first, count) {
    const at = Math.max(from.indexOf(first), 0);
    const moved = from.splice(at, count);
    if (worker) { worker.local.push(...moved); worker.state = "running"; }
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
const arrows = [];
const badEvents = [];
(function prepare() {
  const machine = new Machine();
  const open = new Map(), woken = new Map(), lane = new Map();
  const end = events.length ? Math.max(events[events.length - 1].at, 1) : 1;
  const close = (list, at, index) => { const last = list[list.length - 1]; if (last && last.end === undefined) { last.end = at; last.endIndex = index; } };
  const put = (list, event, state, extra) => { close(list, event.at, event.index); list.push({ state, start: event.at, startIndex: event.index, end: undefined, ...extra }); };
  for (const event of events) {
    machine.apply(event);
    if (machine.bad) badEvents.push(event.index);
    const key = `${event.runtime}/${event.thread}`;
    const id = subject(event), task = tasks.get(id);
    const row = () => {
      if (!lanes.has(key)) lanes.set(key, { key, runtime: event.runtime, thread: event.thread, worker: event.worker, segments: [], stack: [] });
      const lane = lanes.get(key);
      if (event.worker >= 0) lane.worker = event.worker;
      return lane;
    };
    switch (event.kind) {
      case "PollBegins": put(row().segments, event, "running", { task: id }); put(task.segments, event, "running", { thread: event.thread });
        if (woken.has(id)) { arrows.push({ from: woken.get(id), to: event, task: id }); woken.delete(id); } break;
      case "PollEnds": close(row().segments, event.at, event.index); close(task.segments, event.at, event.index);
        if (event.args[1] === "Pending") put(task.segments, event, "waiting", { reason: task.reason || "" }); task.reason = ""; break;
      case "Waits": if (task) task.reason = event.args[0]; break;
      case "Woken": woken.set(id, event); break;
      case "Scheduled": put(task.segments, event, "runnable", {}); break;
      case "Park": put(row().segments, event, "parked", {}); break;
      case "Searching": put(row().segments, event, "searching", {}); break;
      case "DriverAcquired": { const list = row().segments; const last = list[list.length - 1]; if (!last || last.end !== undefined) put(list, event, "driver", {}); break; }
      case "DriverReleased": { const list = row().segments; const last = list[list.length - 1]; if (last && last.state === "driver") close(list, event.at, event.index); break; }
      case "Unpark": case "Taken": close(row().segments, event.at, event.index); break;
    }
  }
  for (const { segments } of [...lanes.values(), ...tasks.values()]) close(segments, end, events.length - 1);
})();
