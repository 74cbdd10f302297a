//! Laws of a runtime that is dropped on one of the threads that it started. A wait for the end of its threads
//! would never return there. So the drop panics, whichever runtime the thread has entered; in a destructor of a
//! thread-local, which must not panic, it ends the runtime without waiting.

use std::cell::RefCell;
use std::fs;
use std::future::{Future, pending};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Context;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use openwork::runtime::{Builder, Runtime};
use openwork::task::yield_now;
use openwork::time::sleep;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Flavour, alone, calls, ends, message_of, on_each_of, on_every_flavour, panic_of, real,
    threads,
};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[track_caller]
fn is_refused(drops: impl FnOnce()) {
    let message = panic_of(drops).expect("it is refused").message;
    assert!(message.contains("Cannot drop a runtime"), "{message}");
    assert!(message.contains("`shutdown_background`"), "{message}");
}

/// How a runtime may be told to end.
const ENDS: [fn(Runtime); 2] = [drop, |runtime| runtime.shutdown_timeout(HOUR)];

// ---- user code ----

#[test]
fn a_closure_that_drops_its_own_runtime_is_told_so_in_whichever_runtime_it_is() {
    on_every_flavour(|flavour| {
        for end in ENDS {
            for enters in [false, true] {
                let (runtime, other) = (flavour.build(), real());
                let task = runtime.spawn(pending::<()>());
                let handle = runtime.handle().clone();
                let closure = handle.spawn_blocking(move || {
                    let _entered = enters.then(|| other.enter());
                    is_refused(|| end(runtime));
                });
                block_on(closure).unwrap();
                // The runtime ends all the same.
                assert!(block_on(task).unwrap_err().is_cancelled());
            }
        }
    });
}

/// Not in the scope's tasks, which run on a thread of the other one.
#[test]
fn a_closure_that_drops_its_own_runtime_within_a_scope_of_another_panics() {
    on_every_flavour(|flavour| {
        for end in ENDS {
            let (runtime, other) = (flavour.build(), real());
            let handle = runtime.handle().clone();
            let closure =
                handle.spawn_blocking(move || other.scope(|_| is_refused(|| end(runtime))));
            block_on(closure).unwrap();
            let (runtime, other) = (flavour.build(), real());
            let handle = runtime.handle().clone();
            let closure = handle
                .spawn_blocking(move || other.block_on(async { is_refused(|| end(runtime)) }));
            block_on(closure).unwrap();
        }
    });
}

/// The second panic, that of the drop, would end the process.
#[test]
fn a_closure_that_drops_its_own_runtime_in_a_panic_ends_with_that_panic() {
    alone("a_closure_that_drops_its_own_runtime_in_a_panic_ends_with_that_panic", || {
        on_every_flavour(|flavour| {
            for enters in [false, true] {
                let (runtime, other) = (flavour.build(), real());
                let task = runtime.spawn(pending::<()>());
                let handle = runtime.handle().clone();
                let closure = handle.spawn_blocking(move || {
                    let _entered = enters.then(|| other.enter());
                    let _held = runtime;
                    panic!("the first");
                });
                let payload = block_on(closure).unwrap_err().into_panic();
                assert_eq!(message_of(&*payload), "the first");
                assert!(block_on(task).unwrap_err().is_cancelled());
            }
        });
    });
}

#[test]
fn a_closure_may_end_its_own_runtime_without_waiting() {
    on_every_flavour(|flavour| {
        for enters in [false, true] {
            let (runtime, other) = (flavour.build(), real());
            let task = runtime.spawn(pending::<()>());
            let handle = runtime.handle().clone();
            let closure = handle.spawn_blocking(move || {
                let _entered = enters.then(|| other.enter());
                runtime.shutdown_background();
            });
            block_on(closure).unwrap();
            assert!(block_on(task).unwrap_err().is_cancelled());
        }
    });
}

/// The same in each hook, and on each kind of thread on which the hook is called.
#[test]
fn a_hook_that_drops_its_own_runtime_is_told_so() {
    type Hook = Box<dyn Fn() + Send + Sync>;
    type Sets = fn(&mut Builder, Hook) -> &mut Builder;
    fn law(flavour: Flavour, sets: Sets, enters: bool, reaches: impl Fn(&Runtime)) {
        let (give, take) = mpsc::channel::<Runtime>();
        let (tell, told) = mpsc::channel();
        let take = Mutex::new(Some(take));
        let other = real();
        let handle = other.handle().clone();
        let mut builder = flavour.builder();
        sets(
            builder.thread_keep_alive(Duration::ZERO),
            Box::new(move || {
                // Its first call takes the runtime.
                let Some(take) = take.lock().unwrap().take() else { return };
                let runtime = take.recv().unwrap();
                let _entered = enters.then(|| handle.enter());
                is_refused(|| drop(runtime));
                tell.send(()).unwrap();
            }),
        );
        let runtime = builder.build().unwrap();
        reaches(&runtime);

        let task = runtime.spawn(pending::<()>());
        give.send(runtime).unwrap();
        told.recv().expect("the hook was refused");
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    on_each_of(&[CurrentThread, Workers(1), Workers(4)], |flavour| {
        for enters in [false, true] {
            // On a worker, which begins, has nothing to do, and is woken.
            if flavour != CurrentThread {
                let naps = |runtime: &Runtime| drop(runtime.spawn(async { sleep(MS).await }));
                law(flavour, |builder, hook| builder.on_thread_start(hook), enters, |_| ());
                law(flavour, |builder, hook| builder.on_thread_park(hook), enters, |_| ());
                law(flavour, |builder, hook| builder.on_thread_unpark(hook), enters, naps);
            }
            // On a thread for blocking work, which ends as soon as it can.
            let blocks = |runtime: &Runtime| drop(runtime.spawn_blocking(|| ()));
            if flavour == CurrentThread {
                law(flavour, |builder, hook| builder.on_thread_start(hook), enters, blocks);
            }
            law(flavour, |builder, hook| builder.on_thread_stop(hook), enters, blocks);
        }
    });
}

/// A thread that another runtime has started may wait.
#[test]
fn a_closure_may_drop_another_runtime() {
    on_every_flavour(|flavour| {
        let (runtime, other) = (flavour.build(), flavour.build());
        let task = other.spawn(pending::<()>());
        let closure = runtime.spawn_blocking(move || {
            let handle = other.handle().clone();
            let _entered = handle.enter();
            drop(other);
        });
        block_on(closure).unwrap();
        assert!(block_on(task).unwrap_err().is_cancelled());
    });
}

// ---- destructors of thread-locals ----

thread_local! {
    /// Dropped when a thread has done its work: first the runtime, and then a value that reports it.
    static KEPT: RefCell<Option<(Runtime, Box<dyn Send>)>> = const { RefCell::new(None) };
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// Waits until the process has this number of descriptors and of threads.
fn until_only(before: (usize, usize)) {
    while (descriptors(), threads().len()) != before {
        thread::yield_now();
    }
}

/// As `shutdown_background` would: another closure runs on, and the thread does not wait for it.
#[test]
fn a_runtime_in_a_thread_local_of_its_blocking_thread_ends_with_that_thread() {
    alone("a_runtime_in_a_thread_local_of_its_blocking_thread_ends_with_that_thread", || {
        on_every_flavour(|flavour| {
            let before = (descriptors(), threads().len());
            let held = Arc::new(());
            let mut builder = flavour.builder();
            let runtime = builder.thread_keep_alive(Duration::ZERO).build().unwrap();
            let ours = held.clone();
            let task = runtime.spawn(async move { (pending::<()>().await, ours).0 });
            let (release, wait) = mpsc::channel::<()>();
            let other = runtime.spawn_blocking(move || {
                wait.recv().unwrap();
                "it ran to its end"
            });
            let (tell, dropped) = mpsc::channel();
            let handle = runtime.handle().clone();
            let keeper = handle.spawn_blocking(move || {
                let tells = AtDrop(move || tell.send(()).unwrap());
                KEPT.set(Some((runtime, Box::new(tells))));
            });
            block_on(keeper).unwrap();
            dropped.recv().unwrap();
            assert!(block_on(task).unwrap_err().is_cancelled());
            release.send(()).unwrap();
            assert_eq!(block_on(other).unwrap(), "it ran to its end");
            drop(handle);
            until_only(before);
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}

/// A thread-local of a worker lives as long as the worker, and so does a runtime in it. Here the worker ends
/// because it panics, as its poller does not work any more.
#[test]
fn a_runtime_in_a_thread_local_of_its_worker_ends_with_that_worker() {
    alone("a_runtime_in_a_thread_local_of_its_worker_ends_with_that_worker", || {
        ends(|| {
            let before = (descriptors(), threads().len());
            let held = Arc::new(());
            let runtime = Workers(1).build();
            let ours = held.clone();
            let task = runtime.spawn(async move { (pending::<()>().await, ours).0 });
            let (tell, dropped) = mpsc::channel();
            let handle = runtime.handle().clone();
            drop(handle.spawn(async move {
                let tells = AtDrop(move || tell.send(()).unwrap());
                KEPT.set(Some((runtime, Box::new(tells))));
                yield_now().await;
                break_poller();
            }));
            dropped.recv().unwrap();
            assert!(block_on(task).unwrap_err().is_cancelled());
            drop(handle);
            until_only(before);
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}

/// The runtime did not start this thread, so the drop waits.
#[test]
fn a_runtime_in_a_thread_local_of_a_thread_that_drove_it_ends_with_that_thread() {
    alone("a_runtime_in_a_thread_local_of_a_thread_that_drove_it_ends_with_that_thread", || {
        on_every_flavour(|flavour| {
            let before = (descriptors(), threads().len());
            let held = Arc::new(());
            let ours = held.clone();
            let user = thread::spawn(move || {
                let runtime = flavour.build();
                drop(runtime.spawn(async move { (pending::<()>().await, ours).0 }));
                runtime.block_on(yield_now());
                KEPT.set(Some((runtime, Box::new(()))));
            });
            user.join().unwrap();
            assert_eq!(Arc::strong_count(&held), 1);
            until_only(before);
        });
    });
}

// ---- a waker ----

/// A timer's waker is called by the thread that drives, which may be the monitor's or a worker's.
#[test]
fn a_waker_that_drops_its_own_runtime_is_told_so() {
    alone("a_waker_that_drops_its_own_runtime_is_told_so", || {
        on_each_of(&[Workers(1), Workers(2), Workers(4)], |flavour| {
            let before = (descriptors(), threads().len());
            let runtime = flavour.build();
            let task = runtime.spawn(pending::<()>());
            let mut sleeps = Box::pin({
                let _inside = runtime.enter();
                sleep(MS)
            });
            let (tell, told) = mpsc::channel();
            let held = Arc::new(Mutex::new(Some(runtime)));
            // The lock is held until the waker is in its place.
            let runtime = held.lock().unwrap();
            let drops = held.clone();
            let waker = calls(move || {
                let runtime = drops.lock().unwrap().take();
                tell.send(panic_of(|| drop(runtime))).unwrap();
            });
            assert!(sleeps.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop(runtime);
            let message = told.recv().unwrap().expect("it is refused").message;
            assert!(message.contains("`shutdown_background`"), "{message}");
            // The runtime ends all the same.
            assert!(block_on(task).unwrap_err().is_cancelled());
            drop((sleeps, waker));
            until_only(before);
        });
    });
}

// ---- a worker that panics ----

/// A worker that panics outside of any task is reported as gone, or `drop(runtime)` would wait for it for ever. The other
/// workers stop too. Here its poller stops working: the descriptor is replaced by one of another file.
#[test]
fn the_exit_of_a_worker_that_panics_is_reported() {
    alone("the_exit_of_a_worker_that_panics_is_reported", || {
        on_each_of(&[Workers(1), Workers(4)], |flavour| {
            let before = threads().len();
            let runtime = flavour.build();
            let (kept, canceled) = oneshot::channel::<()>();
            let task = runtime.spawn(async move { (pending::<()>().await, kept).0 });
            break_poller();
            // A worker finds out when it polls the driver again. The others are parked elsewhere.
            drop(runtime.spawn(async { sleep(MS).await }));
            assert!(
                runtime.block_on(canceled).is_err(),
                "the last worker to leave drops the tasks"
            );
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
            drop(runtime);
            while threads().len() > before {
                thread::yield_now();
            }
        });
    });
}

/// Replaces the only poller of this process by another file.
fn break_poller() {
    let descriptors = fs::read_dir("/proc/self/fd").expect("Linux");
    let pollers = descriptors.filter_map(|entry| {
        let path = entry.unwrap().path();
        let is_poller =
            fs::read_link(&path).is_ok_and(|file| file.as_os_str() == "anon_inode:[eventpoll]");
        is_poller.then(|| path.file_name().unwrap().to_str().unwrap().parse::<RawFd>().unwrap())
    });
    let pollers: Vec<_> = pollers.collect();
    let [poller] = pollers[..] else { panic!("there is one poller, not {pollers:?}") };
    let nothing = fs::File::open("/dev/null").unwrap();
    // SAFETY: the runtime has it open, and is not dropped meanwhile.
    let mut poller = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(poller) });
    rustix::io::dup2(&nothing, &mut poller).unwrap();
}
