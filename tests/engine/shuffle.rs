//! `Builder::shuffle`: a seed chooses the next task, the order of equal deadlines, and the order of sockets that are
//! ready at once.

use std::collections::HashSet;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openwork::net::UnixStream;
use openwork::runtime::{Builder, Runtime};
use openwork::task::yield_now;
use openwork::time::sleep;

use crate::common::{ends, panic_of};

const SEEDS: u64 = 100;

fn shuffled(seed: u64) -> Runtime {
    Builder::new_current_thread().start_paused(true).shuffle(seed).build().unwrap()
}

/// In which order a few tasks of a runtime with this seed come to their last line.
fn order_of<F>(runtime: &Runtime, tasks: u32, body: impl Fn(u32) -> F) -> Vec<u32>
where
    F: Future<Output = ()> + Send + 'static,
{
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..tasks)
            .map(|number| {
                let (order, body) = (order.clone(), body(number));
                openwork::spawn(async move {
                    body.await;
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    Arc::into_inner(order).unwrap().into_inner().unwrap()
}

/// The different orders in which three tasks end, under many seeds.
fn orders<F>(body: impl Fn(u32) -> F) -> HashSet<Vec<u32>>
where
    F: Future<Output = ()> + Send + 'static,
{
    (0..SEEDS).map(|seed| order_of(&shuffled(seed), 3, &body)).collect()
}

#[test]
fn every_order_of_tasks_that_are_ready_occurs() {
    ends(|| assert_eq!(orders(|_| std::future::ready(())).len(), 6));
}

#[test]
fn every_order_of_equal_deadlines_occurs() {
    // The timers alone: that tasks with one deadline are woken in an order that is not the order of their polls.
    let events = |seed| {
        let fired = Arc::new(Mutex::new(Vec::new()));
        let runtime = shuffled(seed);
        let sleeps: Vec<_> = (0..3_u32)
            .map(|number| {
                let (fired, _in) = (fired.clone(), runtime.enter());
                let waker = futures_task::waker(Arc::new(Tell { number, fired }));
                (Box::pin(sleep(Duration::from_secs(1))), waker)
            })
            .collect();
        runtime.block_on(async {
            let mut sleeps = sleeps;
            for (sleep, waker) in &mut sleeps {
                let mut cx = std::task::Context::from_waker(waker);
                assert!(sleep.as_mut().poll(&mut cx).is_pending());
            }
            sleep(Duration::from_secs(2)).await;
        });
        Arc::into_inner(fired).unwrap().into_inner().unwrap()
    };
    ends(move || {
        let orders: HashSet<Vec<u32>> = (0..SEEDS).map(events).collect();
        assert_eq!(orders.len(), 6);
    });
}

/// A waker that says that it was called.
struct Tell {
    number: u32,
    fired: Arc<Mutex<Vec<u32>>>,
}

impl futures_task::ArcWake for Tell {
    fn wake_by_ref(tell: &Arc<Self>) {
        tell.fired.lock().unwrap().push(tell.number);
    }
}

#[test]
fn every_order_of_sockets_that_are_ready_at_once_occurs() {
    let events = |seed| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let runtime = shuffled(seed);
        runtime.block_on(async {
            let mut waiting = Vec::new();
            for number in 0..3_u32 {
                let (ours, theirs) = StdStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                let stream = UnixStream::from_std(ours).unwrap();
                let fired = order.clone();
                let waker = futures_task::waker(Arc::new(Tell { number, fired }));
                waiting.push((stream, theirs, waker));
            }
            let mut reads: Vec<_> = waiting
                .iter()
                .map(|(stream, _, waker)| (Box::pin(stream.readable()), waker))
                .collect();
            for (read, waker) in &mut reads {
                let mut cx = std::task::Context::from_waker(waker);
                assert!(read.as_mut().poll(&mut cx).is_pending());
            }
            for (_, theirs, _) in &waiting {
                std::io::Write::write_all(&mut &*theirs, b"x").unwrap();
            }
            // One tick of the driver finds all three.
            while order.lock().unwrap().len() < 3 {
                yield_now().await;
            }
        });
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    };
    ends(move || {
        let orders: HashSet<Vec<u32>> = (0..SEEDS).map(events).collect();
        assert_eq!(orders.len(), 6);
    });
}

#[test]
fn a_seed_gives_the_same_trace_in_a_hundred_runs() {
    let trace = |seed| {
        let records = Arc::new(Mutex::new(Vec::new()));
        let sink = records.clone();
        let runtime = Builder::new_current_thread()
            .start_paused(true)
            .shuffle(seed)
            .on_event(move |record| sink.lock().unwrap().push(*record))
            .build()
            .unwrap();
        let body = |number: u32| async move {
            for _ in 0..number % 3 {
                yield_now().await;
            }
            sleep(Duration::from_millis(u64::from(number % 2))).await;
        };
        let order = order_of(&runtime, 10, body);
        let records = records.lock().unwrap();
        // The ids of tasks count through the process: here they are numbered as they appear.
        let mut seen = Vec::new();
        let mut number = |id| {
            seen.iter().position(|seen| *seen == id).unwrap_or_else(|| {
                seen.push(id);
                seen.len() - 1
            })
        };
        let steps = records.iter().map(|record| {
            (record.at, std::mem::discriminant(&record.event), record.task.map(&mut number))
        });
        (order, steps.collect::<Vec<_>>())
    };
    ends(move || {
        let once = trace(7);
        assert!(once.1.len() > 50);
        for _ in 0..100 {
            assert!(trace(7) == once);
        }
        assert_ne!(trace(8).0, once.0);
    });
}

#[test]
fn a_multi_thread_runtime_cannot_be_shuffled() {
    let panicked = panic_of(|| drop(Builder::new_multi_thread().shuffle(1).build())).unwrap();
    assert!(panicked.message.contains("`shuffle` needs a current-thread runtime"));
    assert!(panicked.file.ends_with("shuffle.rs"));
}
