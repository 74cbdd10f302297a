//! How long a ready task, a timer, a socket and the root future wait behind tasks that never wait: the bounds of the
//! table in NOTES.md, chapter 8, counted in polls.
//!
//! The load: **spinners** wake themselves, and are always in the local queue. **Chains** are pairs of tasks that wake
//! each other through a thread outside of the runtime: one task of each pair is always in the injector.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::Write;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use openwork::io::AsyncReadExt;
use openwork::net::UnixStream;
use openwork::runtime::{Builder, Handle};
use openwork::task::yield_now;
use openwork::time::sleep;
use openwork::trace::{Event, Queue, Record, TaskKind};

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{Flavour, Tape, alone, ends, on_each_of, until};

/// *T*, *I* and *L* of the table: polls of the local queue in a tick, polls of the injector in a tick, polls of the LIFO
/// slot in a row.
const OWN: usize = 61;
const INJECTED: usize = 128;
const LIFO: usize = 3;

/// With these, more tasks are ready in the injector and in the local queue than a tick polls.
const CHAINS: usize = 300;
const SPINNERS: usize = 200;

/// One worker, whose polls can be counted one after another.
const ONE_WORKER: [Flavour; 2] = [CurrentThread, Workers(1)];

/// A thread outside of the runtime that calls wakers. The thread that asks for a wake waits until it is done.
#[derive(Clone)]
struct Outside(mpsc::Sender<(Waker, mpsc::Sender<()>)>);

impl Outside {
    fn new() -> Outside {
        let (send, receive) = mpsc::channel::<(Waker, mpsc::Sender<()>)>();
        thread::spawn(move || {
            for (waker, done) in receive {
                waker.wake();
                let _ = done.send(());
            }
        });
        Outside(send)
    }

    fn wake(&self, waker: Waker) {
        let (done, is_done) = mpsc::channel();
        self.0.send((waker, done)).unwrap();
        is_done.recv().unwrap();
    }
}

/// Spawns two tasks that wake each other for ever. `wake` calls a waker.
fn spawn_pair(handle: &Handle, wake: impl Fn(Waker) + Clone + Send + 'static) {
    let wakers: Arc<Mutex<[Option<Waker>; 2]>> = Arc::default();
    for me in 0..2 {
        let (wakers, wake) = (wakers.clone(), wake.clone());
        drop(handle.spawn(poll_fn(move |cx: &mut Context<'_>| {
            let other = {
                let mut wakers = wakers.lock().unwrap();
                wakers[me] = Some(cx.waker().clone());
                wakers[1 - me].clone()
            };
            // In the first poll of the first task there is none.
            other.into_iter().for_each(&wake);
            Poll::<()>::Pending
        })));
    }
}

fn spawn_spinners(handle: &Handle, count: usize) {
    for _ in 0..count {
        drop(handle.spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })));
    }
}

fn spawn_load(handle: &Handle) {
    spawn_spinners(handle, SPINNERS);
    spawn_chains(handle);
}

fn spawn_chains(handle: &Handle) {
    let outside = Outside::new();
    for _ in 0..CHAINS {
        let outside = outside.clone();
        spawn_pair(handle, move |waker| outside.wake(waker));
    }
}

/// Polls until the load is complete. Before that all tasks come from the injector.
const SETTLED: usize = 4 * (2 * CHAINS + SPINNERS);

/// The longest waits on one worker, counted in polls of tasks.
#[derive(Debug, Default)]
struct Waits {
    /// From one poll of the root to the next.
    root: usize,
    /// From the queue to the poll, and where the polls in between were from.
    local: usize,
    local_behind_own: usize,
    lifo_slot: usize,
    injector: usize,
    /// Polls in a row from the injector, and from the worker's own queue.
    run_of_injected: usize,
    run_of_own: usize,
}

/// The longest waits after the load is complete.
fn waits(records: &[Record]) -> Waits {
    let mut longest = Waits::default();
    let (mut polls, mut own, mut root, mut last_root) = (0, 0, None, None);
    let (mut queued, mut taken_from) = (HashMap::new(), Queue::Local);
    let (mut injected_run, mut own_run) = (0, 0);
    for record in records {
        match record.event {
            Event::Spawned { task, kind: TaskKind::Root, .. } => root = Some(task),
            Event::Scheduled { task, queue } => _ = queued.insert(task, (queue, polls, own)),
            Event::Taken { queue, .. } => taken_from = queue,
            Event::PollBegins { task } if Some(task) == root => {
                let gap = last_root.replace(polls).map_or(0, |last| polls - last);
                if polls > SETTLED {
                    longest.root = longest.root.max(gap);
                }
            }
            Event::PollBegins { task } => {
                if let Some((queue, at, own_at)) = queued.remove(&task)
                    && at > SETTLED
                {
                    let waited = polls - at;
                    match queue {
                        Queue::Local => {
                            longest.local = longest.local.max(waited);
                            longest.local_behind_own = longest.local_behind_own.max(own - own_at);
                        }
                        Queue::LifoSlot => longest.lifo_slot = longest.lifo_slot.max(waited),
                        Queue::Injector => longest.injector = longest.injector.max(waited),
                        _ => {}
                    }
                }
                polls += 1;
                if taken_from == Queue::Injector {
                    (injected_run, own_run) = (injected_run + 1, 0);
                } else {
                    own += 1;
                    (injected_run, own_run) = (0, own_run + 1);
                }
                if polls > SETTLED {
                    longest.run_of_injected = longest.run_of_injected.max(injected_run);
                    longest.run_of_own = longest.run_of_own.max(own_run);
                }
            }
            _ => {}
        }
    }
    longest
}

/// The events of `polls` polls, on a runtime with one worker, this load, and a root that never waits.
fn trace(mut builder: Builder, polls: usize, load: impl FnOnce(&Handle)) -> Vec<Record> {
    let tape = Tape::listen(&mut builder);
    let runtime = builder.build().unwrap();
    load(runtime.handle());
    // Worker threads have run tasks meanwhile.
    tape.take();
    let metrics = runtime.metrics();
    runtime.block_on(until(|| metrics.worker_poll_count(0) as usize > polls));
    // Taken before the runtime is dropped: that records events too.
    tape.take()
}

fn paused() -> Builder {
    let mut builder = CurrentThread.in_order();
    builder.start_paused(true);
    builder
}

// ---- tasks and the root, on a paused clock: then the length of a tick does not depend on the machine ----

#[test]
fn on_a_current_thread_runtime_each_wait_is_as_long_as_its_formula_says() {
    ends(|| {
        let found = waits(&trace(paused(), 12_000, spawn_load));
        println!("{found:?}");
        // The root is polled before each tick.
        assert_eq!(found.root, INJECTED + OWN);
        // The task ahead: each of the other spinners. Before each own part of a tick comes an injected part.
        let ahead = SPINNERS - 1;
        assert_eq!(found.local_behind_own, ahead);
        assert_eq!(found.local, ahead + INJECTED * (ahead / OWN + 1));
        // Ahead: one task of each of the other chains. After each injected part comes an own part.
        let ahead = CHAINS - 1;
        assert_eq!(found.injector, ahead + OWN * (ahead / INJECTED + 1));
        assert_eq!((found.run_of_injected, found.run_of_own), (INJECTED, OWN));
    });
}

/// While more tasks wait in the injector, a tick polls each task of a short local queue once, so that a few tasks that
/// yield do not delay the injected ones.
#[test]
fn a_few_tasks_that_yield_are_polled_once_between_two_injected_parts() {
    ends(|| {
        let found = waits(&trace(paused(), 12_000, |handle| {
            spawn_chains(handle);
            spawn_spinners(handle, 2);
        }));
        assert_eq!(found.run_of_own, 2);
        let ahead = CHAINS - 1;
        assert_eq!(found.injector, ahead + 2 * (ahead / INJECTED + 1));
    });
}

// ---- by the system's clock ----

/// A tick should not take longer than 200 µs, and has at least two polls.
#[test]
fn a_tick_of_long_polls_has_two_of_them() {
    const TICK: Duration = Duration::from_micros(200);
    ends(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        let found = CurrentThread.in_order().build().unwrap().block_on(async {
            for _ in 0..3 {
                let polls = polls.clone();
                drop(openwork::spawn(async move {
                    loop {
                        polls.fetch_add(1, SeqCst);
                        let start = Instant::now();
                        while start.elapsed() <= TICK {
                            std::hint::spin_loop();
                        }
                        yield_now().await;
                    }
                }));
            }
            // The root is polled before each tick.
            let mut found = Vec::new();
            for _ in 0..4 {
                yield_now().await;
                found.push(polls.swap(0, SeqCst));
            }
            found
        });
        assert_eq!(found, [OWN, 2, 2, 2]);
    });
}

/// The root and one task always yield, so a tick is one poll.
#[test]
fn a_worker_whose_ticks_are_short_polls_the_driver_at_most_once_in_50_us() {
    ends(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        let (mut builder, count) = (CurrentThread.in_order(), polls.clone());
        builder.on_event(move |record| {
            if record.event == Event::DriverAcquired {
                count.fetch_add(1, SeqCst);
            }
        });
        let (polls, took) = builder.build().unwrap().block_on(async {
            spawn_spinners(&Handle::current(), 1);
            let (start, before) = (Instant::now(), polls.load(SeqCst));
            for _ in 0..2000 {
                yield_now().await;
            }
            (polls.load(SeqCst) - before, start.elapsed())
        });
        println!("{polls} polls of the driver in {took:?}");
        assert!(polls as u128 <= took.as_micros() / 50 + 1, "{polls} polls in {took:?}");
    });
}

// ---- one worker thread, and several ----

/// By the system's clock a tick is shorter than 61 polls if they take long. So these are upper bounds, and the wait in
/// the local queue is counted in polls of that queue.
#[test]
fn a_worker_thread_keeps_the_bounds_of_its_queues() {
    ends(|| {
        let found = waits(&trace(Workers(1).builder(), 12_000, spawn_load));
        println!("{found:?}");
        assert!(found.local_behind_own < SPINNERS, "{found:?}");
        assert!(found.injector < CHAINS + OWN * ((CHAINS - 1) / INJECTED + 1), "{found:?}");
        assert!(found.run_of_injected <= INJECTED && found.run_of_own <= OWN, "{found:?}");
        // The load was there.
        assert!(
            found.injector >= CHAINS - 1 && found.local_behind_own >= SPINNERS / 2,
            "{found:?}"
        );
    });
}

/// Two tasks that wake each other keep the LIFO slot for three polls in a row.
#[test]
fn the_lifo_slot_is_polled_three_times_between_two_tasks_of_the_queue() {
    ends(|| {
        let found = waits(&trace(Workers(1).builder(), 12_000, |handle| {
            spawn_spinners(handle, SPINNERS);
            spawn_pair(handle, Waker::wake);
        }));
        assert_eq!(found.local, (SPINNERS - 1) + LIFO * SPINNERS);
        // A task in the slot waits for one of the queue.
        assert_eq!(found.lifo_slot, 1);
    });
}

/// Two tasks that wake each other are in the LIFO slot, even if it has been polled three times in a row and the rest of the
/// queue is empty. Two others are in the injector.
#[test]
fn the_trace_says_from_which_queue_a_task_was_taken() {
    ends(|| {
        let records = trace(Workers(1).builder(), 2000, |handle| {
            let outside = Outside::new();
            spawn_pair(handle, move |waker| outside.wake(waker));
            spawn_pair(handle, Waker::wake);
        });
        let (mut scheduled, mut taken_from_slot) = (HashMap::new(), 0);
        for record in records {
            match record.event {
                Event::Scheduled { task, queue } => _ = scheduled.insert(task, queue),
                Event::Taken { task, queue } => {
                    if let Some(scheduled) = scheduled.remove(&task) {
                        // A task may lose its place in the slot to another one.
                        let is_displaced = (scheduled, queue) == (Queue::LifoSlot, Queue::Local);
                        assert!(scheduled == queue || is_displaced, "{scheduled:?}, {queue:?}");
                        taken_from_slot += usize::from(queue == Queue::LifoSlot);
                    }
                }
                _ => {}
            }
        }
        assert!(taken_from_slot > 100);
    });
}

/// Each busy worker looks at the injector after at most 61 polls, so the one that takes the task has not polled more
/// since the push.
#[test]
fn a_task_from_outside_waits_for_at_most_61_polls_of_any_worker() {
    on_each_of(&[CurrentThread, Workers(1), Workers(2), Workers(4)], |flavour| {
        let stop = Arc::new(AtomicBool::new(false));
        // How often the spinners of each thread were polled.
        let polls: Arc<Mutex<HashMap<thread::ThreadId, usize>>> = Arc::default();
        flavour.in_order().build().unwrap().block_on(async {
            for _ in 0..200 {
                let (stop, polls) = (stop.clone(), polls.clone());
                drop(openwork::spawn(async move {
                    while !stop.load(SeqCst) {
                        *polls.lock().unwrap().entry(thread::current().id()).or_default() += 1;
                        yield_now().await;
                    }
                }));
            }
            let count = polls.clone();
            let pushes = openwork::spawn(async move {
                let mut longest = 0;
                for _ in 0..100 {
                    // Another thread pushes, while this one waits for it.
                    let (handle, count) = (Handle::current(), count.clone());
                    let pushed = thread::spawn(move || {
                        // No spinner is polled between the count and the push.
                        let counted = count.lock().unwrap();
                        let (before, count) = (counted.clone(), count.clone());
                        let on_this_thread = |polls: &HashMap<_, usize>| {
                            polls.get(&thread::current().id()).copied().unwrap_or(0)
                        };
                        handle.spawn(async move {
                            on_this_thread(&count.lock().unwrap()) - on_this_thread(&before)
                        })
                    });
                    longest = longest.max(pushed.join().unwrap().await.unwrap());
                }
                longest
            });
            let longest = pushes.await.unwrap();
            stop.store(true, SeqCst);
            println!("{flavour:?}: it waited for {longest} polls");
            assert!(longest <= OWN, "it waited for {longest} polls");
        });
    });
}

// ---- timers and sockets ----

/// The root writes to a socket. The driver is polled at the end of the tick.
#[test]
fn a_socket_waits_for_one_tick_of_a_current_thread_runtime() {
    ends(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        let count = polls.clone();
        let (send, reported) = mpsc::channel();
        let send = Mutex::new((send, None));
        let mut builder = paused();
        builder.on_event(move |record| match record.event {
            Event::Spawned { task, kind: TaskKind::Root, .. } => {
                send.lock().unwrap().1 = Some(task)
            }
            Event::PollBegins { task } if send.lock().unwrap().1 != Some(task) => {
                count.fetch_add(1, SeqCst);
            }
            Event::Ready { readable: true, .. } => {
                send.lock().unwrap().0.send(count.load(SeqCst)).unwrap();
            }
            _ => {}
        });
        let runtime = builder.build().unwrap();
        spawn_load(runtime.handle());
        runtime.block_on(async {
            until(|| polls.load(SeqCst) > 12_000).await;
            let (near, mut far) = StdStream::pair().unwrap();
            let mut near = UnixStream::from_std(near).unwrap();
            drop(openwork::spawn(async move { while near.read(&mut [0]).await.unwrap() > 0 {} }));
            for _ in 0..10 {
                // The reader has read, and waits.
                let now = polls.load(SeqCst);
                until(|| polls.load(SeqCst) > now + 2000).await;
                let written = polls.load(SeqCst);
                far.write_all(b"!").unwrap();
                until(|| polls.load(SeqCst) > written).await;
                assert_eq!(reported.try_recv().unwrap() - written, INJECTED + OWN);
            }
        });
    });
}

/// By the system's clock the driver is polled after the first tick that ends 50 µs or more after the last time. So of
/// the polls that begin later than that, at most one tick comes before the driver; and the same for the polls that
/// begin 50 µs after a deadline, and the timer.
#[test]
fn timers_and_sockets_wait_for_one_tick_once_50_us_have_passed() {
    const INTERVAL: Duration = Duration::from_micros(50);
    on_each_of(&ONE_WORKER, |flavour| {
        for (tick, injects) in [(OWN, false), (INJECTED + OWN, true)] {
            let records = trace(flavour.in_order(), 30_000, |handle| {
                spawn_spinners(handle, SPINNERS);
                if injects {
                    spawn_chains(handle);
                }
                drop(handle.spawn(async {
                    loop {
                        sleep(Duration::from_micros(300)).await;
                    }
                }));
            });
            let root = records.iter().find_map(|record| match record.event {
                Event::Spawned { task, kind: TaskKind::Root, .. } => Some(task),
                _ => None,
            });
            let root = root.unwrap();
            let mut polls = records.iter().filter(|record| is_poll_of_task(record, root));
            let settled = polls.nth(SETTLED).unwrap().at;
            let polls: Vec<_> = polls.collect();
            let (mut driver, mut timer) = (Vec::new(), Vec::new());
            let mut last_driver = None;
            for record in records.iter().filter(|record| record.at > settled) {
                let waited = |since: Duration| {
                    let is_late =
                        |poll: &&&Record| poll.at >= since + INTERVAL && poll.at < record.at;
                    polls.iter().filter(is_late).count()
                };
                match record.event {
                    // The worker that looks finds the driver taken: it looks again after the same time.
                    Event::DriverAcquired if record.worker.is_none() => last_driver = None,
                    Event::DriverAcquired => {
                        driver.extend(last_driver.replace(record.at).map(waited));
                    }
                    Event::TimerFired { deadline, .. } if last_driver.is_some() => {
                        timer.push(waited(deadline));
                    }
                    _ => {}
                }
            }
            let (driver, timer) =
                (driver.into_iter().max().unwrap(), timer.into_iter().max().unwrap());
            println!(
                "{flavour:?}, {injects}: the driver waited for {driver} polls, a timer for {timer}"
            );
            assert!(driver <= tick && timer <= tick, "{driver}, {timer}");
        }
    });
}

/// The worker finds a task in each last look before it parks, so it never waits in the driver.
#[test]
fn a_timer_fires_though_a_hook_spawns_a_task_whenever_the_worker_parks() {
    ends(|| {
        let mut builder = CurrentThread.builder();
        builder.on_thread_park(|| drop(openwork::spawn(async {})));
        builder.build().unwrap().block_on(async { sleep(Duration::from_millis(1)).await });
    });
}

fn is_poll_of_task(record: &Record, root: u64) -> bool {
    matches!(record.event, Event::PollBegins { task } if task != root)
}

/// One poll of the driver reports at most 256 descriptors; the next one reports the others.
#[test]
fn of_300_ready_sockets_the_last_waits_for_two_ticks() {
    alone("of_300_ready_sockets_the_last_waits_for_two_ticks", || {
        let mut builder = paused();
        let tape = Tape::listen(&mut builder);
        builder.build().unwrap().block_on(async {
            let pairs: Vec<_> = (0..300).map(|_| StdStream::pair().unwrap()).collect();
            let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            for near in near {
                near.set_nonblocking(true).unwrap();
                let mut near = UnixStream::from_std(near).unwrap();
                drop(openwork::spawn(async move { near.read(&mut [0]).await }));
            }
            // All of them wait.
            for _ in 0..10 {
                yield_now().await;
            }
            tape.take();
            for mut far in far {
                far.write_all(b"!").unwrap();
            }
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let records = tape.take();
        let ticks = records.split(|record| record.event == Event::DriverAcquired);
        let ready = |tick: &[Record]| {
            tick.iter().filter(|record| matches!(record.event, Event::Ready { .. })).count()
        };
        let reported: Vec<_> = ticks.map(ready).filter(|count| *count > 0).collect();
        assert_eq!(reported, [256, 44]);
    });
}
