//! Laws of values that belong to a task: they follow it from thread to thread, no other task sees them, and they
//! are set from its first poll to its destructor.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use crate::common::{AtDrop, Wakes, on_every_flavour, panic_of};
use futures::future::FutureExt;
use openwork::task::{self, AccessError, LocalKey, TaskLocalFuture, yield_now};

openwork::task_local! {
    /// Documentation is allowed.
    static NUMBER: u32;
    pub static NAME: RefCell<String>
}

openwork::task_local! {
    static OTHER: Vec<u8>;
}

openwork::task_local!();

#[test]
fn a_value_follows_its_task_from_thread_to_thread() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    openwork::spawn(NUMBER.scope(number, async move {
                        for _ in 0..20 {
                            assert_eq!(NUMBER.get(), number);
                            yield_now().await;
                        }
                        NUMBER.with(|seen| *seen)
                    }))
                })
                .collect();
            for (number, task) in (0..).zip(tasks) {
                assert_eq!(task.await.unwrap(), number);
            }
            assert!(NUMBER.try_get().is_err(), "no other task sees it");
        });
    });
}

#[test]
fn scopes_nest_and_put_back_what_they_found() {
    on_every_flavour(|flavour| {
        flavour.block_on(NUMBER.scope(1, async {
            assert_eq!(NUMBER.get(), 1);
            NUMBER
                .scope(2, async {
                    yield_now().await;
                    assert_eq!(NUMBER.get(), 2);
                    assert_eq!(NUMBER.sync_scope(3, || NUMBER.get()), 3);
                    assert_eq!(NUMBER.get(), 2);
                })
                .await;
            assert_eq!(NUMBER.get(), 1);
            // Another key is another value, and a spawned task another task.
            assert!(OTHER.try_with(Vec::len).is_err());
            OTHER.scope(vec![0; 5], async { assert_eq!(OTHER.with(Vec::len), 5) }).await;
            assert!(openwork::spawn(async { NUMBER.try_get().is_err() }).await.unwrap());
        }));
    });
}

#[test]
fn a_value_may_be_changed_from_within_by_what_it_is_made_of() {
    on_every_flavour(|flavour| {
        flavour.block_on(NAME.scope(RefCell::default(), async {
            NAME.with(|name| name.borrow_mut().push('a'));
            yield_now().await;
            NAME.with(|name| name.borrow_mut().push('b'));
            assert_eq!(NAME.with(RefCell::take), "ab");
        }));
    });
}

#[test]
fn a_value_is_there_while_its_future_is_dropped() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (send, seen) = mpsc::channel();
            let future = |output: Poll<()>| {
                let send = send.clone();
                let at_drop = AtDrop(move || send.send(NUMBER.try_get()).unwrap());
                NUMBER.scope(7, async move {
                    let _at_drop = at_drop;
                    if output.is_pending() {
                        pending::<()>().await;
                    }
                })
            };
            // Ready; dropped in mid-wait, and before the first poll; aborted.
            future(Poll::Ready(())).await;
            assert_eq!(seen.recv().unwrap(), Ok(7));
            assert_eq!(future(Poll::Pending).now_or_never(), None);
            assert_eq!(seen.recv().unwrap(), Ok(7));
            drop(future(Poll::Pending));
            assert_eq!(seen.recv().unwrap(), Ok(7));
            let task = openwork::spawn(future(Poll::Pending));
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(seen.recv().unwrap(), Ok(7));
        });
    });
}

#[test]
fn a_panic_leaves_no_value_behind() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let panics = NUMBER.scope(1, async { panic!("within") });
            let panics: Pin<&mut TaskLocalFuture<u32, _>> = pin!(panics);
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            assert!(NUMBER.try_get().is_err());
            let panics = || NUMBER.sync_scope(2, || panic!("within"));
            assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            assert!(NUMBER.try_get().is_err());
        });
    });
}

#[test]
fn the_value_can_be_taken_back_when_the_future_is_ready() {
    let mut future = pin!(OTHER.scope(vec![1], async {
        yield_now().await;
        OTHER.with(Vec::len)
    }));
    let wakes = Wakes::new();
    assert!(wakes.poll(future.as_mut()).is_pending());
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: [1] }");
    assert_eq!(wakes.poll(future.as_mut()), Poll::Ready(1));
    assert_eq!(future.as_mut().take_value(), Some(vec![1]));
    assert_eq!(future.as_mut().take_value(), None);
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: <missing> }");
    // And before: then the future finds none.
    let mut future = pin!(NUMBER.scope(1, async { NUMBER.try_get() }));
    assert_eq!(future.as_mut().take_value(), Some(1));
    assert!(matches!(wakes.poll(future), Poll::Ready(Err(_))));
}

/// (Behaviour 40.)
#[test]
fn a_key_that_is_misused_panics_at_the_callers_line() {
    let line = line!() + 1;
    let panicked = panic_of(|| NUMBER.get()).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("`LocalKey::with`"), "{}", panicked.message);
    let line = line!() + 1;
    let panicked = panic_of(|| NUMBER.with(|_| ())).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));

    // A scope that is entered within `with` would change the value while it is borrowed.
    let line = line!() + 1;
    let within = || NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.sync_scope(2, || ())));
    let panicked = panic_of(within).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    let within =
        || NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.scope(2, ready(())).now_or_never()));
    assert!(panic_of(within).is_some());

    let mut future = pin!(NUMBER.scope(1, ready(())));
    let wakes = Wakes::new();
    assert!(wakes.poll(future.as_mut()).is_ready());
    assert!(panic_of(|| wakes.poll(future.as_mut())).is_some());
}

#[test]
fn an_error_says_what_is_missing() {
    let error: AccessError = NUMBER.try_with(|_| ()).unwrap_err();
    assert_eq!(
        (&*error.to_string(), &*format!("{error:?}")),
        ("task-local value not set", "AccessError")
    );
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
}

/// (Behaviour 41.)
#[test]
fn a_future_with_a_value_goes_where_both_may_go() {
    fn moves<T: Send + Sync>(_: &T) {}
    moves(&NUMBER.scope(1, ready(())));
    fn everywhere<T: Send + Sync + Unpin>(_: &'static LocalKey<T>) {}
    everywhere(&NUMBER);
}

#[test]
fn a_value_may_be_looked_for_until_the_threads_very_end() {
    type Late = AtDrop<Box<dyn FnMut()>>;
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    thread::spawn(|| {
        LATE.set(Some(AtDrop(Box::new(|| assert!(NUMBER.try_get().is_err())))));
        NUMBER.sync_scope(1, || ());
    })
    .join()
    .unwrap();
}

// ---- which task, and what it may do in a poll ----

#[test]
fn a_task_knows_its_own_number() {
    on_every_flavour(|flavour| {
        assert!(task::try_id().is_none());
        flavour.block_on(async {
            assert!(task::try_id().is_none(), "what block_on runs is no task");
            let line = line!() + 1;
            let panicked = panic_of(|| task::id()).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            assert!(panicked.message.contains("`task::id`"), "{}", panicked.message);
            let task = openwork::spawn(async {
                let id = task::id();
                yield_now().await;
                assert_eq!(task::try_id(), Some(id));
                id
            });
            let id = task.id();
            assert_eq!(task.await.unwrap(), id);
            let closure = task::spawn_blocking(task::id);
            let id = closure.id();
            assert_eq!(closure.await.unwrap(), id);
        });
    });
}

/// How many of 300 iterations each poll makes.
async fn rounds<F: Future<Output = ()> + Send + 'static>(step: fn() -> F) -> Vec<usize> {
    let mut work = Box::pin(async move {
        for _ in 0..300 {
            step().await;
            ROUNDS.with(|rounds| *rounds.borrow_mut() += 1);
        }
    });
    let mut each = Vec::new();
    let polls = poll_fn(move |cx| {
        let poll = work.as_mut().poll(cx);
        each.push(ROUNDS.with(RefCell::take));
        poll.map(|()| std::mem::take(&mut each))
    });
    openwork::spawn(ROUNDS.scope(RefCell::new(0), polls)).await.unwrap()
}

openwork::task_local! {
    static ROUNDS: RefCell<usize>;
}

/// (Behaviour 12.)
#[test]
fn a_loop_may_count_as_operations_what_awaits_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            assert_eq!(rounds(|| ready(())).await, [300]);
            assert_eq!(rounds(task::consume_budget).await, [128, 128, 44]);
        });
    });
}

#[test]
fn what_is_unconstrained_has_no_budget_and_spends_none() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            assert_eq!(rounds(|| task::unconstrained(task::consume_budget())).await, [300]);
            let both = || async {
                task::consume_budget().await;
                task::unconstrained(async {
                    for _ in 0..1000 {
                        task::consume_budget().await;
                    }
                })
                .await;
            };
            assert_eq!(rounds(both).await, [128, 128, 44]);
        });
        // A poll outside of a runtime has no budget either.
        let wakes = Wakes::new();
        assert!((0..1000).all(|_| wakes.poll(pin!(task::consume_budget())).is_ready()));
    });
}
