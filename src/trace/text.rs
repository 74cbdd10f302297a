//! Events as lines of text, in words that a newcomer understands.
//!
//! Next: `recorder.rs`, which keeps them.

use std::fmt;
use std::time::Duration;

use crate::engine::event::{Cause, Event, Outcome, Queue, Record, TaskKind, WaitReason};

/// The milliseconds, the runtime, the worker, the task that was being polled, and what happened.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { runtime, at, worker, task, event, .. } = self;
        let worker = worker.map_or("outside".into(), |worker| format!("worker {worker}"));
        let task = task.map_or("-".into(), |task| format!("task {task}"));
        let at = at.as_secs_f64() * 1e3;
        write!(f, "{at:>12.6} ms  runtime {runtime}  {worker:<9}  {task:<8}  {event}")
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::RuntimeBegins { threads: 0 } => {
                f.write_str("the runtime begins, without threads of its own")
            }
            Event::RuntimeBegins { threads } => {
                write!(f, "the runtime begins, with {threads} worker threads")
            }
            Event::RuntimeEnds => f.write_str("the runtime ends"),
            Event::Spawned { task, kind, location, .. } => {
                let what = match kind {
                    TaskKind::Task => "spawned",
                    TaskKind::Blocking => "spawned, a blocking job,",
                    TaskKind::Root => "the future of block_on",
                };
                write!(f, "task {task} is {what} at {}:{}", location.file(), location.line())
            }
            Event::Woken { task, by: Cause::Task(by) } if by == task => {
                write!(f, "task {task} wakes itself")
            }
            Event::Woken { task, by } => write!(f, "task {task} is woken by {by}"),
            Event::Aborted { task, by } => write!(f, "task {task} is aborted by {by}"),
            Event::Scheduled { task, queue } => write!(f, "task {task} goes into {queue}"),
            Event::Taken { task, queue } => write!(f, "task {task} is taken from {queue}"),
            Event::Stolen { first, count, victim } => {
                write!(f, "steals {count} from worker {victim}, first task {first}")
            }
            Event::PollBegins { task } => write!(f, "the poll of task {task} begins"),
            Event::PollEnds { task, outcome } => {
                write!(f, "the poll of task {task} ends: {outcome}")
            }
            Event::Waits(reason) => write!(f, "waits for {reason}"),
            Event::LockAssigned { holder: Some(task), .. } => {
                write!(f, "the lock goes to task {task}, which has waited for it")
            }
            Event::LockAssigned { holder: None, .. } => {
                f.write_str("the lock goes to what has waited for it")
            }
            Event::WakerLost { task } => {
                write!(f, "task {task} has no waker any more: it is never polled again")
            }
            event => fmt_machine(event, f),
        }
    }
}

/// The events of timers, descriptors, workers and the driver.
fn fmt_machine(event: Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::TimerArmed { timer, deadline } => {
            write!(f, "timer {timer} is set to {}", Millis(deadline))
        }
        Event::TimerFired { timer, deadline } => {
            write!(f, "timer {timer}, set to {}, fires", Millis(deadline))
        }
        Event::TimerRemoved { timer } => write!(f, "timer {timer} is removed"),
        Event::Registered { fd } => write!(f, "fd {fd} is registered"),
        Event::Ready { fd, readable, writable } => {
            write!(f, "fd {fd} is ready, for {}", directions(readable, writable))
        }
        Event::Deregistered { fd } => write!(f, "fd {fd} is deregistered"),
        Event::Searching => f.write_str("searches for tasks elsewhere"),
        Event::Park { until: Some(until) } => write!(f, "parks until {}", Millis(until)),
        Event::Park { until: None } => f.write_str("parks until it is notified"),
        Event::Unpark => f.write_str("runs again"),
        Event::DriverAcquired => f.write_str("takes the driver"),
        Event::DriverReleased => f.write_str("releases the driver"),
        Event::ClockJumped { by } => write!(f, "the paused clock moves by {}", Millis(by)),
        _ => unreachable!("the events of tasks were shown above"),
    }
}

/// A time as the first column shows it.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_nanos() as f64 / 1e6)
    }
}

fn directions(readable: bool, writable: bool) -> &'static str {
    match (readable, writable) {
        (true, true) => "reading and writing",
        (true, false) => "reading",
        (false, true) => "writing",
        (false, false) => "neither reading nor writing",
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Task(task) => write!(f, "task {task}"),
            Cause::Timer(timer) => write!(f, "timer {timer}"),
            Cause::Descriptor(fd) => write!(f, "fd {fd}"),
            Cause::Outside => f.write_str("code outside of the tasks"),
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Queue::LifoSlot => "the LIFO slot",
            Queue::Local => "the local queue",
            Queue::Injector => "the injector",
            Queue::Blocking => "the queue of the blocking pool",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Pending => "pending",
            Outcome::Returned => "returned",
            Outcome::Panicked => "panicked",
            Outcome::Cancelled => "cancelled",
        })
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitReason::Sleep { deadline } => write!(f, "its deadline at {}", Millis(*deadline)),
            WaitReason::Readable { fd } => write!(f, "fd {fd} to be readable"),
            WaitReason::Writable { fd } => write!(f, "fd {fd} to be writable"),
            WaitReason::Join { task } => write!(f, "the end of task {task}"),
            WaitReason::Lock { what, holder: Some(task), .. } => {
                write!(f, "{what} held by task {task}")
            }
            WaitReason::Permits { what, wanted, lacking } if *wanted > 1 => {
                write!(f, "{what} ({wanted} wanted, {lacking} lacking)")
            }
            WaitReason::Message { senders } => write!(f, "a message (senders: {senders})"),
            WaitReason::Lock { what, .. }
            | WaitReason::Permits { what, .. }
            | WaitReason::On { what } => f.write_str(what),
        }
    }
}
