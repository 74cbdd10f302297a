"use strict";
// The machine at the chosen instant, and why a task runs.

const element = (id) => document.getElementById(id);
const escape = (text) => String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const SHOWN = 40;

function chip(id, machine) {
  const task = machine.tasks.get(id);
  const title = `${taskName(id)}, spawned at ${tasks.get(id)?.location}`;
  return `<button class="chip ${task ? task.state : ""} ${id === chosenTask ? "chosen" : ""}" data-task="${id}" title="${escape(title)}">${id} ${escape(tasks.get(id)?.name ?? "")}</button>`;
}

function chips(ids, machine) {
  const list = [...ids];
  if (list.length === 0) return '<span class="label">empty</span>';
  return list.slice(0, SHOWN).map((id) => chip(id, machine)).join("") + (list.length > SHOWN ? ` and ${list.length - SHOWN} more` : "");
}

const card = (title, body) => `<div class="card"><h2>${escape(title)}</h2>${body}</div>`;

function workerCard(worker, machine, prefix) {
  const driver = worker.driver ? " It holds the driver." : "";
  const state = worker.task >= 0 ? `polls ${chip(worker.task, machine)}` :
    worker.state === "parked" ? `is parked${worker.until >= 0 ? ` until ${ms(worker.until)} at the latest` : " until it is notified"}.` :
    worker.state === "searching" ? "searches for tasks elsewhere." : "is between two polls.";
  return card(`${prefix}worker ${worker.index}`, `<p>${state}${driver}</p>
    <p><span class="label">LIFO slot</span> ${worker.lifo >= 0 ? chip(worker.lifo, machine) : '<span class="label">empty</span>'}</p>
    <p><span class="label">local queue</span> ${chips(worker.local, machine)}</p>`);
}

function machineHtml(machine) {
  const cards = [];
  for (const runtime of machine.runtimes.values()) {
    const prefix = machine.runtimes.size > 1 ? `runtime ${runtime.id}, ` : "";
    for (const worker of [...runtime.workers.values()].slice(0, 32)) cards.push(workerCard(worker, machine, prefix));
    cards.push(card(`${prefix}injector: woken outside of the workers`, chips(runtime.injector, machine)));
    const timers = [...runtime.timers.values()].sort((a, b) => a.deadline - b.deadline);
    cards.push(card(`${prefix}timer heap: ${timers.length}, earliest first`, table(timers.slice(0, 12).map((it) =>
      [`timer ${it.timer}`, ms(it.deadline), it.task >= 0 ? chip(it.task, machine) : ""]))));
    const waiters = (fd) => [...machine.tasks.values()].filter((it) => it.state === "waiting" && it.about[0] === "fd" && it.about[1] === fd).map((it) => it.id);
    cards.push(card(`${prefix}descriptors: ${runtime.fds.size}`, table([...runtime.fds.values()].slice(0, 12).map((it) =>
      [`fd ${it.fd}`, it.ready, chips(waiters(it.fd), machine).replace("empty", "no task waits")]))));
    const jobs = [...machine.tasks.values()].filter((it) => it.state === "running" && tasks.get(it.id)?.kind === "Blocking");
    cards.push(card(`${prefix}blocking pool`, `<p><span class="label">queue</span> ${chips(runtime.blocking, machine)}</p><p><span class="label">running</span> ${chips(jobs.map((it) => it.id), machine)}</p>`));
  }
  const of = (state) => [...machine.tasks.values()].filter((it) => it.state === state);
  cards.push(card(`running tasks: ${of("running").length}`, chips(of("running").map((it) => it.id), machine)));
  const waiting = of("waiting");
  cards.push(card(`waiting tasks: ${waiting.length}`, table(waiting.slice(0, 14).map((it) => [chip(it.id, machine), escape(it.reason || "something that does not say what it is")]))));
  return cards.join("");
}

const table = (rows) => rows.length ? `<table>${rows.map((row) => `<tr>${row.map((it) => `<td>${it}</td>`).join("")}</tr>`).join("")}</table>` : '<span class="label">none</span>';

/** The steps that led to a poll: what the task waited for, what woke it, into which queue it went, and who took it. */
function whyHtml(event) {
  const id = chosenTask;
  const task = tasks.get(id);
  if (!task) return "";
  const before = task.events.filter((index) => index <= event.index);
  const begin = before.findLastIndex((index) => events[index].kind === "PollBegins");
  if (begin < 0) return `<b>${escape(taskName(id))}</b> was not polled up to here. It was spawned at ${escape(task.location)}.`;
  const steps = [before[begin]];
  for (let i = begin - 1; i >= 0; i--) {
    const kind = events[before[i]].kind;
    if (kind === "PollBegins") break;
    steps.unshift(before[i]);
    if (kind === "Spawned") break;
  }
  const list = steps.map((index) => `<li data-event="${index}">${escape(sentence(events[index]))} <span class="where">${ms(events[index].at)}</span></li>`).join("");
  const woken = steps.map((index) => events[index]).find((it) => it.kind === "Woken");
  const delay = woken ? ` It was polled ${((events[before[begin]].at - woken.at) / 1e3).toFixed(1)} µs after the wake.` : "";
  return `<b>Why did ${escape(taskName(id))} run at ${ms(events[before[begin]].at)}?</b>${delay}<ol>${list}</ol>`;
}

function nowHtml(event, machine) {
  const [name, place] = data.sources[event.source];
  const clock = Math.abs(event.clock - (event.at + START)) > 5e6 ? ` · runtime's clock ${ms(event.clock)}` : "";
  const bad = machine.bad ? `<p class="bad">⚠ Inconsistent: ${escape(machine.bad)}. Two threads' events are so close that their order is a guess.</p>` : "";
  const old = event.isOld ? "<p>This is from before the recording: older events were dropped.</p>" : "";
  return `<b>${escape(sentence(event))}</b>
    <div class="where">event ${event.index + 1} of ${events.length} · ${ms(event.at)}${clock} · in ${name ? `<b>${escape(name)}</b>, ` : ""}${escape(place)}</div>${bad}${old}`;
}

function logHtml(index) {
  const lines = [];
  for (let i = Math.max(0, index - 5); i <= Math.min(events.length - 1, index + 6); i++) {
    lines.push(`<li class="${i === index ? "at" : ""}" data-event="${i}"><time>${ms(events[i].at)}</time>${escape(sentence(events[i]))}</li>`);
  }
  return lines.join("");
}
