//! A set of tasks. Each waits for its gate, and a step opens one; so a step decides when a task ends, and how.

use super::peer::runtime::Runtime;
use super::peer::task::{self, AbortHandle, JoinError};
use super::runtime;
use super::within::within;
use crate::side::{
    Event, Handle, ON_PURPOSE, Operation, Subject, choose, done, emit, take_one, waits,
};
use crate::steps::{Random, Step};
use std::future::poll_fn;
use std::panic;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// What a task waits for, and how it ends then.
#[derive(Default)]
struct Gate {
    end: Option<End>,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Return,
    Panic,
}

/// The same as `Value`, without its count: a panic's payload may outlive the step.
struct Output(u32);

impl Drop for Output {
    fn drop(&mut self) {
        emit(Event::Dropped(self.0));
    }
}

pub struct JoinSet {
    set: Handle<task::JoinSet<Output>>,
    gates: Vec<Arc<Mutex<Gate>>>,
    aborts: Vec<AbortHandle>,
    runtime: Rc<Runtime>,
}

/// What is the same in both crates: no id.
fn show(result: Option<Result<Output, JoinError>>) -> String {
    match result {
        None => "none".to_owned(),
        Some(Ok(output)) => format!("#{}", output.0),
        Some(Err(error)) if error.is_panic() => "panicked".to_owned(),
        Some(Err(error)) => format!("is cancelled: {}", error.is_cancelled()),
    }
}

impl Subject for JoinSet {
    fn new(_: &mut Random) -> Self {
        let set = Handle::new(task::JoinSet::new());
        JoinSet { set, gates: Vec::new(), aborts: Vec::new(), runtime: Rc::new(runtime()) }
    }

    fn enter<R>(&mut self, function: impl FnOnce(&mut Self) -> R) -> R {
        let runtime = self.runtime.clone();
        within(&runtime, || function(self))
    }

    fn operate(&mut self, step: Step) -> Operation {
        let set = self.set.clone();
        match step.operation % 24 {
            0..6 => self.spawn(step, None),
            6 => self.spawn(step, Some(End::Return)),
            7..10 => self.open(step, End::Return),
            10 => self.open(step, End::Panic),
            11..14 => {
                let future = set.borrowed_by(async |set| show(set.join_next().await));
                waits("join_next", future)
            }
            14 => {
                let future = set.polled_by(|set, cx| set.poll_join_next(cx).map(show));
                waits("poll_join_next", future)
            }
            15 | 16 => done("try_join_next", set.with(|set| show(set.try_join_next()))),
            17 => done("len, is_empty", set.with(|set| (set.len(), set.is_empty()))),
            18 => {
                let abort = choose(&self.aborts, step.which);
                done("abort a task", abort.map(|abort| (abort.is_finished(), abort.abort())))
            }
            19 if step.amount.is_multiple_of(2) => {
                done("abort_all", set.with(|set| set.abort_all()))
            }
            19 | 20 => {
                let finished: Vec<_> = self.aborts.iter().map(AbortHandle::is_finished).collect();
                done("is_finished", finished)
            }
            21 if step.amount.is_multiple_of(2) => {
                waits("shutdown", set.borrowed_by(async |set| set.shutdown().await))
            }
            21 => done("detach_all", set.with(|set| set.detach_all())),
            22 => {
                let future = async move {
                    let outputs = set.take()?.join_all().await;
                    Some(outputs.iter().map(|output| output.0).collect::<Vec<_>>())
                };
                waits("join_all", future)
            }
            _ => done("a new set", set.replace(task::JoinSet::new())),
        }
    }
}

impl JoinSet {
    /// Spawns a task that waits for its gate, or returns at once.
    fn spawn(&mut self, step: Step, end: Option<End>) -> Operation {
        let gate = Arc::new(Mutex::new(Gate { end, waker: None }));
        let (task_gate, output) = (gate.clone(), Output(step.number));
        let task = async move {
            let end = poll_fn(|cx| {
                let mut gate = task_gate.lock().unwrap();
                gate.waker = Some(cx.waker().clone());
                gate.end.map_or(Poll::Pending, Poll::Ready)
            });
            match end.await {
                End::Return => output,
                End::Panic => panic::panic_any(ON_PURPOSE),
            }
        };
        let abort = self.set.with(|set| set.spawn(task));
        let spawned = abort.is_some();
        if spawned {
            self.gates.push(gate);
            self.aborts.extend(abort);
        }
        done(format!("spawn with {end:?}"), spawned)
    }

    /// Lets a task end.
    fn open(&mut self, step: Step, end: End) -> Operation {
        let gate = take_one(&mut self.gates, step.which);
        let waker = gate.as_ref().and_then(|gate| {
            let mut gate = gate.lock().unwrap();
            gate.end = Some(end);
            gate.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        done(format!("let a task {end:?}"), gate.is_some())
    }
}
