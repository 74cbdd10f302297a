//! A worker that a task blocks does not delay the timers of the others, whatever made it leave the driver.
//!
//! No test measures a delay: the task that blocks is released by the timer that it must not delay.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use std::{fs, thread};

use openwork::runtime::{Builder, Handle};
use openwork::task::{JoinHandle, yield_now};
use openwork::time::sleep;
use openwork::trace::Event;

use futures::executor::block_on as join;

use crate::common::{alone, calls, ends, threads};

const MS: Duration = Duration::from_millis(1);

/// Far longer than the monitor takes.
const GIVE_UP: Duration = Duration::from_secs(5);

/// A timer of 50 ms, and a task that blocks its thread until that timer has fired.
fn timer_and_blocker(
    handle: &Handle,
) -> (JoinHandle<()>, impl Future<Output = bool> + Send + use<>) {
    let (fired, block) = mpsc::channel();
    let timer = handle.spawn(async move {
        sleep(50 * MS).await;
        // Err: the task gave up.
        let _ = fired.send(());
    });
    (timer, async move { block.recv_timeout(GIVE_UP).is_ok() })
}

type Blocker = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// The waker of the timer is not a task's. So the worker finds nothing to run when it leaves the driver, and takes a
/// task that is pushed in that moment.
#[test]
fn a_push_that_meets_a_worker_as_it_leaves_the_driver() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _entered = runtime.enter();
    for round in 0..20 {
        let (timer, blocker) = timer_and_blocker(runtime.handle());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(flag.clone());
        let mut nap = pin!(sleep(5 * MS));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        while !flag.0.load(SeqCst) {
            std::hint::spin_loop();
        }
        // The push comes at another point of the worker's loop each time.
        (0..round * 20).for_each(|_| std::hint::spin_loop());
        assert!(join(runtime.spawn(blocker)).unwrap(), "round {round}");
        join(timer).unwrap();
    }
}

#[test]
fn a_hook_that_spawns_the_task_that_blocks() {
    let pending = Arc::new(Mutex::new(None));
    let ours = pending.clone();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).on_thread_unpark(move || {
        let next: Option<(Handle, Blocker)> = ours.lock().unwrap().take();
        if let Some((handle, blocker)) = next {
            drop(handle.spawn(blocker));
        }
    });
    let runtime = builder.build().unwrap();
    for round in 0..5 {
        let (timer, blocker) = timer_and_blocker(runtime.handle());
        let (done, result) = mpsc::channel();
        let blocker = Box::pin(async move { done.send(blocker.await).unwrap() });
        *pending.lock().unwrap() = Some((runtime.handle().clone(), blocker as _));
        drop(runtime.spawn(async { sleep(MS).await }));
        assert!(result.recv().unwrap(), "round {round}");
        join(timer).unwrap();
    }
}

/// The worker announces that it parks, finds the task of the other hook, and does not park. The waker of the timer is
/// called by the monitor.
#[test]
fn a_hook_that_blocks_after_a_park_which_was_only_announced() {
    let steps = Arc::new(AtomicUsize::new(0));
    let take_step = |from: usize| {
        let steps = steps.clone();
        move || steps.compare_exchange(from, from + 1, SeqCst, SeqCst).is_ok()
    };
    let (parks, unparks) = (take_step(1), take_step(2));
    let (fire, block) = mpsc::channel();
    let (done, result) = mpsc::channel();
    let block = Mutex::new(block);
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .on_thread_park(move || {
            if parks() {
                drop(openwork::spawn(async {}));
            }
        })
        .on_thread_unpark(move || {
            if unparks() {
                done.send(block.lock().unwrap().recv_timeout(GIVE_UP).is_ok()).unwrap();
            }
        });
    let runtime = builder.build().unwrap();
    let _entered = runtime.enter();
    let waker = calls(move || fire.send(()).unwrap());
    let mut nap = pin!(sleep(50 * MS));
    assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    steps.store(1, SeqCst);
    drop(runtime.spawn(async {}));
    assert!(result.recv().unwrap(), "the timer fired after the hook had given up");
}

/// There is no other worker: the monitor itself polls the driver.
#[test]
fn a_sleep_in_block_on_beside_the_only_worker_which_is_blocked() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (begun, begins) = mpsc::channel();
    let (release, block) = mpsc::channel::<()>();
    let blocker = runtime.spawn(async move {
        begun.send(()).unwrap();
        block.recv_timeout(GIVE_UP)
    });
    begins.recv().unwrap();
    runtime.block_on(async { sleep(5 * MS).await });
    release.send(()).unwrap();
    assert!(join(blocker).unwrap().is_ok(), "the sleep ended after the task had given up");
}

/// The worker has released the driver before it calls wakers. Another worker or the monitor takes it.
#[test]
fn a_waker_that_blocks() {
    for workers in [1, 2] {
        let runtime = Builder::new_multi_thread().worker_threads(workers).build().unwrap();
        let (done, result) = mpsc::channel();
        let handle = runtime.handle().clone();
        let blocks = calls(move || {
            let (fired, block) = mpsc::channel();
            let _entered = handle.enter();
            let waker = calls(move || _ = fired.send(()));
            let mut later = pin!(sleep(5 * MS));
            let is_over = later.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            done.send(is_over || block.recv_timeout(GIVE_UP).is_ok()).unwrap();
        });
        let _entered = runtime.enter();
        let mut nap = pin!(sleep(5 * MS));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&blocks)).is_pending());
        assert!(result.recv().unwrap(), "{workers} workers");
    }
}

/// How often the monitor looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the monitor and the only worker do to the driver.
struct Polls {
    last_by_monitor: Instant,
    /// When the worker released the driver for the last time but one, and for the last time.
    released: [Instant; 2],
    /// When the last gap between two polls of the worker ended that is long enough for a look.
    last_gap: Instant,
    /// Polls of the monitor without such a gap.
    needless: usize,
}

impl Polls {
    fn new() -> Polls {
        let now = Instant::now();
        Polls { last_by_monitor: now, released: [now; 2], last_gap: now, needless: 0 }
    }

    /// Whether two looks in succession may have found the same number of ticks since this release: the worker counts a
    /// tick after it has reported the release.
    fn is_gap(&self) -> bool {
        self.released[0].elapsed() >= LOOK_EVERY
    }

    fn worker_acquires(&mut self) {
        if self.is_gap() {
            self.last_gap = Instant::now();
        }
    }

    /// Returns whether the look before was a poll too. Each look takes at least 10 ms.
    fn monitor_acquires(&mut self) -> bool {
        let is_second = self.last_by_monitor.elapsed() < 2 * LOOK_EVERY;
        self.needless += usize::from(!self.is_gap() && self.last_gap < self.last_by_monitor);
        self.last_by_monitor = Instant::now();
        is_second
    }
}

#[test]
fn the_monitor_polls_the_driver_at_each_look_if_the_worker_does_not_and_only_then() {
    ends(|| {
        let polls = Arc::new(Mutex::new(Polls::new()));
        let (tell, twice) = mpsc::channel();
        let ours = polls.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .on_event(move |record| {
                let mut polls = ours.lock().unwrap();
                match (record.event, record.worker) {
                    (Event::DriverAcquired, Some(_)) => polls.worker_acquires(),
                    (Event::DriverAcquired, None) if polls.monitor_acquires() => {
                        // Err: the test has ended.
                        let _ = tell.send(());
                    }
                    (Event::DriverReleased, Some(_)) => {
                        polls.released = [polls.released[1], Instant::now()];
                    }
                    _ => {}
                }
            })
            .build()
            .unwrap();
        let busy = runtime.spawn(async move {
            // Until the monitor has looked a few times without a gap. A busy machine may leave gaps for long.
            let begun = Instant::now();
            let is_settled = || polls.lock().unwrap().last_gap.elapsed() > 6 * LOOK_EVERY;
            while !is_settled() && begun.elapsed() < 100 * LOOK_EVERY {
                yield_now().await;
            }
            let needless = polls.lock().unwrap().needless;
            assert_eq!(needless, 0);
        });
        join(busy).unwrap();
        while twice.try_recv().is_ok() {}
        join(runtime.spawn(async move { twice.recv().unwrap() })).unwrap();
    });
}

/// The worker wakes the monitor only if that is parked without a limit.
#[test]
fn the_monitor_sleeps_while_workers_come_and_go() {
    alone("the_monitor_sleeps_while_workers_come_and_go", || {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        // Meanwhile the runtime is idle, and the monitor parks without a limit.
        join(runtime.spawn(async { sleep(5 * LOOK_EVERY).await })).unwrap();
        // A thread names itself.
        let monitor = loop {
            let found = threads().into_iter().find(|thread| {
                let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap();
                name.trim() == "ow-monitor"
            });
            if let Some(thread) = found {
                break thread;
            }
            thread::yield_now();
        };
        let status = format!("/proc/self/task/{monitor}/status");
        let times_slept = || -> u128 {
            let status = fs::read_to_string(&status).unwrap();
            let line =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse().unwrap()
        };
        let (before, begun) = (times_slept(), Instant::now());
        for _ in 0..2000 {
            join(runtime.spawn(async {})).unwrap();
        }
        let (slept, looks) = (times_slept() - before, begun.elapsed().as_millis() / 10 + 1);
        assert!(slept <= 4 * looks + 10, "slept {slept} times, time for {looks} looks");
    });
}

#[test]
fn the_monitor_is_one_thread_and_ends_with_the_runtime() {
    alone("the_monitor_is_one_thread_and_ends_with_the_runtime", || {
        let before = threads().len();
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        assert_eq!(threads().len(), before + 3);
        drop(runtime);
        assert_eq!(threads().len(), before);
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(threads().len(), before);
        drop(runtime);
    });
}
