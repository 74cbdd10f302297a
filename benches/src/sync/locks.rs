//! Locks: a semaphore, a lock for readers and writers, and `Notify`.
//!
//! (Compiled for each peer: see `mod.rs`.)

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::future::{join, join_all};

use super::super::{Course, Workloads, turns};
use super::peer;
use crate::rt::Flavour;
use peer::runtime::Runtime;
use peer::sync::{Notify, RwLock, Semaphore};

/// How often it is taken in a turn, one after the other or by so many at once.
const TIMES: usize = 6;

/// Permits for all of those, and not for all.
const ENOUGH: usize = 10;
const TOO_FEW: usize = 5;

/// Tasks that take turns with a single permit, and how often each has it. Arbitrary.
const HOLDERS: usize = 8;
const HOLDS: usize = 100;

/// Notifications that have to arrive in a turn.
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

/// On several workers in tasks of their own, on one in the same task.
async fn all_at_once<F>(flavour: Flavour, futures: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    match flavour {
        Flavour::MultiThread => {
            let tasks: Vec<_> = futures.map(peer::spawn).collect();
            for task in tasks {
                task.await.expect("it does not panic");
            }
        }
        Flavour::CurrentThread => drop(join_all(futures).await),
    }
}

fn semaphore(rt: &Runtime) -> Course<'_> {
    let semaphore = Semaphore::new(ENOUGH);
    turns(move || {
        rt.block_on(async {
            for _ in 0..TIMES {
                drop(semaphore.acquire().await);
            }
        })
    })
}

fn at_once(rt: &Runtime, flavour: Flavour, permits: usize) -> Course<'_> {
    let semaphore = Arc::new(Semaphore::new(permits));
    let acquire = move |_| {
        let semaphore = semaphore.clone();
        async move { drop(semaphore.acquire().await) }
    };
    turns(move || rt.block_on(all_at_once(flavour, (0..TIMES).map(&acquire))))
}

/// Each holder yields with its permit, so that all other tasks wait in the semaphore's queue.
fn hold_over_yield(rt: &Runtime) -> Course<'_> {
    let semaphore = Arc::new(Semaphore::new(1));
    turns(move || {
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
            let tasks: Vec<_> = (0..HOLDERS).map(hold).collect();
            for task in tasks {
                task.await.expect("it does not panic");
            }
        })
    })
}

fn read(rt: &Runtime) -> Course<'_> {
    let lock = RwLock::new(());
    turns(move || {
        rt.block_on(async {
            for _ in 0..TIMES {
                drop(black_box(lock.read().await));
            }
        })
    })
}

fn read_at_once(rt: &Runtime, flavour: Flavour, while_written: bool) -> Course<'_> {
    let lock = Arc::new(RwLock::new(()));
    let read = {
        let lock = lock.clone();
        move |_| {
            let lock = lock.clone();
            async move { drop(black_box(lock.read().await)) }
        }
    };
    turns(move || {
        rt.block_on(async {
            if !while_written {
                return all_at_once(flavour, (0..TIMES).map(&read)).await;
            }
            let writing = lock.write().await;
            let readers = all_at_once(flavour, (1..TIMES).map(&read));
            // The readers go first, and find it taken.
            join(readers, async move { drop(writing) }).await;
        })
    })
}

/// Tasks that are notified again and again, until enough notifications have arrived.
fn notify(rt: &Runtime, flavour: Flavour, waiters: usize, notify: fn(&Notify)) -> Course<'_> {
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
    turns(move || {
        let (there, arrived) = &*notified;
        arrived.store(0, Relaxed);
        match flavour {
            Flavour::MultiThread => {
                while arrived.load(Relaxed) < ARRIVALS {
                    notify(there);
                }
            }
            Flavour::CurrentThread => rt.block_on(async {
                while arrived.load(Relaxed) < ARRIVALS {
                    notify(there);
                    peer::task::yield_now().await;
                }
            }),
        }
    })
}
