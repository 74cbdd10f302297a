"use strict";
// The picture over time: a row for each thread, and for each task or group of tasks.

const ROW = 18, HEAD = 24;
const SMALL_GROUP = 8, FOLD_ABOVE = 40;

const timeline = {
  canvas: document.getElementById("timeline"),
  from: 0, to: 1, scroll: 0, byOrder: false, chosenRow: -1, filter: null, folded: new Map(), rows: [],

  /** Where an event is on the axis: its time, or its number. */
  x(event) { return this.byOrder ? event.index : event.at; },
  span(segment) { return this.byOrder ? [segment.startIndex, segment.endIndex ?? events.length] : [segment.start, segment.end]; },
  extent() { return this.byOrder ? [0, Math.max(events.length, 1)] : [0, events.length ? Math.max(events[events.length - 1].at, 1) : 1]; },
  left() { return Math.min(190, this.canvas.clientWidth * 0.28); },
  px(value) { return this.left() + (value - this.from) / (this.to - this.from) * (this.canvas.clientWidth - this.left()); },
  value(px) { return this.from + (px - this.left()) / (this.canvas.clientWidth - this.left()) * (this.to - this.from); },

  fit() { [this.from, this.to] = this.extent(); const pad = (this.to - this.from) * 0.01; this.from -= pad; this.to += pad; this.draw(); },

  zoom(factor, center = (this.from + this.to) / 2) {
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
      if (!isFolded) for (const task of members) rows.push({ label: taskName(task.id), members: [task], task });
    }
    this.rows = rows;
    this.draw();
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
    const colors = Object.fromEntries(["running", "runnable", "waiting", "parked", "driver", "searching"].map((it) => [it, color(it)]));
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.fillStyle = color("back"); g.fillRect(0, 0, width, height);
    g.font = "12px system-ui, sans-serif"; g.textBaseline = "middle";
    const left = this.left();
    this.scroll = Math.max(0, Math.min(this.scroll, this.rows.length * ROW - height + HEAD + ROW));
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
      for (const member of row.members) if (!row.isLane && y >= HEAD + (pinned - 1) * ROW) this.where.set(member.id, y + ROW / 2);
      g.save(); g.beginPath(); g.rect(0, HEAD, left - 6, height); g.clip();
      g.fillStyle = row.isLane ? color("fore") : color("soft"); g.font = row.isLane ? "600 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
      g.fillText(row.label, 6, y + ROW / 2); g.restore();
    }
    g.save(); g.beginPath(); g.rect(left, HEAD, width, height); g.clip();
    this.arrows(g, color);
    g.restore();
    if (events.length) {
      const x = this.px(this.x(events[current]));
      g.strokeStyle = color("now"); g.lineWidth = 1.5; g.beginPath(); g.moveTo(x, 0); g.lineTo(x, height); g.stroke();
    }
  },

  axis(g, width, height, color) {
    const span = this.to - this.from, raw = span / Math.max(2, (width - this.left()) / 110);
    const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
    g.strokeStyle = color("line"); g.fillStyle = color("soft"); g.lineWidth = 1;
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const x = this.px(at);
      if (x < this.left()) continue;
      g.beginPath(); g.moveTo(x, HEAD); g.lineTo(x, height); g.stroke();
      g.fillText(this.byOrder ? `${Math.round(at)}` : step < 1e3 ? `${Math.round(at)} ns` : step < 1e6 ? `${+(at / 1e3).toFixed(1)} µs` : `${+(at / 1e6).toFixed(2)} ms`, x + 3, HEAD / 2);
    }
    g.fillStyle = color("now");
    for (const index of badEvents) { const x = this.px(this.x(events[index])); if (x > this.left()) g.fillText("⚠", x - 5, HEAD - 5); }
  },

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
        if (row.isLane && segment.state === "running" && right - x > 34) { g.fillStyle = "#fff"; g.fillText(`${segment.task}`, Math.max(x, this.left()) + 4, y + ROW / 2); }
        if (!isGroup && segment.state === "waiting" && segment.reason && right - x > 90) {
          g.save(); g.beginPath(); g.rect(x, y, right - x - 4, ROW); g.clip(); g.fillStyle = getComputedStyle(document.body).color;
          g.fillText(segment.reason, Math.max(x, this.left()) + 6, y + ROW / 2); g.restore();
        }
        drawn = right; drawnState = segment.state;
      }
    }
  },

  /** From the wake to the poll: those of the chosen task always, all of them if there are few. */
  arrows(g, color) {
    let shown = arrows.filter(({ from, to }) => this.x(to) >= this.from && this.x(from) <= this.to);
    if (shown.length > 250) shown = shown.filter(({ task }) => task === chosenTask).slice(0, 250);
    for (const { from, to, task } of shown) {
      const y = this.where.get(task);
      const source = from.args[1] === "task" ? this.where.get(from.args[2]) : HEAD;
      if (y === undefined) continue;
      const x1 = this.px(this.x(from)), x2 = this.px(this.x(to)), y1 = source ?? HEAD;
      g.strokeStyle = g.fillStyle = color("arrow"); g.globalAlpha = task === chosenTask ? 1 : 0.45; g.lineWidth = task === chosenTask ? 1.6 : 1;
      g.beginPath(); g.moveTo(x1, y1); g.lineTo(x2, y); g.stroke();
      const angle = Math.atan2(y - y1, x2 - x1);
      g.beginPath(); g.moveTo(x2, y); g.lineTo(x2 - 7 * Math.cos(angle - 0.4), y - 7 * Math.sin(angle - 0.4)); g.lineTo(x2 - 7 * Math.cos(angle + 0.4), y - 7 * Math.sin(angle + 0.4)); g.fill();
      g.globalAlpha = 1;
    }
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
