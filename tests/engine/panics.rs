//! Laws of a future that panics in its poll. It is dropped while the thread unwinds, as the local variables of
//! a function would be; and its destructors affect no other task.

use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

use openwork::runtime::Handle;
use openwork::task::{self, JoinError, JoinSet, TaskTracker, spawn_blocking, yield_now};

use crate::common::{Flavour, alone, message_of, on_every_flavour, panic_of};

/// What a destructor has seen: whether the thread unwinds, whether it is in a runtime, in which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    panicking: bool,
    in_runtime: bool,
    task: Option<task::Id>,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    /// What the destructors have seen since the last time.
    fn take(&self) -> Vec<Seen> {
        mem::take(&mut self.0.lock().unwrap())
    }

    /// All destructors have run during the unwinding, in this task.
    #[track_caller]
    fn assert_unwinding(&self, destructors: usize, task: Option<task::Id>) {
        let seen = Seen { panicking: true, in_runtime: true, task };
        assert_eq!(self.take(), vec![seen; destructors]);
    }
}

/// Notes what it sees when it is dropped, and may panic then.
struct Field {
    log: Log,
    panics: bool,
}

impl Drop for Field {
    fn drop(&mut self) {
        self.log.0.lock().unwrap().push(Seen {
            panicking: thread::panicking(),
            in_runtime: Handle::try_current().is_ok(),
            task: task::try_id(),
        });
        if self.panics {
            panic!("the second");
        }
    }
}

/// A future with fields of its own. (The variables of an `async` block are dropped by its poll.)
struct Panics {
    polls_left: usize,
    _fields: [Field; 2],
}

impl Panics {
    /// Panics in its last poll; one of its fields may panic when it is dropped.
    fn new(log: &Log, polls: usize, field_panics: bool) -> Self {
        let field = |panics| Field { log: log.clone(), panics };
        Panics { polls_left: polls, _fields: [field(field_panics), field(false)] }
    }
}

impl Future for Panics {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls_left -= 1;
        if self.polls_left == 0 {
            panic!("the first");
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[track_caller]
fn assert_first(error: JoinError) {
    assert_eq!(message_of(&*error.into_panic()), "the first");
}

/// With destructors that do not panic, and with one that does. Without a process of its own, a panic that
/// escaped from a destructor would take the other tests along.
fn with_and_without_a_second_panic(
    name: &str,
    law: impl Fn(Flavour, bool) + Clone + Send + 'static,
) {
    alone(name, || {
        on_every_flavour(move |flavour| {
            for field_panics in [false, true] {
                law(flavour, field_panics);
            }
        });
    });
}

#[test]
fn a_task_that_panics_is_dropped_while_its_thread_unwinds() {
    const NAME: &str = "a_task_that_panics_is_dropped_while_its_thread_unwinds";
    with_and_without_a_second_panic(NAME, |flavour, field_panics| {
        flavour.block_on(async {
            for polls in [1, 3] {
                let log = Log::default();
                let task = openwork::spawn(Panics::new(&log, polls, field_panics));
                let id = task.id();
                assert_first(task.await.unwrap_err());
                log.assert_unwinding(2, Some(id));
                // Its worker continues.
                assert_eq!(openwork::spawn(async { 1 }).await.unwrap(), 1);
            }
        });
    });
}

#[test]
fn a_task_of_a_set_or_a_tracker_that_panics_is_dropped_while_its_thread_unwinds() {
    const NAME: &str =
        "a_task_of_a_set_or_a_tracker_that_panics_is_dropped_while_its_thread_unwinds";
    with_and_without_a_second_panic(NAME, |flavour, field_panics| {
        flavour.block_on(async {
            let log = Log::default();
            let mut set = JoinSet::new();
            let id = set.spawn(Panics::new(&log, 2, field_panics)).id();
            assert_first(set.join_next().await.unwrap().unwrap_err());
            log.assert_unwinding(2, Some(id));

            let tracker = TaskTracker::new();
            let task = tracker.spawn(Panics::new(&log, 2, field_panics));
            let id = task.id();
            assert_first(task.await.unwrap_err());
            log.assert_unwinding(2, Some(id));
            tracker.close();
            tracker.wait().await;
        });
    });
}

#[test]
fn a_task_of_a_scope_that_panics_is_dropped_while_its_thread_unwinds() {
    const NAME: &str = "a_task_of_a_scope_that_panics_is_dropped_while_its_thread_unwinds";
    with_and_without_a_second_panic(NAME, |flavour, field_panics| {
        let runtime = flavour.build();
        let log = Log::default();
        runtime.scope(|s| {
            let task = s.spawn(Panics::new(&log, 2, field_panics));
            let id = task.id();
            assert_first(task.join().unwrap_err());
            log.assert_unwinding(2, Some(id));
            assert_eq!(s.spawn(async { 1 }).join().unwrap(), 1);
        });
        // Its panic counts once, for the scope that has not joined it.
        let panicked = panic_of(|| {
            runtime.scope(|s| drop(s.spawn(Panics::new(&log, 2, field_panics))));
        });
        assert_eq!(panicked.unwrap().message, "a task of the scope panicked");
        assert_eq!(log.take().len(), 2);
    });
}

/// What a closure has captured is dropped by its call. (With a second panic that call would end the process, as
/// that of any function.)
#[test]
fn what_a_blocking_closure_has_captured_is_dropped_while_its_thread_unwinds() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let log = Log::default();
            let captured = Panics::new(&log, 1, false);
            let task = spawn_blocking(move || {
                let _captured = &captured;
                panic!("the first");
            });
            let id = task.id();
            assert_first(task.await.unwrap_err());
            log.assert_unwinding(2, Some(id));
        });
    });
}

#[test]
fn a_root_that_panics_is_dropped_while_its_thread_unwinds() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let log = Log::default();
        let blocks: [&dyn Fn(Panics); 3] =
            [&|root| runtime.block_on(root), &|root| runtime.handle().block_on(root), &|root| {
                openwork::block_on(root)
            }];
        for block_on in blocks {
            let panicked = panic_of(|| block_on(Panics::new(&log, 2, false)));
            assert_eq!(panicked.unwrap().message, "the first");
            log.assert_unwinding(2, None);
        }
        // The thread can be used further.
        runtime.block_on(yield_now());
    });
}

/// Without a panic in a poll, `thread::panicking()` is false in every destructor.
#[test]
fn a_task_that_ends_otherwise_is_dropped_while_nothing_unwinds() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let log = Log::default();
            let field = || Field { log: log.clone(), panics: false };
            let held = field();
            openwork::spawn(async move { drop(held) }).await.unwrap();
            let held = field();
            let task = openwork::spawn(async move { (pending::<()>().await, held).0 });
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            let seen: Vec<_> = log.take().iter().map(|seen| seen.panicking).collect();
            assert_eq!(seen, [false, false]);
        });
    });
}
