//! Laws of a task's life, as its `JoinHandle` and its `AbortHandle` see it: it completes once, its panic ends no
//! other task, and the task that awaits it is woken. The points are those of the list of easily missed behaviour
//! that the API keeps to.
//!
//! Each law holds on every flavour of runtime. A few tests look more closely than many threads admit:
//! they check the order of polls, or the thread of a poll, and so use the current-thread runtime.

use std::any::Any;
use std::future::{Future, pending, poll_fn};
use std::panic::{RefUnwindSafe, UnwindSafe, panic_any};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::common::Flavour::CurrentThread;
use crate::common::{
    AtDrop, Flavour, Placed, Places, Wakes, ends, message_of, on_every_flavour, panic_of, paused,
    real, until,
};
use futures::channel::oneshot;
use futures::task::ArcWake;
use openwork::runtime::Handle;
use openwork::sync::mpsc::unbounded_channel;
use openwork::task::{AbortHandle, Id, JoinError, JoinHandle, spawn_blocking, yield_now};
use openwork::time::sleep;
use openwork::trace::Event;

const HOUR: Duration = Duration::from_secs(3600);

/// A future whose polls call one closure, and whose destructor calls another.
struct Puppet<P, D: FnMut()> {
    poll: P,
    _at_drop: AtDrop<D>,
}

fn puppet<P, T, D>(poll: P, at_drop: D) -> Puppet<P, D>
where
    P: FnMut(&mut Context<'_>) -> Poll<T>,
    D: FnMut(),
{
    Puppet { poll, _at_drop: AtDrop(at_drop) }
}

impl<P, T, D> Future for Puppet<P, D>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    D: FnMut() + Unpin,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}

/// A value, or a waker, that panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic during an unwind would end the process, which is not what is tested.
        if !thread::panicking() {
            panic!("the bomb goes off");
        }
    }
}

// ---- joining ----

#[test]
fn a_handle_gives_the_output_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (end, ended) = oneshot::channel();
            let mut task = openwork::spawn(async { ended.await.unwrap() });
            assert!(!task.is_finished());
            end.send("output").unwrap();
            assert_eq!((&mut task).await.unwrap(), "output");
            assert!(task.is_finished());
            let again = panic_of(|| Wakes::new().poll(Pin::new(&mut task)));
            assert!(again.unwrap().message.contains("polled after it had given"));
        });
    });
}

#[test]
fn a_task_that_ended_long_ago_still_has_its_output() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let task = openwork::spawn(async { 1 });
            until(|| task.is_finished()).await;
            for _ in 0..1000 {
                openwork::spawn(async {}).await.unwrap();
            }
            assert_eq!(task.await.unwrap(), 1);
        });
    });
}

#[test]
fn a_dropped_handle_detaches_its_task() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (send, receive) = oneshot::channel();
            drop(openwork::spawn(async {
                yield_now().await;
                send.send(1)
            }));
            assert_eq!(receive.await, Ok(1));
        });
    });
}

#[test]
fn an_output_without_a_handle_is_dropped_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let output = Arc::new(());
            // The handle goes first; the task ends first.
            let ours = output.clone();
            drop(openwork::spawn(async { ours }));
            until(|| Arc::strong_count(&output) == 1).await;
            let ours = output.clone();
            let task = openwork::spawn(async { ours });
            until(|| task.is_finished()).await;
            assert_eq!(Arc::strong_count(&output), 2);
            drop(task);
            assert_eq!(Arc::strong_count(&output), 1);
        });
    });
}

#[test]
fn a_future_is_dropped_when_it_is_ready_and_not_when_it_is_joined() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let held = Arc::new(());
            let ours = held.clone();
            let task = openwork::spawn(puppet(|_| Poll::Ready(()), move || drop(ours.clone())));
            until(|| Arc::strong_count(&held) == 1).await;
            task.await.unwrap();
        });
    });
}

#[test]
fn a_handle_wakes_its_last_waker_and_drops_the_others() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (end, ended) = oneshot::channel::<()>();
        let mut task = runtime.spawn(ended);
        let (first, second) = (Wakes::new(), Wakes::new());
        for _ in 0..3 {
            assert!(first.poll(Pin::new(&mut task)).is_pending());
            assert_eq!(first.kept(), 1, "the same waker is kept once");
        }
        assert!(second.poll(Pin::new(&mut task)).is_pending());
        assert_eq!((first.kept(), second.kept()), (0, 1));
        end.send(()).unwrap();
        runtime.block_on(until(|| second.kept() == 0));
        assert_eq!((first.count(), second.count()), (0, 1));
        assert!(first.poll(Pin::new(&mut task)).is_ready());
        assert_eq!(first.kept(), 0);
    });
}

#[test]
fn a_handle_that_is_dropped_drops_its_waker() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut task = runtime.spawn(pending::<()>());
        let wakes = Wakes::new();
        assert!(wakes.poll(Pin::new(&mut task)).is_pending());
        assert_eq!(wakes.kept(), 1);
        drop(task);
        assert_eq!((wakes.kept(), wakes.count()), (0, 0));
    });
}

#[test]
fn a_thread_may_join_a_task_at_the_moment_of_its_end() {
    // The handle is polled, polled anew and dropped while the task ends: whichever comes first.
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let (done, finish) = oneshot::channel::<()>();
        let foreign = thread::spawn(move || {
            for round in 0..3000 {
                let output = Arc::new(round);
                let ours = output.clone();
                let mut task = handle.spawn(async { ours });
                let wakes = [Wakes::new(), Wakes::new()];
                let mut polls = 0;
                let joined = loop {
                    if round % 3 == 0 && polls == 2 {
                        drop(task);
                        break None;
                    }
                    match wakes[polls % 2].poll(Pin::new(&mut task)) {
                        Poll::Ready(output) => break Some(output.unwrap()),
                        Poll::Pending => polls += 1,
                    }
                };
                assert!(joined.is_none_or(|output| *output == round));
                while wakes.iter().any(|wakes| wakes.kept() > 0) || Arc::strong_count(&output) > 1 {
                    thread::yield_now();
                }
            }
            done.send(()).unwrap();
        });
        runtime.block_on(finish).unwrap();
        foreign.join().unwrap();
    });
}

/// Point 12.
#[test]
fn a_poll_joins_at_most_128_tasks() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut tasks: Vec<_> = (0..300).map(|_| openwork::spawn(async {})).collect();
            let mut waits = openwork::spawn(pending::<()>());
            until(|| tasks.iter().all(JoinHandle::is_finished)).await;
            let mut joined = Vec::new();
            // A task of its own: with workers, the future in block_on runs on a foreign thread, unlimited.
            let polls = poll_fn(move |cx| {
                // A pending poll uses no budget.
                for _ in 0..1000 {
                    assert!(Pin::new(&mut waits).poll(cx).is_pending());
                }
                let pending =
                    tasks.iter_mut().position(|task| Pin::new(task).poll(cx).is_pending());
                let count = pending.unwrap_or(tasks.len());
                tasks.drain(..count);
                joined.push(count);
                // The poll that was not ready has woken this task.
                if tasks.is_empty() { Poll::Ready(joined.clone()) } else { Poll::Pending }
            });
            assert_eq!(openwork::spawn(polls).await.unwrap(), [128, 128, 44]);
        });
    });
}

#[test]
fn a_join_outside_of_a_runtime_has_no_budget() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut tasks: Vec<_> = (0..300).map(|_| runtime.spawn(async {})).collect();
        runtime.block_on(until(|| tasks.iter().all(JoinHandle::is_finished)));
        let wakes = Wakes::new();
        assert!(tasks.iter_mut().all(|task| wakes.poll(Pin::new(task)).is_ready()));
    });
}

#[test]
fn ids_are_unique_and_the_same_from_every_side() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let task = openwork::spawn(pending::<()>());
            let other = openwork::spawn(async {});
            let closure = spawn_blocking(|| ());
            let id: Id = task.id();
            assert!(id != other.id() && id != closure.id() && other.id() != closure.id());
            assert_eq!(task.abort_handle().id(), id);
            assert_eq!(format!("{task:?}"), format!("JoinHandle {{ id: {id:?} }}"));
            task.abort();
            assert_eq!(task.await.unwrap_err().id(), id);
        });
    });
}

/// Point 41.
#[test]
fn handles_go_everywhere() {
    fn everywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    everywhere::<JoinHandle<u8>>();
    everywhere::<JoinHandle<std::cell::Cell<u8>>>();
    everywhere::<AbortHandle>();
    everywhere::<Id>();
    fn a_key<T: Copy + Ord + std::hash::Hash + std::fmt::Debug + std::fmt::Display>() {}
    a_key::<Id>();
    fn an_error<T: std::error::Error + Send + Sync + Unpin>() {}
    an_error::<JoinError>();
}

// ---- polls ----

/// Point 6.
#[test]
fn a_task_makes_no_progress_outside_of_block_on() {
    ends(|| {
        let runtime = real();
        let polls = Arc::new(AtomicUsize::new(0));
        let count = polls.clone();
        let task = runtime.spawn(async move {
            loop {
                count.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        assert_eq!(polls.load(SeqCst), 0);
        runtime.block_on(yield_now());
        let polled = polls.load(SeqCst);
        assert!(polled > 0, "one yield_now lets a spawned task run");
        drop(runtime);
        assert_eq!(polls.load(SeqCst), polled);
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    });
}

/// Point 6: each poll has its reason.
#[test]
fn polls_are_counted_exactly() {
    ends(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        let (seen, mut last) = (polls.clone(), 0);
        let mut since = move || seen.load(SeqCst) - std::mem::replace(&mut last, seen.load(SeqCst));
        openwork::block_on(async {
            let (send, receive) = oneshot::channel::<()>();
            let mut work = Box::pin(async {
                receive.await.unwrap();
                yield_now().await;
                sleep(Duration::from_millis(1)).await;
            });
            let task = openwork::spawn(poll_fn(move |cx| {
                polls.fetch_add(1, SeqCst);
                work.as_mut().poll(cx)
            }));
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(since(), 1, "spawned");
            send.send(()).unwrap();
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(since(), 2, "the message, its own yield");
            task.await.unwrap();
            assert_eq!(since(), 1, "the timer");
        });
    });
}

/// The same beside other wakers, which might cause one poll too many.
#[test]
fn no_poll_is_without_a_reason() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let polls = Arc::new(AtomicUsize::new(0));
            let count = polls.clone();
            let (send, receive) = oneshot::channel::<()>();
            let mut work = Box::pin(async {
                receive.await.unwrap();
                yield_now().await;
                // Long enough to be pending at its first poll, even on a busy machine.
                sleep(Duration::from_millis(20)).await;
            });
            let task = openwork::spawn(poll_fn(move |cx| {
                let poll = work.as_mut().poll(cx);
                count.fetch_add(1, SeqCst);
                poll
            }));
            until(|| polls.load(SeqCst) > 0).await;
            send.send(()).unwrap();
            task.await.unwrap();
            assert_eq!(polls.load(SeqCst), 4, "spawned, the message, its own yield, the timer");
        });
    });
}

#[test]
fn tasks_take_turns_in_the_order_in_which_they_were_spawned() {
    ends(|| {
        CurrentThread.in_order().build().unwrap().block_on(async {
            let turns = Arc::new(Mutex::new(Vec::new()));
            let tasks: Vec<_> = ["a", "b", "c"]
                .map(|name| {
                    let turns = turns.clone();
                    openwork::spawn(async move {
                        for turn in 1..=3 {
                            turns.lock().unwrap().push((name, turn));
                            yield_now().await;
                        }
                    })
                })
                .into();
            for task in tasks {
                task.await.unwrap();
            }
            let order = [1, 2, 3].map(|turn| ["a", "b", "c"].map(|name| (name, turn)));
            assert_eq!(*turns.lock().unwrap(), order.concat());
        });
    });
}

/// Even when they are more than fit into the local queue.
#[test]
fn a_thousand_tasks_take_turns_in_the_order_in_which_they_were_spawned() {
    ends(|| {
        CurrentThread.in_order().build().unwrap().block_on(async {
            let turns = Arc::new(Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..1000)
                .map(|name| {
                    let turns = turns.clone();
                    openwork::spawn(async move {
                        for turn in 1..=3 {
                            turns.lock().unwrap().push((turn, name));
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert!(turns.lock().unwrap().is_sorted());
        });
    });
}

#[test]
fn giving_way_needs_no_runtime() {
    let wakes = Wakes::new();
    let mut yields = pin!(yield_now());
    assert!(wakes.poll(yields.as_mut()).is_pending());
    assert_eq!((wakes.count(), wakes.kept()), (1, 0));
    assert!(wakes.poll(yields.as_mut()).is_ready());
}

// ---- panics end only their own task ----

/// Point 9.
#[test]
fn a_join_error_says_what_happened() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let task: JoinHandle<()> = openwork::spawn(async { panic!("a \"str\"") });
            let (id, error) = (task.id(), task.await.unwrap_err());
            assert!(error.is_panic() && !error.is_cancelled());
            let text = format!(r#"task {id} panicked with message "a \"str\"""#);
            assert_eq!(error.to_string(), text);
            let text = format!(r#"JoinError::Panic({id:?}, "a \"str\"", ...)"#);
            assert_eq!(format!("{error:?}"), text);
            assert_eq!(format!("{id:?}"), format!("Id({id})"));
            assert_eq!(message_of(&*error.into_panic()), "a \"str\"");

            let task: JoinHandle<()> = openwork::spawn(async { panic!("a {}", "String") });
            let (id, error) = (task.id(), task.await.unwrap_err());
            let text = format!(r#"task {id} panicked with message "a String""#);
            assert_eq!(error.to_string(), text);
            assert_eq!(message_of(&*error.try_into_panic().unwrap()), "a String");

            let task: JoinHandle<()> = openwork::spawn(async { panic_any(42) });
            let (id, error) = (task.id(), task.await.unwrap_err());
            assert_eq!(error.to_string(), format!("task {id} panicked"));
            assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, ...)"));
            assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 42);

            let task = openwork::spawn(pending::<()>());
            task.abort();
            let (id, error) = (task.id(), task.await.unwrap_err());
            assert!(error.is_cancelled() && !error.is_panic());
            assert_eq!(error.to_string(), format!("task {id} was cancelled"));
            assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
            let error = error.try_into_panic().unwrap_err();
            let line = line!() + 1;
            let panicked = panic_of(|| error.into_panic()).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));

            let task = openwork::spawn(pending::<()>());
            task.abort();
            let error = std::io::Error::from(task.await.unwrap_err());
            assert_eq!(error.kind(), std::io::ErrorKind::Other);
        });
    });
}

#[test]
fn a_value_that_was_returned_stays_returned_even_if_the_future_panics_when_dropped() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let task = openwork::spawn(puppet(|_| Poll::Ready(5), || panic!("dropped")));
            assert_eq!(task.await.unwrap(), 5);
            // And what that panic carries.
            let task = openwork::spawn(puppet(|_| Poll::Ready(6), || panic_any(Bomb)));
            assert_eq!(task.await.unwrap(), 6);
        });
    });
}

#[test]
fn of_two_panics_the_first_is_told() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let poll = |_: &mut Context<'_>| -> Poll<()> { panic!("polled") };
            let task = openwork::spawn(puppet(poll, || panic!("dropped")));
            let payload = task.await.unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "polled");
        });
    });
}

/// Point 8.
#[test]
fn an_aborted_future_that_panics_when_dropped_has_panicked() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let task = openwork::spawn(puppet(|_| Poll::<()>::Pending, || panic!("dropped")));
            yield_now().await;
            task.abort();
            let payload = task.await.unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "dropped");
        });
    });
}

/// Point 8.
#[test]
fn a_panic_of_an_outputs_destructor_goes_no_further() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // Dropped by the task, and by the handle.
            drop(openwork::spawn(async { Bomb }));
            yield_now().await;
            let task = openwork::spawn(async { Bomb });
            until(|| task.is_finished()).await;
            drop(task);
            // The same for what a panic carries.
            drop(openwork::spawn(async { panic_any(Bomb) }));
            yield_now().await;
            let task: JoinHandle<()> = openwork::spawn(async { panic_any(Bomb) });
            until(|| task.is_finished()).await;
            drop(task);
        });
    });
}

/// A waker of user code, which panics when it is called.
struct PanicsAtWake(AtomicUsize);

impl ArcWake for PanicsAtWake {
    fn wake_by_ref(waker: &Arc<Self>) {
        waker.0.fetch_add(1, SeqCst);
        panic!("the waker panics");
    }
}

/// A waker of user code, whose last clone panics when it is dropped.
struct PanicsAtDrop(Bomb);

impl ArcWake for PanicsAtDrop {
    fn wake_by_ref(waker: &Arc<Self>) {
        let _ = &waker.0;
    }
}

#[test]
fn a_panic_of_a_foreign_waker_goes_no_further() {
    ends(|| {
        let runtime = paused();
        let _entered = runtime.enter();
        let panics = Arc::new(PanicsAtWake(AtomicUsize::new(0)));
        let waker = futures::task::waker(panics.clone());
        let mut cx = Context::from_waker(&waker);
        let mut task = runtime.spawn(yield_now());
        let mut nap = pin!(sleep(HOUR));
        assert!(Pin::new(&mut task).poll(&mut cx).is_pending());
        assert!(nap.as_mut().poll(&mut cx).is_pending());

        // Each is held by one handle or timer, whose it is to drop it.
        let bomb = || futures::task::waker(Arc::new(PanicsAtDrop(Bomb)));
        let mut task_of_bomb = runtime.spawn(yield_now());
        let mut nap_of_bomb = pin!(sleep(HOUR));
        let by_bomb = |future: Pin<&mut dyn Future<Output = ()>>| {
            assert!(future.poll(&mut Context::from_waker(&bomb())).is_pending());
        };
        by_bomb(pin!(async { (&mut task_of_bomb).await.unwrap() }));
        by_bomb(nap_of_bomb.as_mut());
        // This handle drops it for another one.
        let mut polled_twice = runtime.spawn(pending::<()>());
        by_bomb(pin!(async { (&mut polled_twice).await.unwrap() }));
        assert!(Pin::new(&mut polled_twice).poll(&mut cx).is_pending());
        drop(polled_twice);

        runtime.block_on(async {
            let other = openwork::spawn(sleep(HOUR));
            other.await.unwrap();
            openwork::spawn(async {}).await.unwrap();
        });
        assert_eq!(panics.0.load(SeqCst), 2);
        assert!(task.is_finished() && task_of_bomb.is_finished());
        assert!(nap.is_elapsed() && nap_of_bomb.is_elapsed());
    });
}

#[test]
fn a_closure_that_panics_says_so_to_its_joiner() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let closure: JoinHandle<()> = spawn_blocking(|| panic!("in a closure"));
            let payload = closure.await.unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "in a closure");
            assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
        });
    });
}

// ---- abort ----

/// A future that is never ready, and reports when and where it is dropped, and whether it was polled.
fn victim() -> (impl Future<Output = ()> + Send, mpsc::Receiver<(ThreadId, bool)>) {
    let (send, dropped) = mpsc::channel();
    let polled = Arc::new(AtomicBool::new(false));
    let seen = polled.clone();
    let future = puppet(
        move |_| {
            polled.store(true, SeqCst);
            Poll::Pending
        },
        move || {
            assert!(Handle::try_current().is_ok(), "destructors run inside the runtime");
            send.send((thread::current().id(), seen.load(SeqCst))).unwrap();
        },
    );
    (future, dropped)
}

/// Point 8, in each state of a task.
#[test]
fn an_aborted_task_ends_whatever_it_is_doing() {
    ends(|| {
        openwork::block_on(async {
            let worker = thread::current().id();

            // In the queue, and never polled.
            let (future, dropped) = victim();
            let task = openwork::spawn(future);
            task.abort();
            assert!(dropped.try_recv().is_err(), "the future is dropped by the worker, not here");
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(dropped.try_recv(), Ok((worker, false)));

            // Idle; by a foreign thread; the handle is gone at once.
            let (future, dropped) = victim();
            let task = openwork::spawn(future);
            yield_now().await;
            thread::spawn(move || task.abort()).join().unwrap();
            assert!(dropped.try_recv().is_err());
            yield_now().await;
            assert_eq!(dropped.try_recv(), Ok((worker, true)));

            // It sleeps, and another task awaits it. A second abort has no effect.
            let task = openwork::spawn(sleep(HOUR));
            let abort = task.abort_handle();
            let joiner = openwork::spawn(task);
            yield_now().await;
            assert!(!abort.is_finished());
            abort.abort();
            abort.clone().abort();
            assert!(joiner.await.unwrap().unwrap_err().is_cancelled());
            assert!(abort.is_finished());

            // It aborts itself while it runs. It ends where it yields next …
            let (mine, own) = oneshot::channel::<AbortHandle>();
            let reached = Arc::new(AtomicUsize::new(0));
            let steps = reached.clone();
            let task = openwork::spawn(async move {
                let own = own.await.unwrap();
                own.abort();
                steps.fetch_add(1, SeqCst);
                yield_now().await;
                steps.fetch_add(1, SeqCst);
            });
            mine.send(task.abort_handle()).unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(reached.load(SeqCst), 1);

            // … even if nothing wakes it any more …
            let (mine, own) = oneshot::channel::<AbortHandle>();
            let task = openwork::spawn(async move {
                own.await.unwrap().abort();
                pending::<()>().await;
            });
            mine.send(task.abort_handle()).unwrap();
            assert!(task.await.unwrap_err().is_cancelled());

            // … and if it is ready first, it is ready.
            let (mine, own) = oneshot::channel::<AbortHandle>();
            let task = openwork::spawn(async move {
                own.await.unwrap().abort();
                7
            });
            mine.send(task.abort_handle()).unwrap();
            assert_eq!(task.await.unwrap(), 7);

            // Finished: the output stays.
            let task = openwork::spawn(async { 8 });
            yield_now().await;
            task.abort();
            assert_eq!(task.await.unwrap(), 8);
        });
    });
}

/// As above, at any point of the other threads.
#[test]
fn an_aborted_task_ends_on_every_flavour() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for round in 0..50 {
                // Queued or already polled; by this thread or by another; with and without its handle.
                let (future, dropped) = victim();
                let task = openwork::spawn(future);
                if round % 2 == 0 {
                    yield_now().await;
                }
                let aborted = thread::spawn(move || {
                    task.abort();
                    (round % 3 == 0).then_some(task)
                });
                if let Some(task) = aborted.join().unwrap() {
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                until(|| dropped.try_recv().is_ok()).await;

                // It sleeps, and another task awaits it.
                let task = openwork::spawn(sleep(HOUR));
                let abort = task.abort_handle();
                let joiner = openwork::spawn(task);
                yield_now().await;
                abort.abort();
                assert!(joiner.await.unwrap().unwrap_err().is_cancelled());
                until(|| Handle::current().metrics().num_timers() == 0).await;

                // It aborts itself while it runs: it ends where it yields next, unless it is ready first.
                for (pends, ends) in [(true, None), (false, Some(7))] {
                    let (mine, own) = oneshot::channel::<AbortHandle>();
                    let task = openwork::spawn(async move {
                        own.await.unwrap().abort();
                        if pends {
                            pending::<()>().await;
                        }
                        7
                    });
                    mine.send(task.abort_handle()).unwrap();
                    assert_eq!(task.await.ok(), ends);
                }
            }
        });
    });
}

#[test]
fn a_task_that_is_aborted_and_woken_during_its_poll_is_not_polled_again() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let polls = Arc::new(AtomicUsize::new(0));
            let (give, take) = mpsc::channel::<AbortHandle>();
            let count = polls.clone();
            let task = openwork::spawn(poll_fn(move |cx| {
                count.fetch_add(1, SeqCst);
                let (abort, waker) = (take.recv().unwrap(), cx.waker().clone());
                let foreign = thread::spawn(move || {
                    waker.wake_by_ref();
                    abort.abort();
                    waker.wake();
                });
                foreign.join().unwrap();
                Poll::<()>::Pending
            }));
            give.send(task.abort_handle()).unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(polls.load(SeqCst), 1);
        });
    });
}

#[test]
fn a_destructor_may_use_the_runtime_and_abort_its_own_task() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (give, take) = mpsc::channel::<AbortHandle>();
            let (send, receive) = oneshot::channel();
            let mut send = Some(send);
            let at_drop = move || {
                let send = send.take().unwrap();
                take.recv().unwrap().abort();
                drop(openwork::spawn(async { send.send("spawned by a destructor") }));
                drop(sleep(HOUR));
            };
            let task = openwork::spawn(puppet(|_| Poll::<()>::Pending, at_drop));
            give.send(task.abort_handle()).unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(receive.await, Ok("spawned by a destructor"));
        });
    });
}

#[test]
fn a_closure_is_aborted_before_it_begins_and_not_after() {
    on_every_flavour(|flavour| {
        let runtime = flavour.builder().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (begins, begun) = oneshot::channel();
            let (go, wait) = mpsc::channel();
            let runs = spawn_blocking(move || {
                begins.send(()).unwrap();
                wait.recv().unwrap();
                1
            });
            begun.await.unwrap();
            let held = Arc::new(());
            let ours = held.clone();
            let waits = spawn_blocking(move || drop(ours));
            runs.abort();
            waits.abort();
            go.send(()).unwrap();
            assert_eq!(runs.await.unwrap(), 1);
            assert!(waits.await.unwrap_err().is_cancelled());
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}

// ---- closures ----

/// Point 4.
#[test]
fn a_closure_runs_on_a_thread_of_its_own_inside_the_runtime() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let outside = thread::current().id();
            let inside = spawn_blocking(move || {
                assert_ne!(thread::current().id(), outside);
                let task = openwork::spawn(async { 1 });
                let handle = Handle::current();
                handle.block_on(async {
                    sleep(Duration::from_millis(1)).await;
                    task.await.unwrap() + spawn_blocking(|| 2).await.unwrap()
                })
            });
            assert_eq!(inside.await.unwrap(), 3);
        });
    });
}

/// Even on a thread that runs no task: the futures of a `join!` share one poll there too.
#[test]
fn the_future_in_block_on_has_a_budget() {
    on_every_flavour(|flavour| {
        async fn polls_until_it_yields() -> usize {
            let (tx, mut rx) = unbounded_channel();
            (0..1000).for_each(|number| tx.send(number).unwrap());
            poll_fn(|cx| Poll::Ready((0..).take_while(|_| rx.poll_recv(cx).is_ready()).count()))
                .await
        }
        let runtime = flavour.build();
        assert_eq!(runtime.block_on(polls_until_it_yields()), 128);
        assert_eq!(runtime.handle().block_on(polls_until_it_yields()), 128);
    });
}

#[test]
fn a_closure_has_no_budget() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            spawn_blocking(|| {
                let wakes = Wakes::new();
                let mut zero = pin!(sleep(Duration::ZERO));
                Handle::current().block_on(zero.as_mut());
                assert!((0..1000).all(|_| wakes.poll(zero.as_mut()).is_ready()));
            })
            .await
            .unwrap();
        });
    });
}

// ---- panics at the caller's line ----

/// Point 40.
#[test]
fn a_call_outside_of_a_runtime_is_blamed_on_its_caller() {
    let line = line!() + 1;
    let panicked = panic_of(|| openwork::spawn(async {})).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("`openwork::spawn`"), "{}", panicked.message);
    assert!(panicked.message.contains("openwork::block_on"), "{}", panicked.message);

    let line = line!() + 1;
    let panicked = panic_of(|| spawn_blocking(|| ())).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("`task::spawn_blocking`"), "{}", panicked.message);
}

#[test]
fn a_task_knows_the_line_that_spawned_it() {
    on_every_flavour(|flavour| {
        let places = Arc::new(Mutex::new(Vec::new()));
        let ours = places.clone();
        let runtime = flavour
            .builder()
            .on_event(move |record| {
                if let Event::Spawned { location, .. } = record.event {
                    assert_eq!(location.file(), file!());
                    ours.lock().unwrap().push(location.line());
                }
            })
            .build()
            .unwrap();
        let line = line!();
        drop(runtime.spawn(async {}));
        drop(runtime.spawn_blocking(|| ()));
        runtime.block_on(async {
            drop(openwork::spawn(async {}));
            drop(spawn_blocking(|| ()));
            drop(Handle::current().spawn(async {}));
            drop(Handle::current().spawn_blocking(|| ()));
        });
        assert_eq!(*places.lock().unwrap(), [1, 2, 3, 4, 5, 6, 7].map(|below| line + below));
    });
}

#[test]
fn a_payload_gets_through_as_it_is() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let payload = Arc::new(());
            let ours = payload.clone();
            let task: JoinHandle<()> = openwork::spawn(async { panic_any(ours) });
            let got: Box<dyn Any + Send> = task.await.unwrap_err().into_panic();
            assert!(Arc::ptr_eq(&got.downcast::<Arc<()>>().unwrap(), &payload));
        });
    });
}

/// Whatever else a task does, its wakers do not keep what its future held.
#[test]
fn a_waker_that_is_kept_keeps_nothing_of_the_future() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let held = Arc::new(());
            let (give, take) = mpsc::channel::<Waker>();
            let ours = held.clone();
            let task = openwork::spawn(async move {
                poll_fn(|cx| Poll::Ready(give.send(cx.waker().clone()))).await.unwrap();
                drop(ours);
            });
            task.await.unwrap();
            let waker = take.recv().unwrap();
            assert_eq!(Arc::strong_count(&held), 1);
            waker.wake();
        });
    });
}

// ---- a future does not move ----

/// However a task ends: the future that was polled is dropped where it was polled.
#[test]
fn a_future_is_dropped_where_it_was_polled() {
    fn ends_in_each_way<const SIZE: usize>(flavour: Flavour) {
        const ENDLESS: usize = usize::MAX;
        let places = Arc::new(Places::default());
        let future = |polls| Placed::<SIZE>::new(&places, polls);
        let polled = |times| {
            let places = places.clone();
            move || places.polled.load(SeqCst) >= times
        };
        let runtime = flavour.build();
        runtime.block_on(async {
            openwork::spawn(future(5)).await.unwrap();
            let aborted = openwork::spawn(future(ENDLESS));
            until(polled(10)).await;
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_cancelled());
            let (placed, polled) = (future(ENDLESS), polled(15));
            let panicked = openwork::spawn(async move {
                let mut placed = pin!(placed);
                let panics = poll_fn(|cx| {
                    assert!(!polled(), "{EXPECTED}");
                    placed.as_mut().poll(cx)
                });
                panics.await;
            });
            assert!(panicked.await.unwrap_err().is_panic());
            // This one is polled when the runtime ends.
            drop(openwork::spawn(future(ENDLESS)));
            let before = places.polled.load(SeqCst);
            until(|| places.polled.load(SeqCst) > before).await;
        });
        drop(runtime);
        assert_eq!((places.moved.load(SeqCst), places.dropped.load(SeqCst)), (0, 4));
    }
    on_every_flavour(|flavour| {
        ends_in_each_way::<8>(flavour);
        ends_in_each_way::<100_000>(flavour);
    });
}

const EXPECTED: &str = "this panic is expected";
