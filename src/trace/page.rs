//! A recording as one page for a browser, which needs no network.
//!
//! This file writes the data; `page.html` puts it together with the style and the scripts. An event is an array of
//! numbers and strings in the order of its fields, since a page has a hundred thousand of them. `events.js` reads it.
//!
//! Next: `save.rs`.

use std::collections::HashMap;
use std::io::{self, Write};

use super::json::Quoted;
use super::recorder::Recording;
use crate::engine::event::{Cause, Event, Record, WaitReason};

const PAGE: &str = include_str!("page.html");
const PARTS: [(&str, &str); 6] = [
    ("/*page.css*/", include_str!("page.css")),
    ("/*events.js*/", include_str!("events.js")),
    ("/*replay.js*/", include_str!("replay.js")),
    ("/*timeline.js*/", include_str!("timeline.js")),
    ("/*machine.js*/", include_str!("machine.js")),
    ("/*main.js*/", include_str!("main.js")),
];

pub(crate) fn write(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    let mut rest = PAGE;
    for (place, part) in PARTS {
        let (before, after) = rest.split_once(place).expect("page.html has a place for each part");
        write_with_data(recording, before, out)?;
        out.write_all(part.as_bytes())?;
        rest = after;
    }
    write_with_data(recording, rest, out)
}

fn write_with_data(recording: &Recording, html: &str, out: &mut dyn Write) -> io::Result<()> {
    match html.split_once("/*data*/") {
        None => out.write_all(html.as_bytes()),
        Some((before, after)) => {
            out.write_all(before.as_bytes())?;
            write_data(recording, out)?;
            out.write_all(after.as_bytes())
        }
    }
}

fn write_data(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    let program = std::env::args().next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let threads: Vec<_> = recording.threads.iter().map(|name| Quoted(name).to_string()).collect();
    write!(
        out,
        "{{\"program\":{},\"dropped\":{},\"beforeCut\":{},\"threads\":[{}],\"events\":[",
        Quoted(program),
        recording.dropped,
        recording.before_cut,
        threads.join(",")
    )?;
    let (mut sources, mut locks) = (Sources::default(), Locks::default());
    for (index, (thread, record)) in recording.events.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let source = sources.number(record);
        // Nanoseconds, and the runtime's own time; -1 is none.
        write!(
            out,
            "{comma}\n[{},{},{},{thread},{},{},{source},{}]",
            record.monotonic.as_nanos(),
            record.at.as_nanos(),
            record.runtime,
            record.worker.map_or(-1, i64::from),
            record.task.map_or(-1, |task| task as i64),
            fields(&record.event, &mut locks)
        )?;
    }
    write!(out, "\n],\"sources\":[{}]}}", sources.list.join(","))
}

/// The functions in which events happen, each once.
#[derive(Default)]
struct Sources {
    numbers: HashMap<(usize, u32), usize>,
    list: Vec<String>,
}

impl Sources {
    /// A source is a function, empty if it is not known; its place; and whether that is in this crate.
    fn number(&mut self, record: &Record) -> usize {
        let location = record.location;
        let key = (location.file().as_ptr() as usize, location.line());
        *self.numbers.entry(key).or_insert_with(|| {
            let crate_folder = file!().strip_suffix("src/trace/page.rs").unwrap_or_default();
            let file = location.file().strip_prefix(crate_folder).unwrap_or(location.file());
            let is_ours = file.starts_with("src/") && location.file().starts_with(crate_folder);
            let place = format!("{file}:{}", location.line());
            let function = Quoted(short(record.function)).to_string();
            self.list.push(format!("[{function},{},{is_ours}]", Quoted(place)));
            self.list.len() - 1
        })
    }
}

/// The locks, numbered from 1 in the order in which they are met: an address is hard to tell from another.
#[derive(Default)]
struct Locks(HashMap<usize, usize>);

impl Locks {
    fn number(&mut self, address: usize) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(address).or_insert(next)
    }
}

/// `openwork::engine::task::Task<F,S,N>::wake::{{closure}}` as `Task::wake`, and
/// `<openwork::engine::root::RootWaker as ArcWake>::wake_by_ref` as `RootWaker::wake_by_ref`.
fn short(path: &str) -> String {
    let (mut depth, mut plain) = (0_usize, String::new());
    let path = path.replace("::{{closure}}", "").replace(" as ", "<");
    for char in path.strip_prefix('<').unwrap_or(&path).chars() {
        match char {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(char),
            _ => {}
        }
    }
    let mut parts: Vec<_> = plain.split("::").filter(|part| !part.trim().is_empty()).collect();
    let last = parts.split_off(parts.len().saturating_sub(2));
    last.join("::")
}

/// The kind, and its fields.
fn fields(event: &Event, locks: &mut Locks) -> String {
    let kind = format!("{event:?}");
    let kind = kind.split([' ', '(']).next().unwrap_or_default();
    let rest = match *event {
        Event::RuntimeBegins { threads } => format!(",{threads}"),
        Event::Spawned { task, kind, parent, location, name } => format!(
            ",{task},\"{kind:?}\",{},{},{}",
            id(parent),
            Quoted(format_args!("{}:{}", location.file(), location.line())),
            Quoted(name)
        ),
        Event::Woken { task, by } | Event::Aborted { task, by } => format!(",{task},{}", cause(by)),
        Event::Scheduled { task, queue } | Event::Taken { task, queue } => {
            format!(",{task},\"{queue:?}\"")
        }
        Event::Stolen { first, count, victim } => format!(",{first},{count},{victim}"),
        Event::PollBegins { task } => format!(",{task}"),
        Event::PollEnds { task, outcome } => format!(",{task},\"{outcome:?}\""),
        Event::Waits(reason) => format!(",{},{}", Quoted(reason), wait(&reason, locks)),
        Event::TimerArmed { timer, deadline } | Event::TimerFired { timer, deadline } => {
            format!(",{timer},{}", deadline.as_nanos())
        }
        Event::LockAssigned { lock, holder } => {
            format!(",{},{}", locks.number(lock), id(holder))
        }
        Event::WakerLost { task } => format!(",{task}"),
        Event::TimerRemoved { timer } => format!(",{timer}"),
        Event::Registered { fd } | Event::Deregistered { fd } => format!(",{fd}"),
        Event::Ready { fd, readable, writable } => format!(",{fd},{readable},{writable}"),
        Event::Park { until } => {
            format!(",{}", until.map_or(-1.0, |until| until.as_nanos() as f64))
        }
        Event::ClockJumped { by } => format!(",{}", by.as_nanos()),
        _ => String::new(),
    };
    format!("\"{kind}\"{rest}")
}

fn cause(by: Cause) -> String {
    match by {
        Cause::Task(task) => format!("\"task\",{task}"),
        Cause::Timer(timer) => format!("\"timer\",{timer}"),
        Cause::Descriptor(fd) => format!("\"fd\",{fd}"),
        Cause::Outside => "\"outside\",-1".to_owned(),
    }
}

/// What the page needs to say what a task waits for, at any later moment.
fn wait(reason: &WaitReason, locks: &mut Locks) -> String {
    match *reason {
        WaitReason::Sleep { deadline } => format!("\"deadline\",{}", deadline.as_nanos()),
        WaitReason::Readable { fd } => format!("\"readable\",{fd}"),
        WaitReason::Writable { fd } => format!("\"writable\",{fd}"),
        WaitReason::Join { task } => format!("\"task\",{task}"),
        WaitReason::Lock { what, lock, holder } => {
            format!("\"lock\",{},{},{}", locks.number(lock), Quoted(what), id(holder))
        }
        _ => "\"\",-1".to_owned(),
    }
}

fn id(task: Option<u64>) -> i64 {
    task.map_or(-1, |task| task as i64)
}
