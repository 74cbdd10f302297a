//! Locks: `Semaphore`, `RwLock`, `Notify`.
//!
//! (Compiled for each peer: see `mod.rs`.)
//!
//! Next: `timers.rs`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::future::{join, join_all};

use super::super::{Run, Workloads, repeated};
use super::{channels, peer};
use crate::rt::Flavour;
use peer::runtime::Runtime;
use peer::sync::{Notify, RwLock, Semaphore};

/// How often the semaphore or lock is acquired in an iteration: one after the other, or at the same time.
const TIMES: usize = 6;

/// Permits for all of these, and for all but one.
const ENOUGH: usize = 10;
const TOO_FEW: usize = 5;

/// Tasks that acquire a single permit in turn, and how often each acquires it. Arbitrary.
const HOLDERS: usize = 8;
const HOLDS: usize = 100;

/// Notifications that must arrive in an iteration.
const ARRIVALS: usize = 500;

pub const WORKLOADS: &Workloads<Runtime> = &[
    ("semaphore_uncontended", |rt, _, _| semaphore(rt)),
    ("semaphore_uncontended_concurrent", |rt, flavour, _| at_once(rt, flavour, ENOUGH)),
    ("semaphore_contended_concurrent", |rt, flavour, _| at_once(rt, flavour, TOO_FEW)),
    ("semaphore_held_over_yield", |rt, _, _| hold_over_yield(rt)),
    ("rwlock_read_uncontended", |rt, _, _| read(rt)),
    ("rwlock_read_uncontended_concurrent", |rt, flavour, _| read_at_once(rt, flavour, false)),
    ("rwlock_read_contended_concurrent", |rt, flavour, _| read_at_once(rt, flavour, true)),
    ("notify_one_10", |rt, flavour, _| notify(rt, flavour, 10, Notify::notify_one)),
    ("notify_one_500", |rt, flavour, _| notify(rt, flavour, 500, Notify::notify_one)),
    ("notify_waiters_10", |rt, flavour, _| notify(rt, flavour, 10, Notify::notify_waiters)),
    ("notify_waiters_500", |rt, flavour, _| notify(rt, flavour, 500, Notify::notify_waiters)),
];

/// Runs the futures as tasks on a multi-thread runtime, and in one task on a current-thread runtime.
async fn all_at_once<F>(flavour: Flavour, futures: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    match flavour {
        Flavour::MultiThread => channels::join_all(futures.map(peer::spawn).collect()).await,
        Flavour::CurrentThread => drop(join_all(futures).await),
    }
}

fn semaphore(rt: &Runtime) -> Run<'_> {
    let semaphore = Semaphore::new(ENOUGH);
    repeated(move || {
        rt.block_on(async {
            for _ in 0..TIMES {
                drop(semaphore.acquire().await);
            }
        })
    })
}

fn at_once(rt: &Runtime, flavour: Flavour, permits: usize) -> Run<'_> {
    let semaphore = Arc::new(Semaphore::new(permits));
    let acquire = move |_| {
        let semaphore = semaphore.clone();
        async move { drop(semaphore.acquire().await) }
    };
    repeated(move || rt.block_on(all_at_once(flavour, (0..TIMES).map(&acquire))))
}

/// Each task yields while it holds the permit, so that the other tasks wait in the semaphore's queue.
fn hold_over_yield(rt: &Runtime) -> Run<'_> {
    let semaphore = Arc::new(Semaphore::new(1));
    repeated(move || {
        rt.block_on(async {
            let hold = |_| {
                let semaphore = semaphore.clone();
                peer::spawn(async move {
                    for _ in 0..HOLDS {
                        let permit = semaphore.acquire().await;
                        peer::task::yield_now().await;
                        drop(permit);
                    }
                })
            };
            channels::join_all((0..HOLDERS).map(hold).collect()).await;
        })
    })
}

fn read(rt: &Runtime) -> Run<'_> {
    let lock = RwLock::new(());
    repeated(move || {
        rt.block_on(async {
            for _ in 0..TIMES {
                drop(black_box(lock.read().await));
            }
        })
    })
}

fn read_at_once(rt: &Runtime, flavour: Flavour, while_written: bool) -> Run<'_> {
    let lock = Arc::new(RwLock::new(()));
    let read = {
        let lock = lock.clone();
        move |_| {
            let lock = lock.clone();
            async move { drop(black_box(lock.read().await)) }
        }
    };
    repeated(move || {
        rt.block_on(async {
            if !while_written {
                return all_at_once(flavour, (0..TIMES).map(&read)).await;
            }
            let writing = lock.write().await;
            let readers = all_at_once(flavour, (1..TIMES).map(&read));
            // `join` polls the readers first, while the lock is held for writing.
            join(readers, async move { drop(writing) }).await;
        })
    })
}

/// Notifies waiting tasks until enough notifications have arrived.
fn notify(rt: &Runtime, flavour: Flavour, waiters: usize, call: fn(&Notify)) -> Run<'_> {
    let notified = Arc::new((Notify::new(), AtomicUsize::new(0)));
    for _ in 0..waiters {
        let notified = notified.clone();
        rt.spawn(async move {
            loop {
                notified.0.notified().await;
                notified.1.fetch_add(1, Relaxed);
            }
        });
    }
    repeated(move || {
        let (notify, arrived) = &*notified;
        arrived.store(0, Relaxed);
        match flavour {
            Flavour::MultiThread => {
                while arrived.load(Relaxed) < ARRIVALS {
                    call(notify);
                }
            }
            Flavour::CurrentThread => rt.block_on(async {
                while arrived.load(Relaxed) < ARRIVALS {
                    call(notify);
                    peer::task::yield_now().await;
                }
            }),
        }
    })
}
