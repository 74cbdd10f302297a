//! Laws of the blocking pool: which closures run when the runtime ends, and what happens when a thread cannot
//! be started.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{
    AtDrop, Flavour, assert_panics_here, ends, in_each_way, on_every_flavour, panic_of, runs_on,
    thread_id, until_it_sleeps,
};
use openwork::runtime::{Builder, Handle};
use openwork::task::{JoinError, JoinHandle, spawn_blocking};
use openwork::time::sleep;

/// A stack for which no system has the memory: a thread with it cannot be started.
const TOO_LARGE: usize = usize::MAX / 4;

fn join<T>(closure: JoinHandle<T>) -> Result<T, JoinError> {
    futures::executor::block_on(closure)
}

/// Takes the pool's lock when it is dropped.
fn uses_the_pool(handle: &Handle) -> impl Send + 'static + use<> {
    let metrics = handle.metrics();
    AtDrop(move || _ = metrics.num_blocking_threads())
}

// ---- when the runtime ends ----

#[test]
fn every_closure_accepted_before_the_end_runs() {
    on_every_flavour(|flavour| {
        in_each_way(
            flavour,
            |runtime| {
                let ran = Arc::new(Mutex::new(Vec::new()));
                let spawn = |number: usize| {
                    let ran = ran.clone();
                    runtime.spawn_blocking(move || {
                        assert!(number != 50, "this one panics");
                        ran.lock().unwrap().push(number);
                    })
                };
                let closures: Vec<_> = (0..100).map(spawn).collect();
                // This one is not awaited, and this one is aborted.
                drop(spawn(100));
                let aborted = spawn(101);
                aborted.abort();
                (ran, closures, aborted)
            },
            |name, (ran, closures, aborted)| {
                let expected: Vec<_> = (0..=100).filter(|number| *number != 50).collect();
                assert_eq!(*ran.lock().unwrap(), expected, "{name}");
                for (number, closure) in closures.into_iter().enumerate() {
                    assert_eq!(join(closure).is_ok(), number != 50, "{name}, {number}");
                }
                assert!(join(aborted).unwrap_err().is_cancelled(), "{name}");
            },
        );
    });
}

/// Otherwise closures that spawn each other would keep the runtime for ever.
#[test]
fn what_a_closure_spawns_after_the_end_is_cancelled() {
    on_every_flavour(|flavour| {
        in_each_way(
            flavour,
            |runtime| {
                runtime.spawn_blocking(|| {
                    let late = Handle::current().spawn_blocking(|| ());
                    late.is_finished() && join(late).unwrap_err().is_cancelled()
                })
            },
            |name, closure| assert!(join(closure).unwrap(), "{name}"),
        );
    });
}

/// The pool is closed before the tasks are dropped, on each flavour. The closure is dropped without the pool's lock.
#[test]
fn what_a_destructor_gives_to_the_pool_at_the_end_is_cancelled() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (tell, told) = mpsc::channel();
        let at_drop = AtDrop(move || {
            let handle = Handle::current();
            let value = uses_the_pool(&handle);
            tell.send(handle.spawn_blocking(move || drop(value))).unwrap();
        });
        drop(runtime.spawn(async move {
            let _at_drop = at_drop;
            pending::<()>().await;
        }));
        drop(runtime);
        assert!(join(told.recv().unwrap()).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_closure_that_races_with_the_end_runs_or_is_cancelled_at_once() {
    on_every_flavour(|flavour| {
        for _ in 0..if flavour == Flavour::Workers(64) { 5 } else { 50 } {
            let runtime = flavour.builder().max_blocking_threads(2).build().unwrap();
            let (ran, start) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(3)));
            let spawners = [(); 2].map(|()| {
                let (handle, ran, start) = (runtime.handle().clone(), ran.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    let mut accepted = Vec::new();
                    loop {
                        let ran = ran.clone();
                        let closure = handle.spawn_blocking(move || _ = ran.fetch_add(1, SeqCst));
                        // A closure that is refused is done at once. So may be one that is accepted.
                        if !closure.is_finished() {
                            accepted.push(closure);
                        } else if join(closure).is_err() {
                            return accepted;
                        }
                    }
                })
            });
            start.wait();
            drop(runtime);
            let ran_before_drop_returned = ran.load(SeqCst);
            for closure in spawners.into_iter().flat_map(|spawner| spawner.join().unwrap()) {
                join(closure).unwrap();
            }
            assert_eq!(ran.load(SeqCst), ran_before_drop_returned);
        }
    });
}

/// A closure is accepted before its thread has begun.
#[test]
fn the_end_waits_for_a_thread_that_is_starting() {
    on_every_flavour(|flavour| {
        let (names, naming) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let (built, wait) = (Arc::new(AtomicBool::new(false)), Mutex::new(wait));
        let ours = built.clone();
        let runtime = flavour
            .builder()
            .thread_name_fn(move || {
                if ours.load(SeqCst) {
                    names.send(()).unwrap();
                    wait.lock().unwrap().recv().unwrap()
                }
                "a thread".to_owned()
            })
            .build()
            .unwrap();
        built.store(true, SeqCst);
        let handle = runtime.handle().clone();
        let spawner = thread::spawn(move || handle.spawn_blocking(|| 1));
        naming.recv().unwrap();
        let (start, limit) = (Instant::now(), Duration::from_millis(50));
        runtime.shutdown_timeout(limit);
        assert!(start.elapsed() >= limit, "its closure has not run");
        go_on.send(()).unwrap();
        assert_eq!(join(spawner.join().unwrap()).unwrap(), 1);
    });
}

/// A thread that has taken its last closure still calls user code, inside the runtime.
#[test]
fn the_end_waits_for_a_thread_that_leaves() {
    on_every_flavour(|flavour| {
        let (leaves, leaving) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let runtime = flavour
            .builder()
            .thread_keep_alive(Duration::from_millis(1))
            .on_thread_stop(move || {
                let thread = thread::current();
                if thread.name().is_some_and(|name| name.starts_with("openwork-blocking")) {
                    leaves.send(()).unwrap();
                    let _ = wait.lock().unwrap().recv();
                }
            })
            .build()
            .unwrap();
        join(runtime.spawn_blocking(|| ())).unwrap();
        leaving.recv().unwrap();
        assert_eq!(runtime.metrics().num_blocking_threads(), 0, "it takes no more closures");
        let (start, limit) = (Instant::now(), Duration::from_millis(50));
        runtime.shutdown_timeout(limit);
        assert!(start.elapsed() >= limit, "its thread is still there");
        drop(release);
    });
}

// ---- how many threads ----

#[test]
fn a_closure_does_not_wait_for_those_that_block() {
    on_every_flavour(|flavour| {
        let runtime = flavour.builder().max_blocking_threads(6).build().unwrap();
        // Later, there are threads that wait for work, and then not enough of them.
        for blocked in [1, 1, 3, 5] {
            // Each has begun before the next one is spawned.
            let blocked: Vec<_> = (0..blocked).map(|_| runs_on(runtime.handle())).collect();
            assert_eq!(join(runtime.spawn_blocking(|| 1)).unwrap(), 1);
            for (closure, release) in blocked {
                release.send(()).unwrap();
                join(closure).unwrap();
            }
        }
    });
}

/// It would take the closure too when it has been idle for its whole time: here that is an hour.
#[test]
fn an_idle_thread_takes_the_next_closure_at_once() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(1).thread_keep_alive(Duration::from_secs(3600));
        builder.build().unwrap().block_on(async {
            for _ in 0..10 {
                let id = spawn_blocking(thread_id).await.unwrap();
                until_it_sleeps(id);
            }
        });
    });
}

/// Otherwise each of the closures here starts a thread.
#[test]
fn a_closure_starts_no_thread_while_one_is_idle() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        builder.thread_keep_alive(Duration::from_secs(3600)).build().unwrap().block_on(async {
            for _ in 0..20 {
                let id = spawn_blocking(thread_id).await.unwrap();
                until_it_sleeps(id);
            }
            // A thread may sleep for a moment elsewhere, before it is idle.
            let threads = Handle::current().metrics().num_blocking_threads();
            assert!(threads < 5, "{threads} threads");
        });
    });
}

// ---- when a thread cannot be started ----

/// The pool may have one thread, which is being started for another closure.
#[test]
fn a_closure_that_relies_on_a_thread_that_does_not_start_is_cancelled() {
    ends(|| {
        let (names, naming) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(1)
            .thread_stack_size(TOO_LARGE)
            .thread_name_fn(move || {
                names.send(()).unwrap();
                wait.lock().unwrap().recv().unwrap()
            })
            .build()
            .unwrap();
        let held = Arc::new(());
        let ours = (held.clone(), uses_the_pool(runtime.handle()));
        thread::scope(|scope| {
            let first = scope.spawn(|| panic_of(|| runtime.spawn_blocking(|| ())));
            naming.recv().unwrap();
            let second = runtime.spawn_blocking(move || drop(ours));
            assert!(!second.is_finished());
            go_on.send("it does not help".to_owned()).unwrap();
            let panicked = first.join().unwrap().expect("there is no thread");
            assert!(panicked.message.contains("no thread"), "{panicked:?}");
            assert!(join(second).unwrap_err().is_cancelled());
        });
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(runtime.metrics().num_blocking_threads(), 0);
    });
}

/// The end of the runtime has waited for the thread. With no signal to it, it would wait for ever.
#[test]
fn the_end_learns_that_a_thread_does_not_start() {
    ends(|| {
        let (names, naming) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let runtime = Builder::new_current_thread()
            .thread_stack_size(TOO_LARGE)
            .thread_name_fn(move || {
                names.send(()).unwrap();
                wait.lock().unwrap().recv().unwrap()
            })
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let spawner = thread::spawn(move || panic_of(|| handle.spawn_blocking(|| ())));
        naming.recv().unwrap();
        let (tell, id) = mpsc::channel();
        let end = thread::spawn(move || {
            tell.send(thread_id()).unwrap();
            drop(runtime);
        });
        until_it_sleeps(id.recv().unwrap());
        go_on.send("it does not help".to_owned()).unwrap();
        spawner.join().unwrap();
        end.join().unwrap();
    });
}

/// Another thread that has not begun is no reason to accept a closure: it may not start either.
#[test]
fn when_no_thread_starts_each_caller_is_told() {
    ends(|| {
        let (names, naming) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let (first, wait) = (AtomicBool::new(true), Mutex::new(wait));
        let runtime = Builder::new_current_thread()
            .thread_stack_size(TOO_LARGE)
            .thread_name_fn(move || {
                if first.swap(false, SeqCst) {
                    names.send(()).unwrap();
                    wait.lock().unwrap().recv().unwrap()
                } else {
                    String::new()
                }
            })
            .build()
            .unwrap();
        let told =
            || panic_of(|| runtime.spawn_blocking(|| ())).expect("there is no thread").message;
        thread::scope(|scope| {
            let first = scope.spawn(told);
            naming.recv().unwrap();
            assert!(told().contains("no thread"));
            go_on.send(String::new()).unwrap();
            assert!(first.join().unwrap().contains("no thread"));
        });
        assert_eq!(runtime.metrics().num_blocking_threads(), 0);
    });
}

/// The panic is the caller's; the closure does not run, and the thread is not counted.
#[test]
fn a_thread_whose_name_panics_is_not_counted() {
    on_every_flavour(|flavour| {
        let panics = Arc::new(AtomicBool::new(false));
        let ours = panics.clone();
        let runtime = flavour
            .builder()
            .thread_name_fn(move || {
                assert!(!ours.load(SeqCst), "there is no name");
                "a thread".to_owned()
            })
            .build()
            .unwrap();
        let metrics = runtime.metrics();
        let panics_once = |threads: usize| {
            let held = Arc::new(());
            let ours = held.clone();
            panics.store(true, SeqCst);
            let panicked = panic_of(|| runtime.spawn_blocking(move || drop(ours)));
            panics.store(false, SeqCst);
            assert_eq!(panicked.unwrap().message, "there is no name");
            assert_eq!(Arc::strong_count(&held), 1, "the closure is dropped");
            assert_eq!(metrics.num_blocking_threads(), threads);
        };
        panics_once(0);
        let (running, release) = runs_on(runtime.handle());
        // Now there is a thread that could take the closure.
        panics_once(1);
        assert_eq!(join(runtime.spawn_blocking(|| 1)).unwrap(), 1);
        assert_eq!(metrics.num_blocking_threads(), 2);
        release.send(()).unwrap();
        join(running).unwrap();
        drop(runtime);
        assert_eq!(metrics.num_blocking_threads(), 0);
    });
}

#[test]
fn a_thread_whose_name_contains_nul_is_not_counted() {
    on_every_flavour(|flavour| {
        let nul = Arc::new(AtomicBool::new(false));
        let ours = nul.clone();
        let mut builder = flavour.builder();
        builder.thread_name_fn(move || {
            if ours.load(SeqCst) { "a\0b".to_owned() } else { "a thread".to_owned() }
        });
        let runtime = builder.build().unwrap();
        nul.store(true, SeqCst);
        assert_panics_here("contains NUL", || runtime.spawn_blocking(|| ()));
        let error = runtime.block_on(openwork::fs::read("Cargo.toml")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(runtime.metrics().num_blocking_threads(), 0);
        if flavour != Flavour::CurrentThread {
            assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        nul.store(false, SeqCst);
        assert_eq!(join(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    });
}

/// A paused clock does not jump while closures wait or run.
#[test]
fn a_closure_that_was_not_accepted_does_not_hold_a_paused_clock() {
    ends(|| {
        for nul in [false, true] {
            let runtime = Builder::new_current_thread()
                .start_paused(true)
                .thread_name_fn(move || {
                    assert!(nul, "there is no name");
                    "\0".to_owned()
                })
                .build()
                .unwrap();
            panic_of(|| runtime.spawn_blocking(|| ())).unwrap();
            runtime.block_on(async { sleep(Duration::from_secs(3600)).await });
        }
    });
}
