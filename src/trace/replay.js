"use strict";
// The machine that the events drive: `machineAt(n)` is the runtime after event n.

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
    if (!this.tasks.has(id)) this.tasks.set(id, { id, state: "unknown", wait: null });
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
      case "Spawned": this.task(a).state = event.isOld ? "waiting" : "runnable"; break;
      case "Woken": case "Aborted": { const task = this.task(a); if (task.state === "waiting" || task.state === "unknown") task.state = "runnable"; break; }
      case "Scheduled":
        if (b === "LifoSlot" && worker) {
          event.displaced = worker.lifo;
          if (worker.lifo >= 0) worker.local.push(worker.lifo);
          worker.lifo = a;
        } else this.queue(event, b).push(a);
        this.task(a).state = "runnable";
        break;
      case "Taken": if (worker) { worker.state = "running"; worker.task = -1; worker.taken = a; } this.task(a).state = "runnable"; this.take(event, a, b); break;
      case "Stolen": {
        const victim = this.worker(event.runtime, c);
        if (victim.local[0] !== a) this.wrong(event, `${taskName(a)} is not at the front of worker ${c}'s queue here`);
        const at = victim.local.indexOf(a);
        event.moved = at >= 0 ? victim.local.splice(at, b) : [a];
        if (worker) { worker.local.push(...event.moved); worker.state = "running"; }
        break;
      }
      case "PollBegins": {
        const task = this.task(a);
        if (task.state === "running") this.wrong(event, `${taskName(a)} is being polled already here`);
        task.state = "running";
        if (worker) { worker.task = a; worker.taken = -1; worker.state = "running"; }
        break;
      }
      case "PollEnds":
        if (b === "Pending") this.task(a).state = "waiting"; else this.tasks.delete(a);
        if (worker) worker.task = -1;
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
    const given = event.kind === "LockAssigned" ? event.args[1] : -1;
    for (const each of new Set([id, given, event.displaced, ...(event.moved ?? [])])) tasks.get(each)?.events.push(event.index);
    const row = () => {
      if (!lanes.has(key)) lanes.set(key, { key, runtime: event.runtime, thread: event.thread, worker: event.worker, segments: [] });
      const lane = lanes.get(key);
      if (event.worker >= 0) lane.worker = event.worker;
      return lane.segments;
    };
    switch (event.kind) {
      case "PollBegins": put(row(), event, "running", { task: id }); put(task.segments, event, "running");
        if (woken.has(id)) { arrows.push({ from: woken.get(id), to: event, task: id }); woken.delete(id); } break;
      case "PollEnds": close(row(), event.at, event.index); close(task.segments, event.at, event.index);
        if (event.args[1] === "Pending") put(task.segments, event, "waiting", { reason: waits.get(id) || "" }); waits.delete(id); break;
      case "Waits": waits.set(id, waitWords(event.runtime, event.args)); break;
      case "Woken": woken.set(id, event); break;
      case "Scheduled": put(task.segments, event, "runnable"); break;
      case "Stolen": steals.push(event); break;
      case "Park": put(row(), event, "parked"); break;
      case "Searching": put(row(), event, "searching"); break;
      case "DriverAcquired": if (openState(row()) !== "running") put(row(), event, "driver"); break;
      case "DriverReleased": if (openState(row()) === "driver") close(row(), event.at, event.index); break;
      case "Unpark": case "Taken": close(row(), event.at, event.index); break;
    }
  }
  for (const { segments } of [...lanes.values(), ...tasks.values()]) close(segments, end, events.length - 1);
})();
