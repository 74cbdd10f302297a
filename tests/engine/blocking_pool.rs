//! Laws of the blocking pool: which closures run when the runtime ends.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use crate::common::{AtDrop, Flavour, in_each_way, on_every_flavour};
use openwork::runtime::Handle;
use openwork::task::{JoinError, JoinHandle};

fn join<T>(closure: JoinHandle<T>) -> Result<T, JoinError> {
    futures::executor::block_on(closure)
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
                // Nobody awaits this one, and this one is aborted.
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

/// Or a closure that spawns the next one would keep the runtime for ever.
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

/// The pool is closed before the tasks are dropped, on each flavour.
#[test]
fn what_a_destructor_gives_to_the_pool_at_the_end_is_cancelled() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (tell, told) = mpsc::channel();
        let at_drop = AtDrop(move || {
            tell.send(Handle::current().spawn_blocking(|| ())).unwrap();
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
