//! Chrome's trace-event format, which Perfetto and chrome://tracing show.
//!
//! ```text
//!   process   a runtime
//!   thread    a thread of the program, with the polls as slices ("B", "E"), and a slice of length 0 for each wake
//!   async     a track for each task ("b", "e"), from its spawn to its end
//!   flow      an arrow from a wake ("s") to the poll that it caused ("f")
//! ```
//!
//! Every "B" and "b" has its end, and every "s" its "f": what was open when the recording ends, ends there; an end whose
//! beginning was dropped is left out. Next: `page.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;
use std::io::{self, Write};

use super::json::Quoted;
use super::recorder::Recording;
use crate::engine::event::{Event, Outcome, Record};

pub(crate) fn write(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    let last = recording.events.last().map_or(0.0, |(_, record)| micros(record));
    let mut writer = Writer {
        out,
        is_first: true,
        now: (0, 0, 0.0),
        open: BTreeMap::new(),
        tasks: BTreeMap::new(),
        wakes: BTreeMap::new(),
        flows: 0,
    };
    write!(writer.out, "{{\"otherData\":{{\"dropped\":{}}},\"traceEvents\":[", recording.dropped)?;
    writer.name_tracks(recording)?;
    let polled = polled_after_wake(recording);
    for (index, (thread, record)) in recording.events.iter().enumerate() {
        writer.now = (record.runtime, *thread, micros(record));
        writer.event(record, polled.contains(&index))?;
    }
    writer.close_all(last)?;
    writeln!(writer.out, "\n],\"displayTimeUnit\":\"ns\"}}")
}

/// The format counts in microseconds.
fn micros(record: &Record) -> f64 {
    record.monotonic.as_nanos() as f64 / 1e3
}

/// The wakes that a poll came after: only these have an arrow.
fn polled_after_wake(recording: &Recording) -> BTreeSet<usize> {
    let (mut woken, mut polled) = (BTreeMap::new(), BTreeSet::new());
    for (index, (_, record)) in recording.events.iter().enumerate() {
        match record.event {
            Event::Woken { task, .. } => drop(woken.insert(task, index)),
            Event::PollBegins { task } => polled.extend(woken.remove(&task)),
            _ => {}
        }
    }
    polled
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
    /// Runtime, thread, time.
    now: (u32, usize, f64),
    /// The polls that have begun on a thread.
    open: BTreeMap<(u32, usize), Vec<u64>>,
    /// The tasks that have begun, with what the "e" must repeat.
    tasks: BTreeMap<u64, (u32, String)>,
    /// The flow of the last wake of a task.
    wakes: BTreeMap<u64, u64>,
    flows: u64,
}

impl Writer<'_> {
    /// One event of the format: its kind, and the rest of its fields.
    fn put(&mut self, phase: char, rest: Arguments<'_>) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        let (runtime, thread, at) = self.now;
        let ids = format!("\"pid\":{runtime},\"tid\":{thread},\"ts\":{at:.3}");
        write!(self.out, "{comma}\n{{\"ph\":\"{phase}\",{ids},{rest}}}")
    }

    fn name_tracks(&mut self, recording: &Recording) -> io::Result<()> {
        let ids = |(thread, record): &(usize, Record)| (record.runtime, *thread);
        let tracks: BTreeSet<_> = recording.events.iter().map(ids).collect();
        for (runtime, thread) in tracks {
            self.now = (runtime, thread, 0.0);
            let process = format!("runtime {runtime}");
            self.put(
                'M',
                format_args!("\"name\":\"process_name\",\"args\":{{\"name\":{}}}", Quoted(process)),
            )?;
            let name = Quoted(&recording.threads[thread]);
            self.put('M', format_args!("\"name\":\"thread_name\",\"args\":{{\"name\":{name}}}"))?;
        }
        Ok(())
    }

    fn event(&mut self, record: &Record, is_followed: bool) -> io::Result<()> {
        let text = Quoted(record.event);
        let track = (self.now.0, self.now.1);
        match record.event {
            Event::Spawned { task, name, .. } => {
                let title = Quoted(format_args!("task {task}: {name}")).to_string();
                self.put('b', format_args!("\"cat\":\"task\",\"id\":{task},\"name\":{title},\"args\":{{\"what\":{text}}}"))?;
                self.tasks.insert(task, (self.now.0, title));
            }
            Event::PollBegins { task } => {
                self.put('B', format_args!("\"cat\":\"poll\",\"name\":\"task {task}\""))?;
                self.open.entry(track).or_default().push(task);
                if let Some(flow) = self.wakes.remove(&task) {
                    self.put(
                        'f',
                        format_args!(
                            "\"cat\":\"wake\",\"name\":\"wake\",\"bp\":\"e\",\"id\":{flow}"
                        ),
                    )?;
                }
            }
            Event::PollEnds { task, outcome } => {
                if self
                    .open
                    .get_mut(&track)
                    .is_some_and(|open| open.pop_if(|open| *open == task).is_some())
                {
                    self.put('E', format_args!("\"cat\":\"poll\",\"name\":\"task {task}\",\"args\":{{\"outcome\":\"{outcome}\"}}"))?;
                }
                if outcome != Outcome::Pending {
                    self.end_task(task)?;
                }
            }
            Event::Woken { task, .. } => self.wake(task, &record.event, is_followed)?,
            Event::Waits(_) => {
                if let Some((_, title)) = record.task.and_then(|task| self.tasks.get(&task)) {
                    let (task, title) = (record.task.unwrap_or(0), title.clone());
                    self.put('n', format_args!("\"cat\":\"task\",\"id\":{task},\"name\":{title},\"args\":{{\"what\":{text}}}"))?;
                }
            }
            _ => self.put('i', format_args!("\"cat\":\"engine\",\"s\":\"t\",\"name\":{text}"))?,
        }
        Ok(())
    }

    /// A slice of length 0, as an arrow must begin in a slice.
    fn wake(&mut self, task: u64, event: &Event, is_followed: bool) -> io::Result<()> {
        self.put('X', format_args!("\"cat\":\"wake\",\"dur\":0,\"name\":{}", Quoted(event)))?;
        if is_followed {
            self.flows += 1;
            self.wakes.insert(task, self.flows);
            let flow = self.flows;
            self.put('s', format_args!("\"cat\":\"wake\",\"name\":\"wake\",\"id\":{flow}"))?;
        }
        Ok(())
    }

    fn end_task(&mut self, task: u64) -> io::Result<()> {
        if let Some((runtime, title)) = self.tasks.remove(&task) {
            self.now.0 = runtime;
            self.put('e', format_args!("\"cat\":\"task\",\"id\":{task},\"name\":{title}"))?;
        }
        Ok(())
    }

    fn close_all(&mut self, last: f64) -> io::Result<()> {
        for ((runtime, thread), open) in std::mem::take(&mut self.open) {
            for task in open.into_iter().rev() {
                self.now = (runtime, thread, last);
                self.put('E', format_args!("\"cat\":\"poll\",\"name\":\"task {task}\""))?;
            }
        }
        let left: Vec<u64> = self.tasks.keys().copied().collect();
        left.into_iter().try_for_each(|task| self.end_task(task))
    }
}
