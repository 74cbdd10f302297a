//! The ways in which a runtime ends while its pool has work.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use openwork::runtime::{Handle, Runtime};
use openwork::task::JoinHandle;

use super::flavours::Flavour;
use super::panics::panic_of;

/// How a runtime ends, and whether that waits for the pool.
type Ending = (&'static str, bool, fn(Runtime));

const ENDINGS: [Ending; 6] = [
    ("drop", true, drop),
    ("shutdown_timeout, long", true, |runtime| {
        runtime.shutdown_timeout(Duration::from_secs(10_000));
    }),
    ("shutdown_timeout, short", false, |runtime| {
        runtime.shutdown_timeout(Duration::from_millis(5));
    }),
    ("shutdown_timeout, zero", false, |runtime| runtime.shutdown_timeout(Duration::ZERO)),
    ("shutdown_background", false, Runtime::shutdown_background),
    ("drop where it is refused", false, |runtime| {
        openwork::block_on(async { panic_of(|| drop(runtime)).expect("blocking is refused here") });
    }),
];

/// A closure that runs until it is released, and has begun when this returns.
pub fn runs_on(handle: &Handle) -> (JoinHandle<&'static str>, mpsc::Sender<()>) {
    let (begins, begun) = mpsc::channel();
    let (release, wait) = mpsc::channel();
    let closure = handle.spawn_blocking(move || {
        begins.send(()).unwrap();
        wait.recv().unwrap();
        "it ran to its end"
    });
    begun.recv().unwrap();
    (closure, release)
}

/// Waits until the runtime has begun to end. All threads that its pool may have are busy, so a closure is done
/// at once only if it was refused.
pub fn until_it_ends(handle: &Handle) {
    while !handle.spawn_blocking(|| ()).is_finished() {
        thread::yield_now();
    }
}

/// Ends a runtime in each of these ways while the only thread of its pool is busy. `before` is called when the
/// thread is busy, `after` when the runtime has ended and the thread too.
pub fn in_each_way<T>(
    flavour: Flavour,
    before: impl Fn(&Runtime) -> T,
    after: impl Fn(&'static str, T),
) {
    for (name, waits, end) in ENDINGS {
        let runtime = flavour.builder().max_blocking_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        let (running, release) = runs_on(&handle);
        let prepared = before(&runtime);
        let ending = thread::spawn(move || end(runtime));
        until_it_ends(&handle);
        if waits {
            assert!(!ending.is_finished(), "{name}: it does not wait");
            release.send(()).unwrap();
            ending.join().unwrap();
            assert_eq!(handle.metrics().num_blocking_threads(), 0, "{name}");
        } else {
            ending.join().unwrap();
            assert!(!running.is_finished());
            release.send(()).unwrap();
            while handle.metrics().num_blocking_threads() > 0 {
                thread::yield_now();
            }
        }
        after(name, prepared);
    }
}
