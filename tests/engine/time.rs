//! Laws of time: nothing fires early, nothing that was cancelled fires at all, and with the clock
//! paused an hour is over at once. The points are those of the list of easily missed behaviour that
//! the API keeps to.
//!
//! The paused clock belongs to the current-thread runtime; the laws of the real one hold on every flavour.

use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Context;
use std::thread;

use crate::common::Flavour::CurrentThread;
use crate::common::{
    AtDrop, Tape, Wakes, at_clone, ends, on_every_flavour, panic_of, paused, with_workers,
};
use futures::channel::oneshot;
use futures::task::ArcWake;
use openwork::runtime::{Builder, Handle};
use openwork::task::{spawn_blocking, yield_now};
use openwork::time::{self, Duration, Instant, Sleep, sleep, sleep_until, timeout, timeout_at};
use openwork::trace::{Event, Record};

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn timers() -> usize {
    Handle::current().metrics().num_timers()
}

// ---- the paused clock ----

#[test]
fn an_hour_is_over_at_once() {
    let start = std::time::Instant::now();
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            sleep(HOUR).await;
            assert_eq!(start.elapsed(), HOUR);
            let tasks: Vec<_> = (1..=100).map(|n| openwork::spawn(sleep(n * HOUR))).collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(start.elapsed(), 101 * HOUR);
        });
    });
    assert!(start.elapsed() < MINUTE);
}

#[test]
fn time_does_not_pass_while_a_task_or_closure_runs() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            drop(openwork::spawn(sleep(HOUR)));
            for _ in 0..1000 {
                yield_now().await;
            }
            thread::sleep(MS);
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

/// Point 14.
#[test]
fn advance_moves_the_clock_exactly() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            for micros in [51_592, 1, 0, 999_999_999] {
                let before = start.elapsed();
                time::advance(Duration::from_micros(micros)).await;
                assert_eq!(start.elapsed() - before, Duration::from_micros(micros));
            }
            time::advance(Duration::from_nanos(1)).await;
            assert_eq!(start.elapsed().subsec_nanos() % 1000, 1);
        });
    });
}

#[test]
fn advance_runs_what_is_due_and_nothing_else() {
    ends(|| {
        paused().block_on(async {
            let ran = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (1..=4_u32)
                .map(|n| {
                    let ran = ran.clone();
                    openwork::spawn(async move {
                        sleep(n * MINUTE).await;
                        ran.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            yield_now().await;
            time::advance(2 * MINUTE).await;
            assert_eq!(ran.load(SeqCst), 2);
            time::advance(MINUTE - Duration::from_nanos(1)).await;
            assert_eq!(ran.load(SeqCst), 2);
            time::advance(Duration::from_nanos(1)).await;
            assert_eq!(ran.load(SeqCst), 3);
            drop(tasks);
        });
    });
}

/// Point 15.
#[test]
fn time_does_not_jump_while_a_closure_runs() {
    ends(|| {
        for (panics, awaited) in [(false, true), (true, true), (false, false), (true, false)] {
            let mut builder = Builder::new_current_thread();
            let tape = Tape::listen(&mut builder);
            let runtime = builder.start_paused(true).build().unwrap();
            runtime.block_on(async {
                let start = Instant::now();
                let nap = openwork::spawn(sleep(HOUR));
                let (asleep, sleeps) = (tape.clone(), Arc::new(AtomicUsize::new(0)));
                let seen = sleeps.clone();
                let handle = Handle::current();
                let closure = spawn_blocking(move || {
                    // The runtime has nothing else to do: wait until it is parked, before the deadline.
                    let is_parked = |events: Vec<Record>| {
                        events.iter().any(|record| matches!(record.event, Event::Park { .. }))
                    };
                    while !is_parked(asleep.take()) {
                        thread::yield_now();
                    }
                    seen.fetch_add(1, SeqCst);
                    // A wake from another thread unparks it, and it parks again: time does not pass.
                    assert_eq!(futures::executor::block_on(handle.spawn(async { 1 })).unwrap(), 1);
                    while !is_parked(asleep.take()) {
                        thread::yield_now();
                    }
                    assert_eq!(start.elapsed(), Duration::ZERO);
                    assert!(!panics, "a closure panics");
                });
                if awaited {
                    assert_eq!(closure.await.is_err(), panics);
                    assert_eq!(start.elapsed(), Duration::ZERO);
                } else {
                    drop(closure);
                }
                // When it ends, the clock may jump again.
                nap.await.unwrap();
                assert_eq!(start.elapsed(), HOUR);
                assert_eq!(sleeps.load(SeqCst), 1);
            });
        }
    });
}

#[test]
fn a_clock_that_another_thread_lets_go_goes_on() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (send, fired) = mpsc::channel();
            drop(openwork::spawn(async move {
                sleep(MS).await;
                send.send(()).unwrap();
            }));
            // While this closure runs the clock must not jump, so the runtime parks without a limit.
            let closure = spawn_blocking(move || {
                let sleeps = |record: &Record| matches!(record.event, Event::Park { .. });
                while !tape.take().iter().any(sleeps) {
                    thread::yield_now();
                }
                time::resume();
                fired.recv_timeout(MINUTE / 6)
            });
            assert_eq!(closure.await.unwrap(), Ok(()));
        });
    });
}

#[test]
fn a_clock_goes_on_from_where_it_stood() {
    ends(|| {
        openwork::block_on(async {
            let (start, real) = (Instant::now(), std::time::Instant::now());
            time::pause();
            let paused_at = start.elapsed();
            thread::sleep(2 * MS);
            assert_eq!(start.elapsed(), paused_at);
            sleep(HOUR).await;
            assert_eq!(start.elapsed(), paused_at + HOUR);
            time::resume();
            sleep(2 * MS).await;
            assert!(start.elapsed() >= paused_at + HOUR + 2 * MS);
            assert!(start.elapsed() <= HOUR + real.elapsed());
            time::pause();
            let stands = Instant::now();
            assert_eq!(stands.elapsed(), Duration::ZERO);
        });
    });
}

/// Points 15 and 40.
#[test]
fn a_clock_is_stopped_and_started_alternately() {
    let blame = |call: &dyn Fn(), line: u32, what: &str| {
        let panicked = panic_of(call).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        assert!(panicked.message.contains(what), "{}", panicked.message);
    };
    blame(&|| time::pause(), line!(), "no runtime");
    blame(&|| time::resume(), line!(), "no runtime");
    blame(&|| drop(time::advance(MS)), line!(), "no runtime");
    openwork::block_on(async {
        blame(&|| time::resume(), line!(), "not paused");
        blame(&|| drop(time::advance(MS)), line!(), "not paused");
        time::pause();
        blame(&|| time::pause(), line!(), "already paused");
        time::resume();
        time::pause();
    });
    paused().block_on(async { blame(&|| time::pause(), line!(), "already paused") });
}

#[test]
fn a_clock_that_many_threads_share_cannot_be_stopped() {
    with_workers(|flavour| {
        let mut builder = flavour.builder();
        builder.start_paused(true);
        let line = line!() + 1;
        let panicked = panic_of(|| builder.build()).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        assert!(panicked.message.contains("`start_paused` needs a current-thread runtime"));

        let runtime = flavour.build();
        let stop = || {
            let line = line!() + 1;
            let panicked = panic_of(|| time::pause()).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            let text = "`time::pause` needs a current-thread runtime";
            assert!(panicked.message.contains(text), "{}", panicked.message);
            assert!(panic_of(|| time::resume()).is_some());
            assert!(panic_of(|| drop(time::advance(MS))).is_some());
        };
        // Everything inside the runtime may do this: the future in block_on, a task, a closure.
        runtime.block_on(async {
            stop();
            openwork::spawn(async move { stop() }).await.unwrap();
            spawn_blocking(stop).await.unwrap();
            sleep(MS).await;
        });
    });
}

#[test]
fn each_runtime_has_a_clock_of_its_own() {
    ends(|| {
        let (one, other) = (paused(), paused());
        let start_of_one = one.block_on(async { Instant::now() });
        let start_of_other = other.block_on(async { Instant::now() });
        one.block_on(async {
            sleep_until(start_of_one + HOUR).await;
            assert_eq!(start_of_one.elapsed(), HOUR);
        });
        other.block_on(async { assert_eq!(start_of_other.elapsed(), Duration::ZERO) });
    });
}

// ---- order ----

/// Numbers that look random and are the same each time.
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Point 15.
#[test]
fn ten_thousand_random_sleeps_end_in_the_order_of_their_deadlines_each_time() {
    const SLEEPS: usize = 10_000;
    let run = || {
        ends(|| {
            paused().block_on(async {
                let mut noise = noise(0x0BAD_5EED);
                let ended = Arc::new(Mutex::new(Vec::new()));
                let start = Instant::now();
                let tasks: Vec<_> = (0..SLEEPS)
                    .map(|index| {
                        // Few enough moments that many share one.
                        let (ended, nap) = (ended.clone(), Duration::from_nanos(noise() % 3000));
                        openwork::spawn(async move {
                            sleep(nap).await;
                            ended.lock().unwrap().push((start.elapsed(), nap, index));
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                Arc::into_inner(ended).unwrap().into_inner().unwrap()
            })
        })
    };
    let ended = run();
    assert_eq!(ended.len(), SLEEPS);
    assert!(ended.iter().all(|(at, nap, _)| at == nap), "to the nanosecond");
    assert!(ended.is_sorted_by_key(|(at, ..)| at));
    assert_eq!(ended, run());
}

#[test]
fn of_equal_deadlines_the_one_that_was_asked_for_first_fires_first() {
    ends(|| {
        let runtime = CurrentThread.in_order().build().unwrap();
        let _entered = runtime.enter();
        time::pause();
        let order = Arc::new(Mutex::new(Vec::new()));
        struct Note(usize, Arc<Mutex<Vec<usize>>>);
        impl ArcWake for Note {
            fn wake_by_ref(note: &Arc<Self>) {
                note.1.lock().unwrap().push(note.0);
            }
        }
        let deadline = Instant::now() + MINUTE;
        let mut sleeps: Vec<_> = (0..1000).map(|_| Box::pin(sleep_until(deadline))).collect();
        let poll = |sleep: &mut Pin<Box<Sleep>>, number: usize| {
            let waker = futures::task::waker(Arc::new(Note(number, order.clone())));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        };
        // By their first poll, whatever the order in which they were made.
        for (number, sleep) in sleeps.iter_mut().rev().enumerate() {
            poll(sleep, number);
        }
        // To poll again does not change it; a new deadline does.
        poll(&mut sleeps[1], 998);
        sleeps[999].as_mut().reset(deadline);
        runtime.block_on(time::advance(MINUTE));
        let expected: Vec<_> = (1..1000).chain([0]).collect();
        assert_eq!(*order.lock().unwrap(), expected);
    });
}

// ---- the real clock ----

/// Point 14.
#[test]
fn no_sleep_ends_early() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let tasks: Vec<_> = (0..300_u64)
                .map(|n| {
                    let nap = Duration::from_nanos(n * n * 1111);
                    openwork::spawn(async move {
                        let (start, real) = (Instant::now(), std::time::Instant::now());
                        sleep(nap).await;
                        assert!(start.elapsed() >= nap, "{:?} of {nap:?}", start.elapsed());
                        assert!(real.elapsed() >= nap, "{:?} of {nap:?}", real.elapsed());
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn an_earlier_deadline_from_another_thread_is_kept_while_the_runtime_sleeps() {
    on_every_flavour(|flavour| {
        let (runtime, asleep) = flavour.sleepy();
        let handle = runtime.handle().clone();
        let (done, finish) = oneshot::channel();
        let foreign = thread::spawn(move || {
            asleep.recv().unwrap();
            // The runtime is parked for an hour.
            handle.block_on(async { sleep(MS).await });
            done.send(()).unwrap();
        });
        runtime.block_on(async {
            drop(openwork::spawn(sleep(HOUR)));
            finish.await.unwrap();
        });
        foreign.join().unwrap();
    });
}

/// A sleep that another thread gives an earlier deadline ends the wait of the thread that is parked until the old one.
#[test]
fn a_runtime_that_is_parked_wakes_up_at_a_deadline_that_another_thread_resets() {
    on_every_flavour(|flavour| {
        let (runtime, asleep) = flavour.sleepy();
        let nap = runtime.block_on(async { Arc::new(Mutex::new(Box::pin(sleep(HOUR)))) });
        let ours = nap.clone();
        let foreign = thread::spawn(move || {
            asleep.recv().unwrap();
            // Its next wait is for this deadline.
            let soon = Instant::now() + MS;
            ours.lock().unwrap().as_mut().reset(soon);
        });
        let sleeps = runtime.spawn(poll_fn(move |cx| nap.lock().unwrap().as_mut().poll(cx)));
        runtime.block_on(sleeps).unwrap();
        foreign.join().unwrap();
    });
}

// ---- a sleep, in each of its states ----

/// Point 16.
#[test]
fn a_sleep_has_not_elapsed_until_it_was_polled_and_driven() {
    ends(|| {
        let runtime = paused();
        let _entered = runtime.enter();
        let wakes = Wakes::new();
        let deadline = Instant::now() + MINUTE;
        let mut nap = pin!(sleep_until(deadline));
        assert_eq!(nap.deadline(), deadline);
        runtime.block_on(time::advance(2 * MINUTE));
        assert!(!nap.is_elapsed(), "it was not polled");
        assert_eq!(runtime.handle().metrics().num_timers(), 0);
        assert!(wakes.poll(nap.as_mut()).is_ready(), "its deadline is past");
        assert!(nap.is_elapsed());

        nap.as_mut().reset(deadline + 2 * MINUTE);
        assert!(!nap.is_elapsed());
        assert!(wakes.poll(nap.as_mut()).is_pending());
        assert!(!nap.is_elapsed());
        runtime.block_on(time::advance(MINUTE));
        assert!(nap.is_elapsed(), "it was driven");
        assert_eq!(wakes.count(), 1);
        // It may be polled again, and again.
        for _ in 0..3 {
            assert!(wakes.poll(nap.as_mut()).is_ready());
        }
        assert_eq!((wakes.kept(), wakes.count()), (0, 1));
    });
}

/// Point 16.
#[test]
fn a_reset_sleep_ends_at_its_new_deadline() {
    ends(|| {
        let runtime = paused();
        let _entered = runtime.enter();
        let start = Instant::now();
        let wakes = Wakes::new();
        let woken_by = |minutes: u32| {
            let by = start + minutes * MINUTE;
            runtime.block_on(time::advance(by.saturating_duration_since(Instant::now())));
            wakes.count()
        };

        // Before its first poll.
        let mut nap = pin!(sleep(MINUTE));
        nap.as_mut().reset(start + 2 * MINUTE);
        assert_eq!(nap.deadline(), start + 2 * MINUTE);
        assert!(wakes.poll(nap.as_mut()).is_pending());
        assert_eq!(woken_by(1), 0);
        // Postponed while it waits. The task that has polled it last is woken, without another poll.
        nap.as_mut().reset(start + 4 * MINUTE);
        assert_eq!(woken_by(3), 0);
        // Brought forward.
        nap.as_mut().reset(start + 5 * MINUTE);
        nap.as_mut().reset(start + 4 * MINUTE);
        assert_eq!((woken_by(4), nap.is_elapsed()), (1, true));
        // After it has fired, and before it was polled.
        nap.as_mut().reset(start + 6 * MINUTE);
        assert!(!nap.is_elapsed());
        assert!(wakes.poll(nap.as_mut()).is_pending());
        assert_eq!(woken_by(5), 1);
        assert_eq!(woken_by(6), 2);
        assert!(wakes.poll(nap.as_mut()).is_ready());
        // After it was ready.
        nap.as_mut().reset(start + 7 * MINUTE);
        assert!(wakes.poll(nap.as_mut()).is_pending());
        // Into the past: it is ready at the next poll, without a tick of the driver.
        nap.as_mut().reset(start + 5 * MINUTE);
        assert!(wakes.poll(nap.as_mut()).is_ready());
        nap.as_mut().reset(start);
        assert!(wakes.poll(nap.as_mut()).is_ready());
        assert_eq!((wakes.kept(), runtime.handle().metrics().num_timers()), (0, 0));
    });
}

/// Point 16.
#[test]
fn a_reset_into_the_past_wakes_the_waiting_task() {
    ends(|| {
        paused().block_on(async {
            time::advance(MINUTE).await;
            let start = Instant::now();
            let nap = Arc::new(Mutex::new(Box::pin(sleep(HOUR))));
            let waits = nap.clone();
            let task = openwork::spawn(poll_fn(move |cx| waits.lock().unwrap().as_mut().poll(cx)));
            yield_now().await;
            nap.lock().unwrap().as_mut().reset(start - MINUTE);
            task.await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

/// Point 16: the waker is called by the driver, which holds no lock then.
#[test]
fn a_waker_may_use_the_timers() {
    struct Resets {
        handle: Handle,
        sleep: Mutex<Option<Pin<Box<Sleep>>>>,
        wakes: AtomicUsize,
    }
    impl ArcWake for Resets {
        fn wake_by_ref(this: &Arc<Self>) {
            this.wakes.fetch_add(1, SeqCst);
            let _entered = this.handle.enter();
            let waker = futures::task::waker(this.clone());
            let mut cx = Context::from_waker(&waker);
            let mut guard = this.sleep.lock().unwrap();
            if let Some(nap) = guard.as_mut() {
                let next = nap.deadline() + MINUTE;
                nap.as_mut().reset(next);
                assert!(nap.as_mut().poll(&mut cx).is_pending());
            }
            // Set, poll and drop another one.
            let mut other = pin!(sleep(HOUR));
            assert!(other.as_mut().poll(&mut cx).is_pending());
        }
    }
    ends(|| {
        let runtime = paused();
        let _entered = runtime.enter();
        let nap = Mutex::new(Some(Box::pin(sleep(MINUTE))));
        let handle = runtime.handle().clone();
        let resets = Arc::new(Resets { handle, sleep: nap, wakes: AtomicUsize::new(0) });
        let waker = futures::task::waker(resets.clone());
        let mut cx = Context::from_waker(&waker);
        let poll = resets.sleep.lock().unwrap().as_mut().unwrap().as_mut().poll(&mut cx);
        assert!(poll.is_pending());
        for minute in 1..=10 {
            runtime.block_on(time::advance(MINUTE));
            assert_eq!(resets.wakes.load(SeqCst), minute);
        }
        assert_eq!(runtime.handle().metrics().num_timers(), 1);
        let nap = resets.sleep.lock().unwrap().take();
        drop(nap);
        assert_eq!(runtime.handle().metrics().num_timers(), 0);
    });
}

#[test]
fn a_waker_may_use_timers_while_it_is_cloned() {
    ends(|| {
        let runtime = paused();
        let _entered = runtime.enter();
        let handle = runtime.handle().clone();
        let busy = at_clone(move || {
            let _entered = handle.enter();
            assert!(Wakes::new().poll(pin!(sleep(HOUR))).is_pending());
        });
        let mut nap = pin!(sleep(MINUTE));
        assert!(Wakes::new().poll(nap.as_mut()).is_pending());
        // It is moved to another task …
        assert!(nap.poll(&mut Context::from_waker(&busy)).is_pending());
        // … or that one's from the beginning.
        assert!(pin!(sleep(MINUTE)).poll(&mut Context::from_waker(&busy)).is_pending());
    });
}

/// Point 16.
#[test]
fn a_sleep_beyond_the_calendar_is_a_sleep_of_decades() {
    ends(|| {
        for far in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 62)] {
            paused().block_on(async {
                let start = Instant::now();
                let mut nap = pin!(sleep(far));
                assert!(nap.deadline() > start + CENTURY / 4);
                assert!(futures::poll!(&mut nap).is_pending());
                time::advance(CENTURY / 5).await;
                assert!(futures::poll!(&mut nap).is_pending());
                assert!(timeout(far, sleep(MS)).await.is_ok());
                nap.await;
                assert!(start.elapsed() >= CENTURY / 4);
            });
        }
    });
    // With the real clock: it waits, and does no harm.
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            drop(openwork::spawn(sleep(Duration::MAX)));
            assert!(timeout(MS, sleep(Duration::MAX)).await.is_err());
            assert!(timeout(Duration::MAX, sleep(MS)).await.is_ok());
        });
    });
}

#[test]
fn a_deadline_that_has_passed_is_ready() {
    ends(|| {
        paused().block_on(async {
            time::advance(HOUR).await;
            let start = Instant::now();
            sleep_until(start - HOUR).await;
            sleep_until(start - MINUTE).await;
            sleep_until(start).await;
            sleep(Duration::ZERO).await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            // Before the runtime was there.
            if let Some(before) = start.checked_sub(2 * HOUR) {
                sleep_until(before).await;
            }
        });
    });
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let start = Instant::now();
            sleep(Duration::ZERO).await;
            sleep_until(start).await;
            sleep_until(start - MS).await;
        });
    });
}

#[test]
fn a_dropped_sleep_leaves_the_timers_and_its_waker_goes_with_it() {
    let runtime = paused();
    let _entered = runtime.enter();
    let wakes = Wakes::new();
    for _ in 0..2 {
        let mut naps: Vec<_> = (0..1000).map(|n| Box::pin(sleep(n * MS + HOUR))).collect();
        assert_eq!(timers(), 0, "none was polled");
        for nap in &mut naps {
            assert!(wakes.poll(nap.as_mut()).is_pending());
        }
        assert_eq!((timers(), wakes.kept()), (1000, 1000));
        // Every other one first, so that what stays is scattered.
        let mut index = 0;
        naps.retain(|_| {
            index += 1;
            index % 2 == 0
        });
        assert_eq!((timers(), wakes.kept()), (500, 500));
        drop(naps);
        assert_eq!((timers(), wakes.kept()), (0, 0));
    }
    runtime.block_on(time::advance(2 * HOUR));
    assert_eq!(wakes.count(), 0);
}

#[test]
fn of_many_sleeps_those_that_stay_fire_and_those_that_go_do_not() {
    let runtime = paused();
    let _entered = runtime.enter();
    let mut noise = noise(7);
    let start = Instant::now();
    let mut naps: Vec<_> = (0..2000)
        .map(|_| {
            let (wakes, mut nap) = (Wakes::new(), Box::pin(sleep(noise() as u32 % 1000 * MS)));
            let _ = wakes.poll(nap.as_mut());
            (wakes, Some(nap))
        })
        .collect();
    for step in 0..100 {
        // Drop some, postpone some, and bring some forward.
        for _ in 0..10 {
            let (wakes, nap) = &mut naps[noise() as usize % 2000];
            match (noise() % 2, nap.as_mut()) {
                (0, Some(waits)) if !waits.is_elapsed() => {
                    *nap = None;
                    assert_eq!((wakes.count(), wakes.kept()), (0, 0));
                }
                (1, Some(waits)) if !waits.is_elapsed() => {
                    waits.as_mut().reset(start + noise() as u32 % 1000 * MS);
                }
                _ => {}
            }
        }
        runtime.block_on(time::advance(10 * MS));
        let now = (step + 1) * 10 * MS;
        for (wakes, nap) in naps.iter().filter_map(|(wakes, nap)| Some((wakes, nap.as_ref()?))) {
            let due = nap.deadline() - start;
            // (A sleep that was ready at its only poll has woken no task.)
            assert_eq!(nap.is_elapsed(), due <= now, "due {due:?} at {now:?}");
            assert!(wakes.count() == usize::from(nap.is_elapsed()) || due.is_zero());
        }
    }
}

/// Point 40.
#[test]
fn a_sleep_outside_of_a_runtime_is_blamed_on_its_maker() {
    let now = Instant::now();
    let blame = |call: &dyn Fn(), line: u32, what: &str| {
        let panicked = panic_of(call).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        assert!(panicked.message.contains(what), "{}", panicked.message);
    };
    blame(&|| drop(sleep(MS)), line!(), "`time::sleep`");
    blame(&|| drop(sleep_until(now)), line!(), "`time::sleep_until`");
    blame(&|| drop(timeout(MS, pending::<()>())), line!(), "`time::timeout`");
    blame(&|| drop(timeout_at(now, pending::<()>())), line!(), "`time::timeout_at`");
}

/// Point 19.
#[test]
fn a_sleep_that_outlives_its_runtime_is_harmless() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let wakes = Wakes::new();
        let entered = runtime.enter();
        let [mut polled, mut dropped, mut fresh] = [(); 3].map(|()| Box::pin(sleep(HOUR)));
        let mut limited = Box::pin(timeout(HOUR, pending::<()>()));
        drop(entered);
        assert!(wakes.poll(polled.as_mut()).is_pending());
        assert!(wakes.poll(dropped.as_mut()).is_pending());
        let deadline = polled.deadline();
        drop(runtime);
        assert_eq!(wakes.kept(), 0, "its wakers go with the runtime");
        let panicked = panic_of(|| wakes.poll(polled.as_mut())).unwrap();
        assert!(panicked.message.contains("shut down"), "{}", panicked.message);
        assert!(panic_of(|| wakes.poll(fresh.as_mut())).is_some());
        assert!(panic_of(|| wakes.poll(limited.as_mut())).is_some());
        polled.as_mut().reset(deadline + HOUR);
        fresh.as_mut().reset(deadline + HOUR);
        let _ = (polled.is_elapsed(), fresh.is_elapsed());
        drop((polled, fresh, limited, dropped));
    });
}

/// Nothing else would tell another executor that the deadline will not come.
#[test]
fn a_task_that_waits_for_a_deadline_is_woken_when_the_runtime_ends() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let wakes = Wakes::new();
        let mut nap = {
            let _entered = runtime.enter();
            Box::pin(sleep(HOUR))
        };
        assert!(wakes.poll(nap.as_mut()).is_pending());
        drop(runtime);
        assert_eq!((wakes.count(), wakes.kept()), (1, 0));
    });
}

// ---- time-outs ----

/// Point 17.
#[test]
fn a_future_that_is_ready_beats_a_deadline_long_past() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            time::advance(HOUR).await;
            assert_eq!(timeout_at(start, ready(1)).await, Ok(1));
            assert_eq!(timeout(Duration::ZERO, ready(2)).await, Ok(2));
            // At the same moment, too.
            assert!(timeout(MINUTE, sleep(MINUTE)).await.is_ok());
            assert!(timeout(MINUTE, sleep(MINUTE + Duration::from_nanos(1))).await.is_err());
        });
    });
}

/// Point 17.
#[test]
fn a_deadline_of_now_elapses() {
    ends(|| {
        paused().block_on(async {
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            assert!(timeout_at(Instant::now(), pending::<()>()).await.is_err());
        });
    });
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            assert!(timeout_at(Instant::now(), pending::<()>()).await.is_err());
        });
    });
}

#[test]
fn a_future_that_is_too_late_is_dropped() {
    ends(|| {
        paused().block_on(async {
            let (start, dropped) = (Instant::now(), AtomicUsize::new(0));
            let guard = AtDrop(|| _ = dropped.fetch_add(1, SeqCst));
            let late = timeout(MINUTE, async move {
                pending::<()>().await;
                drop(guard);
            });
            let error = late.await.unwrap_err();
            assert_eq!((start.elapsed(), dropped.load(SeqCst)), (MINUTE, 1));
            assert_eq!(error.to_string(), "deadline has elapsed");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
            assert_eq!(timers(), 0);
        });
    });
}

#[test]
fn the_future_within_can_be_had_back() {
    paused().block_on(async {
        let mut limited = timeout(MINUTE, ready(3));
        assert_eq!(limited.get_ref().clone().into_inner(), 3);
        *limited.get_mut() = ready(4);
        assert_eq!(limited.into_inner().await, 4);
    });
}

/// Point 13: with the budget gone the inner future is pending in each poll, for ever; with its own
/// timer left unpolled the time-out would be too.
#[test]
fn a_time_out_comes_even_if_its_future_spends_the_whole_budget() {
    on_every_flavour(|flavour| {
        async fn is_given_up() {
            let mut fired = pin!(sleep(Duration::ZERO));
            fired.as_mut().await;
            let greedy = async {
                loop {
                    fired.as_mut().await;
                }
            };
            assert!(timeout(2 * MS, greedy).await.is_err());
        }
        flavour.block_on(async { openwork::spawn(is_given_up()).await.unwrap() });
        // On a multi-thread runtime, this one does not run on a worker.
        flavour.block_on(is_given_up());
    });
}

/// Point 12.
#[test]
fn a_task_whose_sleeps_are_always_over_yields() {
    ends(|| {
        paused().block_on(async {
            let turns = Arc::new(AtomicUsize::new(0));
            let ours = turns.clone();
            drop(openwork::spawn(async move {
                loop {
                    sleep(Duration::ZERO).await;
                    ours.fetch_add(1, SeqCst);
                }
            }));
            for turn in 1..=3 {
                yield_now().await;
                assert_eq!(turns.load(SeqCst) % 128, 0);
                assert!(turns.load(SeqCst) >= turn * 128);
            }
        });
    });
}

// ---- moments ----

#[test]
fn an_instant_counts_as_stds_does() {
    let std = std::time::Instant::now();
    let instant = Instant::from_std(std);
    assert_eq!(instant.into_std(), std);
    assert_eq!(Instant::from(std), instant);
    assert_eq!(std::time::Instant::from(instant), std);
    assert_eq!((instant + MINUTE) - instant, MINUTE);
    assert_eq!((instant + MINUTE) - MINUTE, instant);
    assert_eq!(instant - (instant + MINUTE), Duration::ZERO);
    assert_eq!(instant.duration_since(instant + MINUTE), Duration::ZERO);
    assert_eq!(instant.checked_duration_since(instant + MINUTE), None);
    assert_eq!(instant.checked_add(Duration::MAX), None);
    let mut moved = instant;
    moved += MINUTE;
    assert!(moved > instant);
    moved -= MINUTE;
    assert_eq!(moved, instant);
    // Outside of a runtime it is the system's.
    assert!(Instant::now() >= instant && Instant::now().into_std() <= std::time::Instant::now());
}

#[test]
fn a_closure_and_a_foreign_guard_see_the_runtimes_clock() {
    ends(|| {
        let runtime = paused();
        let start = runtime.block_on(async { Instant::now() });
        runtime.block_on(async {
            time::advance(HOUR).await;
            assert_eq!(spawn_blocking(move || start.elapsed()).await.unwrap(), HOUR);
        });
        let (send, receive) = mpsc::channel();
        let handle = runtime.handle().clone();
        thread::spawn(move || {
            let _entered = handle.enter();
            send.send(start.elapsed()).unwrap();
        });
        assert_eq!(receive.recv(), Ok(HOUR));
    });
}
