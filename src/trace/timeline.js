"use strict";
// The picture over time: a row for each thread, and for each task or group of tasks.

const ROW = 18, HEAD = 24;
const SMALL_GROUP = 8, FOLD_ABOVE = 40, FEW_ARROWS = 30;

const timeline = {
  canvas: document.getElementById("timeline"),
  from: 0, to: 1, scroll: 0, byOrder: false, chosenRow: -1, filter: null, folded: new Map(), rows: [],

  /** Where an event is on the axis: its time, or its number. */
  x(event) { return this.byOrder ? event.index : event.at; },
  span(segment) { return this.byOrder ? [segment.startIndex, segment.endIndex ?? events.length] : [segment.start, segment.end]; },
  /** From the first task on: before it the threads start. */
  extent() {
    if (!events.length) return [0, 1];
    const first = events.find((event) => event.kind === "Spawned") ?? events[0], low = this.x(first);
    return [low, Math.max(this.x(events[events.length - 1]), low + 1)];
  },
  left() { return Math.min(190, this.canvas.clientWidth * 0.42); },
  px(value) { return this.left() + (value - this.from) / (this.to - this.from) * (this.canvas.clientWidth - this.left()); },
  value(px) { return this.from + (px - this.left()) / (this.canvas.clientWidth - this.left()) * (this.to - this.from); },

  fit() { [this.from, this.to] = this.extent(); const pad = (this.to - this.from) * 0.01; this.from -= pad; this.to += pad; this.draw(); },

  /** About the chosen moment, if it is in sight. */
  zoom(factor, center = events.length ? this.x(events[current]) : 0) {
    if (center < this.from || center > this.to) center = (this.from + this.to) / 2;
    const [low, high] = this.extent();
    const width = Math.min(Math.max((this.to - this.from) * factor, this.byOrder ? 4 : 50), (high - low) * 1.1);
    const share = (center - this.from) / (this.to - this.from);
    this.from = center - share * width;
    this.to = this.from + width;
    this.draw();
  },

  pan(by) { this.from += by; this.to += by; this.draw(); },

  /** Scrolls so far that the instant can be seen. */
  reveal(event) {
    const at = this.x(event), width = this.to - this.from;
    if (at < this.from || at > this.to) { this.from = at - width / 2; this.to = this.from + width; }
  },

  /** The rows, of threads and of tasks: those that were spawned at one line can be folded into one. */
  layout() {
    const rows = [];
    const order = (lane) => (lane.worker >= 0 ? lane.worker : 1000 + lane.thread);
    const runtimes = new Set([...lanes.values()].map((lane) => lane.runtime));
    for (const lane of [...lanes.values()].filter((it) => it.segments.length).sort((a, b) => a.runtime - b.runtime || order(a) - order(b))) {
      const name = lane.worker >= 0 ? `worker ${lane.worker}` : data.threads[lane.thread];
      rows.push({ label: (runtimes.size > 1 ? `${lane.runtime}: ` : "") + name, members: [lane], isLane: true });
    }
    const groups = new Map();
    for (const task of tasks.values()) {
      if (this.filter && !this.filter(task)) continue;
      const key = task.location + task.fullName;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(task);
    }
    for (const [key, members] of groups) {
      const isGroup = members.length > SMALL_GROUP;
      const isFolded = isGroup && (this.folded.get(key) ?? (!this.filter && tasks.size > FOLD_ABOVE));
      if (isGroup) rows.push({ label: `${isFolded ? "▸" : "▾"} ${members.length} × ${members[0].name}`, members: isFolded ? members : [], key, group: members });
      if (!isFolded) for (const task of members) rows.push({ label: taskName(task.id), members: [task], task, indent: isGroup ? 14 : 0 });
    }
    this.rows = rows;
    this.resize();
  },

  /** As high as the rows, up to a half of the window. */
  resize() {
    this.canvas.style.height = `${Math.min(HEAD + Math.max(this.rows.length, 3) * ROW + 6, Math.max(innerHeight * 0.5, 240))}px`;
    this.draw();
  },

  /** How far the rows can be scrolled. */
  maxScroll() { return Math.max(0, HEAD + this.rows.length * ROW + 6 - this.canvas.clientHeight); },

  /** Scrolls the rows. Returns whether there was something to scroll. */
  scrollBy(by) {
    const before = this.scroll;
    this.scroll = Math.max(0, Math.min(before + by, this.maxScroll()));
    this.draw();
    return this.scroll !== before;
  },

  toggle(row) { if (row && row.key) { this.folded.set(row.key, row.members.length === 0); this.layout(); } },

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.paint(); });
  },

  paint() {
    const { canvas } = this, width = canvas.clientWidth, height = canvas.clientHeight, scale = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const colors = Object.fromEntries(["running", "runnable", "waiting", "parked", "driver", "searching", "back", "fore", "on-running"].map((it) => [it, color(it)]));
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.fillStyle = color("back"); g.fillRect(0, 0, width, height);
    g.font = "12px system-ui, sans-serif"; g.textBaseline = "middle";
    const left = this.left();
    this.scroll = Math.min(this.scroll, this.maxScroll());
    this.axis(g, width, height, color);
    const pinned = this.pinned(), first = pinned + Math.floor(this.scroll / ROW), count = Math.ceil((height - HEAD) / ROW) + 1;
    const shown = Array.from({ length: Math.max(0, Math.min(first + count, this.rows.length) - first) }, (_, i) => first + i);
    this.where = new Map();
    for (const i of [...shown, ...Array(pinned).keys()]) {
      const row = this.rows[i], y = HEAD + i * ROW - (i < pinned ? 0 : this.scroll);
      if (i < pinned) { g.fillStyle = color("back"); g.fillRect(0, y, width, ROW); }
      if (i === this.chosenRow || (row.task && row.task.id === chosenTask)) { g.fillStyle = color("chosen"); g.fillRect(0, y, width, ROW); }
      g.save(); g.beginPath(); g.rect(left, HEAD, width, height); g.clip();
      this.segments(g, row, y, colors, width);
      g.restore();
      for (const member of row.members) if (row.isLane || y >= HEAD + (pinned - 1) * ROW) this.where.set(member.key ?? member.id, y + ROW / 2);
      g.save(); g.beginPath(); g.rect(0, HEAD, left - 6, height); g.clip();
      g.fillStyle = row.isLane ? color("fore") : color("soft"); g.font = row.isLane ? "600 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
      g.fillText(row.label, 6 + (row.indent ?? 0), y + ROW / 2); g.restore();
    }
    g.save(); g.beginPath(); g.rect(left, HEAD, width, height); g.clip();
    this.arrows(g, color);
    g.restore();
    this.scrollbar(g, width, height, color, pinned);
    if (events.length) {
      const x = this.px(this.x(events[current]));
      g.strokeStyle = color("now"); g.lineWidth = 1.5; g.beginPath(); g.moveTo(x, 0); g.lineTo(x, height); g.stroke();
    }
  },

  axis(g, width, height, color) {
    const span = this.to - this.from, raw = span / Math.max(2, (width - this.left()) / 85);
    const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
    g.strokeStyle = color("line"); g.fillStyle = color("soft"); g.lineWidth = 1;
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const x = this.px(at);
      if (x < this.left() || x > width - 62) continue;
      g.beginPath(); g.moveTo(x, HEAD); g.lineTo(x, height); g.stroke();
      g.fillText(this.byOrder ? `event ${Math.round(at) + 1}` : step < 1e3 ? `${(at / 1e6).toFixed(6)} ms` : ms(at), x + 3, HEAD / 2);
    }
    g.fillStyle = color("now");
    for (const index of badEvents) { const x = this.px(this.x(events[index])); if (x > this.left()) g.fillText("⚠", x - 5, HEAD - 5); }
  },

  /** What is out of sight: a bar at the right, and the number of rows below, on which one can click. */
  scrollbar(g, width, height, color, pinned) {
    if (this.maxScroll() === 0) return;
    const top = HEAD + pinned * ROW, room = height - top, all = room + this.maxScroll();
    g.fillStyle = color("soft");
    g.fillRect(width - 6, top + room * this.scroll / all, 5, Math.max(room * room / all, 16));
    const below = this.below();
    if (below === 0) return;
    g.fillStyle = color("card"); g.fillRect(0, height - ROW, this.left() - 6, ROW);
    g.fillStyle = color("fore"); g.font = "600 12px system-ui, sans-serif";
    g.fillText(`▾ ${below} more row${below === 1 ? "" : "s"}`, 6, height - ROW / 2);
  },
  below() { return Math.ceil((this.maxScroll() - this.scroll) / ROW); },

  /** A segment narrower than a pixel is drawn as one pixel, and only once. */
  segments(g, row, y, colors, width) {
    const isGroup = row.members.length > 1;
    for (const { segments } of row.members) {
      let low = 0, high = segments.length, drawn = -1, drawnState = "";
      while (low < high) { const mid = (low + high) >> 1; if (this.span(segments[mid])[1] < this.from) low = mid + 1; else high = mid; }
      for (let i = low; i < segments.length; i++) {
        const segment = segments[i], [start, end] = this.span(segment);
        if (start > this.to) break;
        if (isGroup && segment.state === "waiting") continue;
        const x = this.px(start), right = Math.max(this.px(end), x + 1);
        if (right <= drawn && segment.state === drawnState) continue;
        const isThin = segment.state === "waiting" || segment.state === "parked";
        g.fillStyle = colors[segment.state];
        g.fillRect(Math.max(x, 0), y + (isThin ? 6 : 2), Math.min(right, width) - Math.max(x, 0), ROW - (isThin ? 12 : 4));
        const begin = Math.max(x, this.left()) + 4, room = Math.min(right, width) - begin - 4;
        const words = row.isLane && segment.state === "running" ? `${segment.task}` : !isGroup && segment.state === "waiting" ? segment.reason : "";
        if (words && room > 12 && g.measureText(words).width < room) {
          if (isThin) { g.fillStyle = colors.back; g.fillRect(begin, y + 1, g.measureText(words).width + 6, ROW - 2); }
          g.fillStyle = isThin ? colors.fore : colors["on-running"];
          g.fillText(words, begin + (isThin ? 3 : 0), y + ROW / 2);
        }
        drawn = right; drawnState = segment.state;
      }
    }
  },

  /** From the wake to the poll: those of the chosen task always, all of them if there are few. From queue to queue: the steals. */
  arrows(g, color) {
    const isInSight = ({ from, to }) => this.x(to) >= this.from && this.x(from) <= this.to;
    let shown = arrows.filter(isInSight);
    if (shown.length > FEW_ARROWS) shown = shown.filter(({ task }) => task === chosenTask).slice(0, 250);
    const lane = (event) => this.where.get(`${event.runtime}/${event.thread}`);
    for (const { from, to, task } of shown) {
      const source = from.args[1] === "task" ? this.where.get(from.args[2]) : lane(from);
      this.arrow(g, color("arrow"), from, source ?? HEAD, to, this.where.get(task), task === chosenTask);
    }
    const threads = [...lanes.values()];
    for (const event of steals.filter((it) => isInSight({ from: it, to: it })).slice(0, 250)) {
      const victim = threads.find((it) => it.runtime === event.runtime && it.worker === event.args[2]);
      for (const [name, width] of [["back", 5], ["steal", 2]]) this.arrow(g, color(name), event, this.where.get(victim?.key), event, lane(event), true, width);
    }
  },

  arrow(g, color, from, y1, to, y2, isChosen, width = isChosen ? 2 : 1) {
    if (y1 === undefined || y2 === undefined) return;
    const x1 = this.px(this.x(from)), x2 = this.px(this.x(to)), angle = Math.atan2(y2 - y1, x2 - x1);
    g.strokeStyle = g.fillStyle = color; g.globalAlpha = isChosen ? 1 : 0.6; g.lineWidth = width;
    g.beginPath(); g.moveTo(x1, y1); g.lineTo(x2, y2); g.stroke();
    g.beginPath(); g.moveTo(x2, y2); g.lineTo(x2 - 7 * Math.cos(angle - 0.4), y2 - 7 * Math.sin(angle - 0.4)); g.lineTo(x2 - 7 * Math.cos(angle + 0.4), y2 - 7 * Math.sin(angle + 0.4)); g.fill();
    g.globalAlpha = 1;
  },

  /** The rows of the threads stay in sight when the tasks are scrolled. */
  pinned() { return Math.min(this.rows.filter((row) => row.isLane).length, 8); },

  rowAt(y) {
    const index = Math.floor((y - HEAD) / ROW);
    return y <= HEAD ? undefined : this.rows[index < this.pinned() ? index : Math.floor((y - HEAD + this.scroll) / ROW)];
  },

  /** What is under the pointer: the row, and the segment. */
  hit(px, y) {
    const row = this.rowAt(y), at = this.value(px);
    const slack = (this.to - this.from) / this.canvas.clientWidth * 2;
    for (const member of row ? row.members : []) {
      const within = (it) => { const [start, end] = this.span(it); return start - slack <= at && at <= end + slack; };
      const segment = member.segments.find((it) => it.state === "running" && within(it)) || member.segments.find(within);
      if (segment) return { row, member, segment };
    }
    return { row };
  },
};

/** The last event that is not after a place on the axis. */
function eventAt(value) {
  let low = 0, high = events.length - 1;
  while (low < high) { const mid = (low + high + 1) >> 1; if (timeline.x(events[mid]) <= value) low = mid; else high = mid - 1; }
  return low;
}
