//! Laws of a scope: its tasks borrow from the caller's stack, so it must not return while any of them, or
//! anything that one of them has returned, is still there. What is borrowed here is mostly a counter on the
//! stack, which each borrower raises when it is made and lowers when it is dropped: it must be back at zero
//! when the scope returns. AddressSanitizer reports a borrower that is used too late:
//!
//! ```sh
//! RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_stack_use_after_return=1 \
//!     cargo +nightly test --target x86_64-unknown-linux-gnu --test engine scope
//! ```

use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Random, Wakes, ends, message_of, on_each_of, on_every_flavour, panic_of, paused, until,
};
use futures::channel::oneshot;
use openwork::runtime::{Builder, Handle, Runtime};
use openwork::task::{self, Scope, ScopedJoinHandle, spawn_blocking, yield_now};
use openwork::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

/// A variable on the stack, and the number of its borrowers.
#[derive(Default)]
struct Frame {
    borrowers: AtomicUsize,
    /// More than a counter, so that a late write hits something.
    text: Mutex<String>,
}

impl Frame {
    fn borrow(&self) -> Borrower<'_> {
        self.borrowers.fetch_add(1, SeqCst);
        Borrower(self)
    }

    #[track_caller]
    fn assert_free(&self) {
        assert_eq!(self.borrowers.load(SeqCst), 0, "something borrows that should be gone");
    }
}

/// Writes to the frame when it is dropped.
struct Borrower<'a>(&'a Frame);

impl Borrower<'_> {
    fn write(&self, text: &str) {
        self.0.text.lock().unwrap().push_str(text);
    }
}

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        self.write(".");
        self.0.borrowers.fetch_sub(1, SeqCst);
    }
}

/// A borrower whose destructor panics, after it has done its work.
struct Bomb<'a>(Borrower<'a>);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.0.write("!");
        if !thread::panicking() {
            panic!("the bomb goes off");
        }
    }
}

// ---- borrowing ----

#[test]
fn tasks_of_a_scope_borrow_from_the_stack() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut numbers = vec![0; 100];
        let names = [String::from("one"), String::from("two")];
        let lengths = runtime.scope(|s| {
            for (index, number) in numbers.iter_mut().enumerate() {
                s.spawn(async move {
                    yield_now().await;
                    *number = index;
                });
            }
            let lengths = names.each_ref().map(|name| s.spawn(async { name.len() }));
            lengths.map(|task| task.join().unwrap())
        });
        assert_eq!(lengths, [3, 3]);
        assert!(numbers.iter().enumerate().all(|(index, number)| index == *number));
    });
}

#[test]
fn a_scope_returns_what_its_body_returns_and_not_before_its_tasks_have_ended() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        let steps = AtomicUsize::new(0);
        let returned = runtime.scope(|s| {
            for _ in 0..50 {
                let borrower = frame.borrow();
                let steps = &steps;
                s.spawn(async move {
                    for _ in 0..10 {
                        yield_now().await;
                        steps.fetch_add(1, SeqCst);
                    }
                    drop(borrower);
                });
            }
            "returned"
        });
        frame.assert_free();
        assert_eq!((returned, steps.load(SeqCst)), ("returned", 500));
    });
}

/// In the runtimes that another thread has to drive, a thread of the test drives.
#[test]
fn a_scope_is_opened_where_a_thread_may_wait() {
    on_every_flavour(|flavour| {
        let sum_of_two = || {
            let numbers = [1, 2];
            task::scope(|s| {
                let one = s.spawn(async { numbers[0] });
                let two = s.spawn(async { numbers[1] });
                one.join().unwrap() + two.join().unwrap()
            })
        };
        let runtime = flavour.build();
        runtime.block_on(async {
            assert_eq!(spawn_blocking(sum_of_two).await.unwrap(), 3);
        });
        let (done, finish) = oneshot::channel();
        let handle = runtime.handle().clone();
        let foreign = thread::spawn(move || {
            let _entered = handle.enter();
            done.send(sum_of_two()).unwrap();
        });
        assert_eq!(runtime.block_on(finish), Ok(3));
        foreign.join().unwrap();
        if flavour != CurrentThread {
            let _entered = runtime.enter();
            assert_eq!(sum_of_two(), 3);
        }
    });
}

#[test]
fn a_scope_drives_the_clock_of_a_runtime_with_one_thread() {
    ends(|| {
        let runtime = paused();
        let frame = Frame::default();
        let slept = runtime.scope(|s| {
            let begun = Instant::now();
            let borrower = frame.borrow();
            s.spawn(async move {
                sleep(HOUR).await;
                drop(borrower);
            });
            begun
        });
        frame.assert_free();
        let _entered = runtime.enter();
        assert_eq!(slept.elapsed(), HOUR);
    });
}

#[test]
fn a_task_of_a_scope_spawns_others_and_awaits_them() {
    on_every_flavour(|flavour| {
        // Boxed, as a future cannot contain itself.
        fn count<'scope>(
            s: &'scope Scope<'scope, '_>,
            leaves: &'scope AtomicUsize,
            depth: usize,
        ) -> Pin<Box<dyn Future<Output = ()> + Send + 'scope>> {
            if depth == 0 {
                leaves.fetch_add(1, SeqCst);
                return Box::pin(async {});
            }
            Box::pin(async move {
                let branches = [0, 1].map(|_| s.spawn(count(s, leaves, depth - 1)));
                for branch in branches {
                    branch.await.unwrap();
                }
            })
        }
        let leaves = AtomicUsize::new(0);
        let runtime = flavour.build();
        runtime.scope(|s| s.spawn(count(s, &leaves, 7)).join().unwrap());
        assert_eq!(leaves.load(SeqCst), 128);
    });
}

#[test]
fn scopes_nest() {
    on_each_of(&[Workers(2)], |flavour| {
        let runtime = flavour.build();
        let _entered = runtime.enter();
        let mut outer = 1;
        let sum = task::scope(|s| {
            s.spawn(async { outer += 1 });
            let inner = 10;
            task::scope(|s| s.spawn(async { inner + 1 }).join().unwrap())
        });
        assert_eq!((outer, sum), (2, 11));
    });
}

#[test]
fn an_empty_scope_returns_at_once() {
    on_every_flavour(|flavour| assert_eq!(flavour.build().scope(|_| 1), 1));
}

// ---- handles ----

#[test]
fn a_handle_tells_of_its_task_what_others_tell() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        runtime.scope(|s| {
            let borrower = frame.borrow();
            let task: ScopedJoinHandle<'_, ()> = s.spawn(async move {
                let _borrower = borrower;
                pending::<()>().await
            });
            assert_eq!(format!("{task:?}"), format!("ScopedJoinHandle {{ id: {:?} }}", task.id()));
            assert_eq!(task.abort_handle().id(), task.id());
            assert!(!task.is_finished());
            let other = s.spawn(async { 1 });
            assert_ne!(other.id(), task.id());
            task.abort();
            let id = task.id();
            let error = task.join().unwrap_err();
            assert!(error.is_cancelled() && error.id() == id);
            frame.assert_free();
            assert_eq!(runtime.block_on(other).unwrap(), 1);
            assert_eq!(s.handle().runtime_flavor(), runtime.handle().runtime_flavor());
        });
    });
}

#[test]
fn an_output_may_borrow_and_is_dropped_by_its_owner() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        let joined = runtime.scope(|s| {
            // Joined; dropped before the task ends; dropped after; never touched.
            let joined = s.spawn(async { frame.borrow() });
            drop(s.spawn(async {
                yield_now().await;
                frame.borrow()
            }));
            let late = s.spawn(async { frame.borrow() });
            let (tell, told) = oneshot::channel();
            s.spawn(async move {
                while !late.is_finished() {
                    yield_now().await;
                }
                drop(late);
                tell.send(()).unwrap();
            });
            runtime.block_on(told).unwrap();
            mem::forget(s.spawn(async { frame.borrow() }));
            joined.join().unwrap()
        });
        assert_eq!(frame.borrowers.load(SeqCst), 1, "the one that was joined");
        joined.write("mine");
        drop(joined);
        assert_eq!(*frame.text.lock().unwrap(), "...mine.");
    });
}

#[test]
fn a_handle_that_is_forgotten_keeps_nothing_that_was_borrowed() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        runtime.scope(|s| {
            for round in 0..100 {
                let future = frame.borrow();
                mem::forget(s.spawn(async move {
                    for _ in 0..round % 3 {
                        yield_now().await;
                    }
                    future.write("-");
                    frame_of(&future).borrow()
                }));
            }
        });
        frame.assert_free();
        // Each future and each output has written, and both were there.
        assert_eq!(frame.text.lock().unwrap().matches('.').count(), 200);
    });
}

fn frame_of<'a>(borrower: &Borrower<'a>) -> &'a Frame {
    borrower.0
}

#[test]
fn an_output_may_hold_the_handle_of_another_and_its_own_task_may_too() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        runtime.scope(|s| {
            // A chain of outputs, the last of which is not taken.
            let first = s.spawn(async { frame.borrow() });
            let second = s.spawn(async { (frame.borrow(), first) });
            mem::forget(s.spawn(async { (frame.borrow(), second) }));
            // A task that holds its own handle.
            let (give, take) = oneshot::channel();
            let own = s.spawn(async {
                let own: ScopedJoinHandle<'_, Borrower<'_>> = take.await.ok().unwrap();
                let _own = own;
                yield_now().await;
                frame.borrow()
            });
            give.send(own).ok().unwrap();
        });
        frame.assert_free();
    });
}

// ---- destructors ----

#[test]
fn a_destructor_may_spawn_into_its_scope() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        let spawned = AtomicUsize::new(0);
        runtime.scope(|s| {
            let (spawned, frame) = (&spawned, &frame);
            let again = move || {
                let borrower = frame.borrow();
                // The handle of this output is forgotten too, so the output is dropped when the scope ends.
                mem::forget(s.spawn(async move {
                    spawned.fetch_add(1, SeqCst);
                    borrower
                }));
            };
            // The destructors of a future, of an output without a handle, and of an output that is left at the end.
            let at_drop = AtDrop(again);
            let aborted = s.spawn(async move {
                let _at_drop = at_drop;
                pending::<()>().await
            });
            drop(s.spawn(async move { AtDrop(again) }));
            mem::forget(s.spawn(async move { AtDrop(again) }));
            aborted.abort();
        });
        frame.assert_free();
        assert_eq!(spawned.load(SeqCst), 3);
    });
}

/// (Behaviour 8.)
#[test]
fn a_panic_of_an_outputs_destructor_goes_no_further() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        runtime.scope(|s| {
            drop(s.spawn(async { Bomb(frame.borrow()) }));
            for _ in 0..3 {
                mem::forget(s.spawn(async { Bomb(frame.borrow()) }));
            }
            let waits = s.spawn(async { Bomb(frame.borrow()) });
            runtime.block_on(until(|| waits.is_finished()));
            drop(waits);
        });
        frame.assert_free();
        assert_eq!(frame.text.lock().unwrap().matches("!").count(), 5);
    });
}

#[test]
fn a_future_that_panics_in_its_destructor_is_gone_all_the_same() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        runtime.scope(|s| {
            // Returned stays returned …
            let (bomb, returns) = (Bomb(frame.borrow()), frame.borrow());
            let returned = s.spawn(Puppet { _holds: bomb, poll: move || Poll::Ready(returns.0) });
            // … cancelled has panicked.
            let bomb = Bomb(frame.borrow());
            let aborted = s.spawn(Puppet { _holds: bomb, poll: || Poll::<()>::Pending });
            aborted.abort();
            assert!(returned.join().is_ok());
            let payload = aborted.join().unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "the bomb goes off");
        });
        frame.assert_free();
    });
}

/// Owns a value, and returns what its closure returns.
struct Puppet<H, P> {
    _holds: H,
    poll: P,
}

impl<H, P> Unpin for Puppet<H, P> {}

impl<H, P: FnMut() -> Poll<T>, T> Future for Puppet<H, P> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        (self.poll)()
    }
}

// ---- panics ----

#[test]
fn a_panic_that_was_not_joined_is_the_scopes() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        let panics = |how: &dyn for<'a> Fn(ScopedJoinHandle<'a, ()>)| {
            let scope = || {
                runtime.scope(|s| {
                    let borrower = frame.borrow();
                    how(s.spawn(async move {
                        let _borrower = borrower;
                        yield_now().await;
                        panic!("a task's own");
                    }));
                    let others = frame.borrow();
                    s.spawn(async move {
                        for _ in 0..20 {
                            yield_now().await;
                        }
                        drop(others);
                    });
                });
            };
            let panicked = catch_unwind(AssertUnwindSafe(scope)).err();
            frame.assert_free();
            panicked.map(|payload| message_of(&*payload))
        };
        let of_the_scope = Some("a task of the scope panicked".to_owned());
        assert_eq!(panics(&|task| drop(task)), of_the_scope);
        assert_eq!(panics(&|task| mem::forget(task)), of_the_scope);
        let ended = |task: ScopedJoinHandle<'_, ()>| {
            runtime.block_on(until(|| task.is_finished()));
        };
        assert_eq!(panics(&ended), of_the_scope);
        let joined = |task: ScopedJoinHandle<'_, ()>| {
            let payload = task.join().unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "a task's own");
        };
        assert_eq!(panics(&joined), None);
    });
}

#[test]
fn a_scope_whose_body_panics_waits_for_its_tasks_and_panics_with_the_same() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let frame = Frame::default();
        let scope = || {
            runtime.scope(|s| {
                for _ in 0..20 {
                    let borrower = frame.borrow();
                    s.spawn(async move {
                        yield_now().await;
                        drop(borrower);
                        panic!("not this one");
                    });
                }
                mem::forget(s.spawn(async { frame.borrow() }));
                panic_any(7);
            })
        };
        let payload = catch_unwind(AssertUnwindSafe(scope)).unwrap_err();
        frame.assert_free();
        assert_eq!(*payload.downcast::<i32>().unwrap(), 7);
    });
}

#[test]
fn a_task_that_was_cancelled_is_no_panic() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        runtime.scope(|s| s.spawn(pending::<()>()).abort());
    });
}

// ---- wakers and handles that outlive the scope ----

#[test]
fn a_waker_that_is_kept_keeps_nothing_that_was_borrowed() {
    on_every_flavour(|flavour| {
        static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
        let runtime = flavour.build();
        let mut aborts = Vec::new();
        {
            let frame = Frame::default();
            runtime.scope(|s| {
                for turns in 0..10 {
                    let borrower = frame.borrow();
                    let task = s.spawn(async move {
                        poll_fn(|cx| {
                            KEPT.lock().unwrap().push(cx.waker().clone());
                            Poll::Ready(())
                        })
                        .await;
                        for _ in 0..turns {
                            yield_now().await;
                        }
                        borrower
                    });
                    aborts.push(task.abort_handle());
                    if turns % 2 == 0 {
                        mem::forget(task);
                    }
                }
            });
            frame.assert_free();
        }
        // The frame is gone, and its memory is used for something else.
        let place = std::hint::black_box([0x55_u8; 4096]);
        for waker in KEPT.lock().unwrap().drain(..) {
            waker.wake_by_ref();
            waker.wake();
        }
        aborts.iter().for_each(|abort| abort.abort());
        // A worker may still be about to complete them.
        runtime.block_on(until(|| aborts.iter().all(|abort| abort.is_finished())));
        assert!(std::hint::black_box(place).iter().all(|byte| *byte == 0x55));
    });
}

// ---- the end of the runtime ----

#[test]
fn a_runtime_that_ends_drops_the_tasks_of_a_scope_which_then_returns() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let (give, take) = mpsc::channel();
        let foreign = thread::spawn(move || {
            let _entered = handle.enter();
            let frame = Frame::default();
            let error = task::scope(|s| {
                let borrower = frame.borrow();
                let waits = s.spawn(async move {
                    let _borrower = borrower;
                    pending::<()>().await
                });
                for _ in 0..10 {
                    let borrower = frame.borrow();
                    s.spawn(async move {
                        let _borrower = borrower;
                        loop {
                            yield_now().await;
                        }
                    });
                }
                give.send(()).unwrap();
                let error = waits.join().unwrap_err();
                // From now on all that is spawned is cancelled at once. (Behaviour 2.)
                let borrower = frame.borrow();
                let late = s.spawn(async move { drop(borrower) });
                assert!(late.join().unwrap_err().is_cancelled());
                error
            });
            frame.assert_free();
            assert!(error.is_cancelled());
        });
        take.recv().unwrap();
        runtime.block_on(yield_now());
        drop(runtime);
        foreign.join().unwrap();
    });
}

#[test]
fn a_scope_waits_for_a_task_that_runs_after_its_runtime_has_ended() {
    ends(|| {
        let runtime = Workers(2).build();
        let handle = runtime.handle().clone();
        let (begin, begun) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let returned = Arc::new(AtomicBool::new(false));
        let tells = returned.clone();
        let foreign = thread::spawn(move || {
            let _entered = handle.enter();
            let frame = Frame::default();
            let wait = Mutex::new(wait);
            task::scope(|s| {
                let borrower = frame.borrow();
                s.spawn(async {
                    let borrower = borrower;
                    begin.send(()).unwrap();
                    wait.lock().unwrap().recv().unwrap();
                    borrower.write("still here");
                });
            });
            tells.store(true, SeqCst);
            frame.assert_free();
        });
        begun.recv().unwrap();
        runtime.shutdown_background();
        assert!(!returned.load(SeqCst));
        go.send(()).unwrap();
        foreign.join().unwrap();
    });
}

// ---- panics at the caller's line ----

/// (Behaviours 4 and 40.)
#[test]
fn a_scope_within_a_runtimes_tasks_panics_and_explains() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let other = Arc::new(flavour.build());
        let ours = other.clone();
        let law = move || {
            let line = line!() + 1;
            let panicked = panic_of(|| task::scope(|_| ())).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            assert!(panicked.message.contains("`task::scope`"), "{}", panicked.message);
            assert!(panicked.message.contains("spawn_blocking"), "{}", panicked.message);

            let line = line!() + 1;
            let panicked = panic_of(|| ours.scope(|_| ())).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            assert!(panicked.message.contains("`Runtime::scope`"), "{}", panicked.message);
        };
        runtime.block_on(async { law() });
        runtime.block_on(async { openwork::spawn(async move { law() }).await.unwrap() });
        other.scope(|s| {
            let task = s.spawn(async {});
            let joins = s.spawn(async {
                let line = line!() + 1;
                let panicked = panic_of(|| task.join()).unwrap();
                assert_eq!((panicked.line, &*panicked.file), (line, file!()));
                assert!(panicked.message.contains("`ScopedJoinHandle::join`"));
            });
            joins.join().unwrap();
        });
    });
}

#[test]
fn a_scope_outside_of_a_runtime_panics_and_explains() {
    let line = line!() + 1;
    let panicked = panic_of(|| task::scope(|_| ())).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("`task::scope`"), "{}", panicked.message);
}

/// (Behaviour 41.)
#[test]
fn a_scope_and_its_handles_go_to_other_threads() {
    fn everywhere<T: Send + Sync>(_: &T) {}
    fn moves<T: Unpin>(_: &T) {}
    let runtime = Workers(1).build();
    runtime.scope(|s| {
        everywhere(s);
        let handle = s.spawn(async { std::cell::Cell::new(1) });
        everywhere(&handle);
        moves(&handle);
        // On a thread, too, may a task be spawned and joined.
        thread::scope(|threads| {
            threads.spawn(|| assert_eq!(s.spawn(async { 1 }).join().unwrap(), 1));
        });
    });
}

#[test]
fn a_handle_of_a_scope_is_polled_by_hand() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        runtime.scope(|s| {
            let (end, ended) = oneshot::channel::<()>();
            let mut task = s.spawn(async { ended.await.unwrap() });
            let wakes = Wakes::new();
            assert!(wakes.poll(Pin::new(&mut task)).is_pending());
            end.send(()).unwrap();
            runtime.block_on(until(|| wakes.count() > 0));
            assert!(wakes.poll(Pin::new(&mut task)).is_ready());
            let again = panic_of(|| wakes.poll(Pin::new(&mut task))).unwrap();
            assert!(again.message.contains("polled after it had given"));
        });
    });
}

// ---- everything at once ----

/// Thousands of tasks that are joined, awaited, forgotten, dropped or aborted, and that panic or whose outputs
/// do, in a random order: nothing is left when the scope returns, and it does return.
#[test]
fn nothing_is_left_of_thousands_of_tasks_that_end_in_random_ways() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        let runtime = flavour.build();
        let mut chance = Random(7);
        for _ in 0..40 {
            let frame = Frame::default();
            runtime.scope(|s| {
                let mut kept: Vec<ScopedJoinHandle<'_, Borrower<'_>>> = Vec::new();
                for _ in 0..250 {
                    let task = spawn_any(s, &frame, chance.below(5), 2);
                    match chance.below(6) {
                        0 => task.abort(),
                        1 => mem::forget(task),
                        2 => {
                            let abort = task.abort_handle();
                            mem::forget(task);
                            s.spawn(async move { abort.abort() });
                        }
                        3 if chance.below(10) == 0 => drop(task.join()),
                        _ => kept.push(task),
                    }
                    if kept.len() > 20 {
                        let joins = mem::take(&mut kept);
                        let borrower = frame.borrow();
                        s.spawn(async move {
                            let _borrower = borrower;
                            for task in joins {
                                drop(task.await);
                            }
                        });
                    }
                }
                kept.iter().step_by(2).for_each(|task| task.abort());
            });
            frame.assert_free();
        }
    });
}

fn spawn_any<'scope>(
    s: &'scope Scope<'scope, '_>,
    frame: &'scope Frame,
    kind: usize,
    depth: usize,
) -> ScopedJoinHandle<'scope, Borrower<'scope>> {
    let borrower = frame.borrow();
    s.spawn(async move {
        for _ in 0..kind {
            yield_now().await;
        }
        if kind == 3 && depth > 0 {
            mem::forget(spawn_any(s, frame, 3, depth - 1));
            drop(spawn_any(s, frame, 2, depth - 1));
            let other = spawn_any(s, frame, 4, depth - 1);
            return other.await.unwrap_or(borrower);
        }
        if kind == 4 {
            sleep(Duration::from_micros(50)).await;
        }
        borrower
    })
}

/// The runtime ends at a random moment, on another thread.
#[test]
fn nothing_is_left_when_the_runtime_ends_in_the_midst_of_a_scope() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        for round in 0..60 {
            let runtime = flavour.build();
            let handle = runtime.handle().clone();
            let (give, take) = mpsc::channel();
            let foreign = thread::spawn(move || {
                let _entered = handle.enter();
                let frame = Frame::default();
                task::scope(|s| {
                    for number in 0..100 {
                        if number == round {
                            give.send(()).unwrap();
                        }
                        mem::forget(spawn_any(s, &frame, number % 5, 2));
                    }
                });
                frame.assert_free();
            });
            take.recv().unwrap();
            if round % 2 == 0 {
                runtime.block_on(yield_now());
            }
            if round % 3 == 0 {
                drop(runtime)
            } else {
                runtime.shutdown_background()
            }
            foreign.join().unwrap();
        }
    });
}

#[test]
fn a_scope_gives_its_memory_back_while_it_is_open() {
    // A complete task whose output is not wanted leaves no memory behind: a server may live in a scope.
    ends(|| {
        let runtime: Runtime = Builder::new_current_thread().build().unwrap();
        let frame = Frame::default();
        runtime.scope(|s| {
            for _ in 0..1000 {
                drop(s.spawn(async { frame.borrow() }));
                runtime.block_on(yield_now());
                assert!(frame.borrowers.load(SeqCst) <= 1);
            }
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
        });
    });
}
