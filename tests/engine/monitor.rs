//! A worker that a task blocks does not delay the timers of the others, whatever made it leave the driver.
//!
//! No test measures a delay: the task that blocks is released by the timer that it must not delay.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use openwork::runtime::{Builder, Handle};
use openwork::task::JoinHandle;
use openwork::time::sleep;

use futures::executor::block_on as join;

use crate::common::{alone, threads};

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
