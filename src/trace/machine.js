"use strict";
// The machine at the chosen instant, and why a task runs.

const element = (id) => document.getElementById(id);
const escape = (text) => String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const SHOWN = 40;

/** What the words of the cards mean, on hover. */
const MEANINGS = Object.fromEntries([...document.querySelectorAll("#words dt")].map((it) => [it.textContent, it.nextElementSibling.textContent]));
const word = (text) => `<abbr title="${escape(MEANINGS[text])}">${text}</abbr>`;
const label = (text) => `<span class="label">${text in MEANINGS ? word(text) : text}</span>`;

function chip(id, machine) {
  const task = machine.tasks.get(id);
  return `<button class="chip ${task ? task.state : ""} ${id === chosenTask ? "chosen" : ""}" data-task="${id}" title="${escape(`spawned at ${tasks.get(id)?.location}`)}">${escape(taskName(id))}</button>`;
}

function chips(ids, machine, none = "empty") {
  const list = [...ids];
  if (list.length === 0) return label(none);
  return list.slice(0, SHOWN).map((id) => chip(id, machine)).join("") + (list.length > SHOWN ? ` and ${list.length - SHOWN} more` : "");
}

/** A card whose title may begin with a word that is explained. */
function card(prefix, title, rest, body, isEmpty) {
  return `<div class="card ${isEmpty ? "none" : ""}"><h2>${escape(prefix)}${title in MEANINGS ? word(title) : escape(title)}${rest}</h2>${body}</div>`;
}

function workerState(worker, machine, runtime) {
  if (worker.task >= 0) return `polls ${chip(worker.task, machine)}`;
  if (worker.state === "new") return "has not started yet.";
  if (worker.state === "parked") return `is parked ${escape(parkWords(worker.park, runtime.driver))}.`;
  if (worker.taken >= 0) return `has taken ${chip(worker.taken, machine)}, and polls it next.`;
  return worker.state === "searching" ? "searches for tasks elsewhere." : "is between two polls.";
}

function workerCard(worker, machine, prefix, runtime) {
  return card(prefix, `worker ${worker.index}`, "", `<p>${workerState(worker, machine, runtime)}${worker.driver && worker.state !== "parked" ? ` It holds the ${word("driver")}.` : ""}</p>
    <p>${label("LIFO slot")} ${chips(worker.lifo >= 0 ? [worker.lifo] : [], machine)}</p>
    <p>${label("local queue")} ${chips(worker.local, machine)}</p>`);
}

function machineHtml(machine) {
  const cards = [];
  for (const runtime of machine.runtimes.values()) {
    const prefix = machine.runtimes.size > 1 ? `runtime ${runtime.id}, ` : "";
    for (const worker of [...runtime.workers.values()].slice(0, 32)) cards.push(workerCard(worker, machine, prefix, runtime));
    cards.push(card(prefix, "injector", ": woken outside of the workers", chips(runtime.injector, machine), !runtime.injector.length));
    const timers = [...runtime.timers.values()].sort((a, b) => a.deadline - b.deadline);
    cards.push(card(prefix, "timer heap", `: ${timers.length}, earliest first`, table(timers.slice(0, 12).map((it) =>
      [`timer ${it.timer}`, deadlineWords(runtime.id, it.deadline), it.task >= 0 ? chip(it.task, machine) : ""])), !timers.length));
    const ends = { readable: "waits for reading", writable: "waits for writing" };
    const waiters = (fd) => [...machine.tasks.values()].filter(({ state, wait }) => state === "waiting" && wait && wait.args[1] in ends && wait.args[2] === fd)
      .map(({ id, wait }) => `${chip(id, machine)} ${ends[wait.args[1]]}`).join("<br>");
    cards.push(card(prefix, "descriptors", `: ${runtime.fds.size}`, table([...runtime.fds.values()].slice(0, 12).map((it) =>
      [`descriptor ${it.fd}`, it.ready, waiters(it.fd) || label("no task waits")])), !runtime.fds.size));
    const jobs = [...machine.tasks.values()].filter((it) => it.state === "running" && tasks.get(it.id)?.kind === "Blocking");
    cards.push(card(prefix, "blocking pool", "", `<p>${label("queue")} ${chips(runtime.blocking, machine)}</p><p>${label("running")} ${chips(jobs.map((it) => it.id), machine, "none")}</p>`));
  }
  const of = (state) => [...machine.tasks.values()].filter((it) => it.state === state);
  const running = of("running"), waiting = of("waiting");
  cards.push(card("", "running tasks", `: ${running.length}`, chips(running.map((it) => it.id), machine, "none"), !running.length));
  cards.push(card("", "waiting tasks", `: ${waiting.length}`, table(waiting.slice(0, 14).map((it) => [chip(it.id, machine), escape(machine.waits(it))])), !waiting.length));
  return cards.join("");
}

const table = (rows) => rows.length ? `<table>${rows.map((row) => `<tr>${row.map((it) => `<td>${it}</td>`).join("")}</tr>`).join("")}</table>` : label("none");

const line = (index, isAt) => `<li class="${isAt ? "at" : ""}" data-event="${index}"><time>${ms(events[index].at)}</time><span>${escape(sentence(events[index]))}</span></li>`;

/** The steps that led to the poll that is shown. It stays while the reader steps through them. */
let chain = { task: -1, steps: [] };

/** The poll at this moment; or the coming one, if the task was woken or is in a queue. */
function findChain(task, index) {
  const { events: own } = task, last = own.findLastIndex((it) => it <= index);
  const isBegin = (it) => events[it].kind === "PollBegins";
  const isPolled = last >= 0 && ["PollBegins", "Waits", "PollEnds"].includes(events[own[last]].kind);
  let begin = isPolled ? own.findLastIndex((it, i) => i <= last && isBegin(it)) : -1;
  if (begin < 0 && last >= 0) begin = own.findIndex((it, i) => i > last && isBegin(it));
  const steps = begin < 0 ? [] : [own[begin]];
  for (let i = begin - 1; i >= 0 && !isBegin(own[i]); i--) steps.unshift(own[i]);
  return { task: task.id, steps };
}

/** What the task waited for, what woke it, into which queue it went, and which worker took it. */
function whyHtml(event) {
  const task = tasks.get(chosenTask);
  if (!task) return "";
  const name = escape(taskName(task.id));
  if (task.spawn && event.index < task.spawn.index) {
    return `<b>${name}</b> does not exist yet: it is <button data-event="${task.spawn.index}">spawned at ${ms(task.spawn.at)}</button>, in ${escape(task.location)}.`;
  }
  if (chain.task !== task.id || !chain.steps.includes(event.index)) chain = findChain(task, event.index);
  const { steps } = chain, poll = events[steps[steps.length - 1]];
  if (!poll) return `<b>${name}</b> is not polled in this recording after this moment. It was spawned at ${escape(task.location)}.`;
  const woken = steps.map((index) => events[index]).find((it) => it.kind === "Woken");
  const delay = woken ? ` It was polled ${ms(poll.at - woken.at)} after the wake.` : "";
  return `<b>Why ${poll.index > event.index ? "will" : "did"} ${name} run at ${ms(poll.at)}?</b>${delay}<ol class="log">${steps.map((index) => line(index, index === event.index)).join("")}</ol>`;
}

function nowHtml(event, machine) {
  const [name, place, isOurs] = data.sources[event.source];
  const clock = isPaused(event.runtime) ? ` · runtime's clock ${ms(event.clock)}` : "";
  const source = isOurs ? `in ${name ? `<b>${escape(name)}</b>, ` : ""}${escape(place)}` : `called from your code at ${escape(place)}`;
  const bad = machine.bad ? `<p class="bad">⚠ Inconsistent: ${escape(machine.bad)}. Two threads' events are so close that their order is a guess.</p>` : "";
  const old = event.isOld ? "<p>This is from before the recording: older events were dropped.</p>" : "";
  return `<b>${escape(sentence(event))}</b>
    <div class="where">event ${event.index + 1} of ${events.length} · ${ms(event.at)}${clock} · ${source}</div>${bad}${old}`;
}

function logHtml(index) {
  const lines = [];
  for (let i = Math.max(0, index - 5); i <= Math.min(events.length - 1, index + 6); i++) lines.push(line(i, i === index));
  return lines.join("");
}
