//! Laws of a builder's settings and of a runtime's metrics, beside those of `runtime.rs`.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use crate::common::{
    AtDrop, assert_not, assert_panics_here, on_every_flavour, panic_of, real, until,
};
use futures::channel::oneshot;
use openwork::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, TryCurrentError};
use openwork::task::yield_now;

#[test]
fn the_park_hooks_are_called_before_and_after_each_park() {
    on_every_flavour(|flavour| {
        let (parks, unparks) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (park, unpark, parked) = (parks.clone(), unparks.clone(), parks.clone());
        let runtime = flavour
            .builder()
            .on_thread_park(move || {
                assert!(Handle::try_current().is_ok());
                park.fetch_add(1, SeqCst);
            })
            .on_thread_unpark(move || {
                assert!(unpark.fetch_add(1, SeqCst) < parked.load(SeqCst));
            })
            .build()
            .unwrap();
        for _ in 0..10 {
            let (wake, woken) = oneshot::channel();
            let before = parks.load(SeqCst);
            let task = runtime.spawn(woken);
            thread::scope(|s| {
                s.spawn(|| {
                    while parks.load(SeqCst) == before {
                        thread::yield_now();
                    }
                    wake.send(()).unwrap();
                });
                runtime.block_on(task).unwrap().unwrap();
            });
        }
        drop(runtime);
        assert!(parks.load(SeqCst) >= 10);
        assert_eq!(parks.load(SeqCst), unparks.load(SeqCst));
    });
}

/// The hook is called when no task can run, and then makes one that can.
#[test]
fn what_the_park_hook_spawns_or_wakes_runs() {
    on_every_flavour(|flavour| {
        let waker = Arc::new(Mutex::new(None::<oneshot::Sender<()>>));
        let (begun, runs) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
        let (ours, first, count) = (waker.clone(), begun.clone(), runs.clone());
        let runtime = flavour
            .builder()
            .on_thread_park(move || {
                if let Some(waker) = ours.lock().unwrap().take() {
                    waker.send(()).unwrap();
                    let count = count.clone();
                    first.get_or_init(|| {
                        drop(openwork::spawn(async move { count.fetch_add(1, SeqCst) }));
                    });
                }
            })
            .on_thread_unpark(|| panic!("the hook panics"))
            .build()
            .unwrap();
        runtime.block_on(async {
            let (wake, woken) = oneshot::channel();
            *waker.lock().unwrap() = Some(wake);
            // Something that goes to sleep: this thread, or a worker.
            openwork::spawn(async { woken.await.unwrap() }).await.unwrap();
            until(|| runs.load(SeqCst) == 1).await;
        });
    });
}

#[test]
fn settings_of_tokios_builder_that_have_no_effect_are_accepted() {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().enable_io().enable_time();
    assert_eq!(builder.build().unwrap().block_on(async { 1 }), 1);
}

#[test]
fn a_runtime_and_its_handle_return_the_same_metrics() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let _waits = runtime.spawn(std::future::pending::<()>());
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
        assert_eq!(runtime.metrics().num_workers(), runtime.handle().metrics().num_workers());
    });
}

/// (Behaviour 41.)
#[test]
fn a_panic_breaks_no_invariant_of_a_runtime() {
    fn everywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    everywhere::<Runtime>();
    everywhere::<Handle>();
    everywhere::<RuntimeMetrics>();
    everywhere::<TryCurrentError>();
    fn is_looked_at_from_everywhere<T: Sync + Unpin>() {}
    is_looked_at_from_everywhere::<EnterGuard<'_>>();
    assert_not!(EnterGuard<'_>: Send);
}

#[test]
fn a_thread_that_ends_is_in_no_runtime() {
    thread_local! {
        static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    type Late = AtDrop<Box<dyn FnMut()>>;
    let missing = Handle::try_current().unwrap_err();
    assert!(missing.is_missing_context() && !missing.is_thread_local_destroyed());
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        // Made first, and so dropped last.
        LATE.set(Some(AtDrop(Box::new(move || send.send(Handle::try_current()).unwrap()))));
        real().block_on(yield_now());
    });
    let missing = receive.recv().unwrap().unwrap_err();
    assert!(missing.is_thread_local_destroyed() && !missing.is_missing_context());
    assert!(missing.to_string().contains("ending"), "{missing}");
}

/// (Behaviours 4 and 40.)
#[test]
fn a_thread_name_with_nul_is_refused_at_the_callers_line() {
    let mut builder = Builder::new_current_thread();
    assert_panics_here("`thread_name` must not contain NUL", || _ = builder.thread_name("a\0b"));
    // The name that was set before stays.
    let mut builder = Builder::new_current_thread();
    builder.thread_name("before");
    panic_of(|| _ = builder.thread_name("a\0b")).unwrap();
    let runtime = builder.build().unwrap();
    let name = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(name).unwrap().as_deref(), Some("before"));
}

#[test]
fn blocking_within_a_runtime_panics_at_the_callers_line() {
    on_every_flavour(|flavour| {
        let (runtime, other) = (flavour.build(), flavour.build());
        runtime.block_on(async {
            let line = line!() + 1;
            let panicked = panic_of(|| other.block_on(async {})).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            let line = line!() + 1;
            let panicked = panic_of(|| other.handle().block_on(async {})).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        });
    });
}
