//! A thread that parks is woken.
//!
//! In these models a thread that no other thread wakes is a deadlock, and loom reports it. What a wake is for is a
//! [`Letter`]: a flag that is written and read without any ordering of its own. So it arrives only if the wake carries
//! it.
//!
//! As in `idle.rs`, each model names the lines it guards, the number of interruptions and the time. Those without a
//! number run all schedules.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use crate::engine::block_on::block_on;
use crate::engine::blocking::Pool;
use crate::engine::context::AnyRuntime;
use crate::engine::park::Parker;
use crate::engine::prim::Mutex;
use crate::engine::threads::ThreadConfig;
use crate::runtime::Runtime;
use crate::{every_schedule, schedules_interrupted};

/// Something that a thread must see when it was woken.
#[derive(Default)]
struct Letter(AtomicBool);

impl Letter {
    fn send(&self) {
        self.0.store(true, Relaxed);
    }

    fn is_here(&self) -> bool {
        self.0.load(Relaxed)
    }
}

// ---- the parker ----

/// Another thread, which unparks this one.
fn unparks(parker: &Arc<Parker>) -> thread::JoinHandle<()> {
    let parker = parker.clone();
    thread::spawn(move || parker.unpark())
}

/// Guards the empty lock in `Parker::notify_condvar`: without it the signal comes between the thread's look at the word
/// and its wait, and the thread waits for ever. 0.01 s.
#[test]
fn park_is_woken() {
    every_schedule(|| {
        let parker = Arc::new(Parker::new());
        let waker = unparks(&parker);
        parker.park();
        waker.join().unwrap();
    });
}

/// Guards the announcement in `park_timeout`. The time limit is none, so a wake that is lost is a deadlock. 0.01 s.
#[test]
fn park_with_a_limit_is_woken() {
    every_schedule(|| {
        let parker = Arc::new(Parker::new());
        let waker = unparks(&parker);
        assert!(parker.park_timeout(Duration::MAX));
        waker.join().unwrap();
    });
}

/// Guards `NOTIFIED`: a wake before the park is worth as much as one during it. And there is at most one: the second park
/// waits. 0.01 s.
#[test]
fn a_wake_before_the_park_is_kept() {
    every_schedule(|| {
        let parker = Arc::new(Parker::new());
        parker.unpark();
        parker.unpark();
        parker.park();
        let waker = unparks(&parker);
        parker.park();
        waker.join().unwrap();
    });
}

/// Guards the loop around `Condvar::wait`: the first signal may come late, when its wake was consumed long ago, and
/// disturb the next park.
///
/// Three interruptions, 0.05 s.
#[test]
fn park_returns_for_a_wake_only() {
    schedules_interrupted(3, || {
        let shared = Arc::new((Parker::new(), Letter::default()));
        let early = thread::spawn({
            let shared = shared.clone();
            move || shared.0.unpark()
        });
        shared.0.park();
        let late = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.1.send();
                shared.0.unpark();
            }
        });
        shared.0.park();
        assert!(shared.1.is_here(), "no thread has woken it");
        early.join().unwrap();
        late.join().unwrap();
    });
}

/// Guards the orderings of `unpark` (Release) and `finish_park` (Acquire). The message is no atomic, so that loom reports
/// a read that is not ordered after the write. 0.01 s.
#[test]
fn park_sees_what_was_written_before_unpark() {
    every_schedule(|| {
        let shared = loom::sync::Arc::new((Parker::new(), UnsafeCell::new(0)));
        let waker = thread::spawn({
            let shared = shared.clone();
            move || {
                // SAFETY: the owner reads it only after it was woken.
                shared.1.with_mut(|message| unsafe { *message = 1 });
                shared.0.unpark();
            }
        });
        shared.0.park();
        // SAFETY: we were woken, and it is written once.
        assert_eq!(shared.1.with(|message| unsafe { *message }), 1);
        waker.join().unwrap();
    });
}

/// Guards the swap in `unpark`. If it looked first, and changed nothing when the word is `NOTIFIED` already, the thread
/// would consume the first wake, and not see the letter of the second.
///
/// Three interruptions, 0.3 s.
#[test]
fn two_unparks_and_a_park() {
    schedules_interrupted(3, || {
        let shared = Arc::new((Parker::new(), [Letter::default(), Letter::default()]));
        let wakers = [0, 1].map(|index| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1[index].send();
                shared.0.unpark();
            })
        });
        while !shared.1.iter().all(Letter::is_here) {
            shared.0.park();
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

/// A letter that a future waits for.
#[derive(Default)]
struct Letterbox(Letter, Mutex<Option<Waker>>);

impl Letterbox {
    fn send(&self) {
        self.0.send();
        self.wake();
    }

    fn wake(&self) {
        let waker = self.1.lock().take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// As a future has to: it looks after it has left the waker where the other thread finds it.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.1.lock() = Some(cx.waker().clone());
        if self.0.is_here() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Guards the smallest executor.
///
/// Three interruptions, 0.01 s.
#[test]
fn block_on_is_woken() {
    schedules_interrupted(3, || {
        let letterbox = Arc::new(Letterbox::default());
        let other = thread::spawn({
            let letterbox = letterbox.clone();
            move || letterbox.send()
        });
        block_on(poll_fn(|cx| letterbox.poll(cx)));
        other.join().unwrap();
    });
}

// ---- the root ----

/// Guards the swaps of `is_woken`: the root is polled after the last wake, and sees what was written before it, even if it
/// was woken already. And the fences of `transition_to_parked` and `notify_worker`, and the look at `is_notified` between
/// announcement and park.
///
/// Three interruptions, 1 s.
#[test]
fn the_root_is_polled_after_the_last_wake() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(0, 0);
        // Without a lock, so that the letter arrives only if the wake carries it.
        let shared = Arc::new((Letter::default(), std::sync::Mutex::new(None::<Waker>)));
        let mut threads = Vec::new();
        runtime.block_on(poll_fn(|cx| {
            if threads.is_empty() {
                threads = [true, false]
                    .map(|writes| {
                        let (waker, shared) = (cx.waker().clone(), shared.clone());
                        thread::spawn(move || {
                            if writes {
                                shared.0.send();
                            }
                            waker.wake();
                        })
                    })
                    .into();
            }
            if shared.0.is_here() { Poll::Ready(()) } else { Poll::Pending }
        }));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        runtime.check_at_rest();
    });
}

/// Guards that `notify_worker` looks again if the worker has woken up by itself: a push that saw the count in between
/// notified no worker.
///
/// Three interruptions, 3 s.
#[test]
fn a_push_beside_a_wake_of_the_root_is_seen() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(0, 2);
        let letterbox = Arc::<Letterbox>::default();
        runtime.sleep(Duration::from_millis(1), Waker::noop().clone());
        let mut threads = Vec::new();
        runtime.block_on(poll_fn(|cx| {
            if threads.is_empty() {
                let waker = cx.waker().clone();
                threads.push(thread::spawn(move || waker.wake()));
                let (runtime, letterbox) = (runtime.clone(), letterbox.clone());
                threads.push(thread::spawn(move || {
                    runtime.push(move |_| letterbox.send());
                }));
            }
            letterbox.poll(cx)
        }));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        runtime.check_at_rest();
    });
}

/// Guards the look at the worker's own queue between announcement and park: the hook `on_park` pushes to it. 0.01 s.
#[test]
fn a_task_that_a_hook_wakes_is_polled_before_the_park() {
    every_schedule(|| {
        let letterbox = Arc::<Letterbox>::default();
        let other = letterbox.clone();
        let runtime = Runtime::with_hook(0, 2, move |runtime| {
            let other = other.clone();
            runtime.push(move |_| other.send());
        });
        runtime.block_on(poll_fn(|cx| letterbox.poll(cx)));
        runtime.check_at_rest();
    });
}

/// As many threads in `block_on`, each until its letter is here, and what the main thread does meanwhile.
fn in_block_on<const N: usize>(
    meanwhile: impl Fn(&Arc<Runtime>, &[Arc<Letterbox>; N]),
    and_then: fn(&[Arc<Letterbox>; N]),
) {
    let runtime = Runtime::new(0, 2);
    let letterboxes = [(); N].map(|()| Arc::<Letterbox>::default());
    let threads: Vec<_> = (0..N)
        .map(|index| {
            let (runtime, letterboxes) = (runtime.clone(), letterboxes.clone());
            thread::spawn(move || {
                runtime.block_on(poll_fn(|cx| letterboxes[index].poll(cx)));
                if index == N - 1 {
                    and_then(&letterboxes);
                }
            })
        })
        .collect();
    meanwhile(&runtime, &letterboxes);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    runtime.check_at_rest();
}

/// Guards both halves of a root's wake, `unpark` and `notify_worker`: its thread may be the worker or wait for the queue,
/// and the waker does not know which. The first thread leaves only when the second has told it to.
///
/// Three interruptions, 1 s.
#[test]
fn a_root_is_woken_where_it_parks() {
    schedules_interrupted(3, || {
        in_block_on(|_, [_, second]| second.send(), |[first, _]| first.send());
    });
}

/// Guards that the worker unparks the threads that wait for its queue. Else a thread parks beside a queue that no thread
/// has, and the task in it is not polled.
///
/// Three interruptions, 1.5 s.
#[test]
fn a_queue_that_is_put_back_is_taken() {
    schedules_interrupted(3, || {
        let meanwhile = |runtime: &Arc<Runtime>, [first, second]: &[Arc<Letterbox>; 2]| {
            first.send();
            let second = second.clone();
            runtime.push(move |_| second.send());
        };
        in_block_on(meanwhile, |_| {});
    });
}

/// Guards that the worker unparks all of them: the first may be about to leave.
///
/// Two interruptions, 2.5 s.
#[test]
fn all_threads_in_block_on_hear_of_a_queue_that_is_put_back() {
    schedules_interrupted(2, || {
        let meanwhile = |runtime: &Arc<Runtime>, [first, second, third]: &[Arc<Letterbox>; 3]| {
            first.send();
            second.send();
            let third = third.clone();
            runtime.push(move |_| third.send());
        };
        in_block_on(meanwhile, |_| {});
    });
}

// ---- the blocking pool ----

/// A pool with a thread for this closure.
fn start_pool(
    runtime: &Arc<Runtime>,
    keep_alive: Duration,
    closure: impl FnOnce() + Send + 'static,
) -> Arc<Pool> {
    let config = ThreadConfig {
        name: None,
        stack_size: None,
        on_start: None,
        on_stop: None,
        max_blocking: 1,
        keep_alive,
    };
    let pool = Pool::new(config, runtime.handle().clone());
    let entered: Arc<dyn AnyRuntime> = runtime.clone();
    let task = pool.spawn(closure, Location::caller(), &entered);
    assert!(task.is_ok(), "the pool is open");
    pool
}

/// Guards the order of the steps in `Pool::close` and at the end of a thread: first the state changes, then the other
/// side is notified. The thread waits for a job without a limit.
///
/// Three interruptions, 0.1 s.
#[test]
fn the_end_of_a_pool_reaches_its_idle_thread() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(0, 0);
        let pool = start_pool(&runtime, Duration::MAX, || {});
        pool.close();
        assert!(pool.wait_for_end(None));
    });
}

// ---- the paused clock ----

/// A thread for this closure, and then a paused clock.
fn start_blocking(runtime: &Arc<Runtime>, closure: impl FnOnce() + Send + 'static) -> Arc<Pool> {
    let pool = start_pool(runtime, Duration::ZERO, closure);
    assert!(runtime.driver.clock.pause());
    pool
}

/// Guards the end of a blocking task: it unparks the driver if the clock is paused, and there is a fence between the count
/// and that look. Driver: "a blocking task runs", waits without a limit … Task: ends, "the clock runs", unparks no thread.
///
/// Four interruptions, 0.5 s.
#[test]
fn a_paused_clock_goes_on_after_a_blocking_task() {
    schedules_interrupted(4, || {
        let runtime = Runtime::new(0, 0);
        let pool = start_blocking(&runtime, || {});
        let mut timer = None;
        runtime.block_on(poll_fn(|cx| {
            let fired = runtime.driver.poll_timer(&mut timer, 1_000, cx.waker());
            if fired.expect("the runtime runs") { Poll::Ready(()) } else { Poll::Pending }
        }));
        pool.wait_for_end(None);
        runtime.check_at_rest();
    });
}

/// Guards the look at `blocking_tasks` before the clock jumps.
///
/// Four interruptions, 1 s.
#[test]
fn a_paused_clock_does_not_overtake_a_blocking_task() {
    schedules_interrupted(4, || {
        let runtime = Runtime::new(0, 0);
        let letterbox = Arc::<Letterbox>::default();
        let pool = start_blocking(&runtime, {
            let letterbox = letterbox.clone();
            move || letterbox.send()
        });
        let mut timer = None;
        runtime.block_on(poll_fn(|cx| {
            if letterbox.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let fired = runtime.driver.poll_timer(&mut timer, 1_000, cx.waker());
            assert!(!fired.expect("the runtime runs"), "the clock has jumped");
            Poll::Pending
        }));
        pool.wait_for_end(None);
        runtime.check_at_rest();
    });
}
