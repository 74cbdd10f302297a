//! While one worker is blocked by its task, another steals from its queue.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use openwork::runtime::{Builder, Handle, RuntimeMetrics};
use openwork::task::yield_now;
use openwork::trace::Event;

/// A wait reaches this limit only if no worker comes.
const LONG: Duration = Duration::from_secs(5);

/// Blocks its thread until the other end is dropped. Returns whether it was.
fn is_released(held: &Receiver<()>) -> bool {
    held.recv_timeout(LONG) == Err(mpsc::RecvTimeoutError::Disconnected)
}

#[test]
fn a_task_that_yielded_does_not_wait_for_one_that_blocks() {
    let released = crate::common::ends(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let task = runtime.spawn(async {
            settle(&Handle::current().metrics());
            let (release, held) = mpsc::channel();
            // It runs next, and this task is behind it in the queue, where another worker can steal it.
            let blocks = openwork::spawn(async move { is_released(&held) });
            yield_now().await;
            drop(release);
            blocks.await.unwrap()
        });
        runtime.block_on(task).unwrap()
    });
    assert!(released, "a task was queued while a worker was parked");
}

/// A worker takes two tasks from the injector, one after the other. The first wakes a task, the second blocks.
#[test]
fn a_task_woken_by_an_injected_task_does_not_wait_for_the_next_that_blocks() {
    let released = crate::common::ends(|| {
        // The next two workers that are unparked wait, each for its own sender to be dropped.
        let gates = Arc::new(Mutex::new(Vec::<Receiver<()>>::new()));
        let hook = gates.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_unpark(move || {
                let gate = hook.lock().unwrap().pop();
                gate.into_iter().for_each(|gate| _ = gate.recv_timeout(LONG));
            })
            .build()
            .unwrap();
        let metrics = runtime.handle().metrics();
        let (wake, woken) = openwork::sync::oneshot::channel();
        let (release, held) = mpsc::channel();
        let waits = runtime.spawn(async move {
            woken.await.unwrap();
            drop(release);
        });
        // Both workers are parked.
        let parks = || [0, 1].map(|worker| metrics.worker_park_count(worker));
        while parks().contains(&0)
            || metrics.worker_poll_count(0) + metrics.worker_poll_count(1) == 0
        {
            thread::yield_now();
        }
        let (first, first_gate) = mpsc::channel();
        let (second, second_gate) = mpsc::channel();
        gates.lock().unwrap().extend([second_gate, first_gate]);
        runtime.spawn(async move { wake.send(()).unwrap() });
        let blocks = runtime.spawn(async move {
            drop(second);
            is_released(&held)
        });
        drop(first);
        let released = runtime.block_on(blocks).unwrap();
        runtime.block_on(waits).unwrap();
        released
    });
    assert!(
        released,
        "a task stood in the LIFO slot behind one that blocks, and a worker was parked"
    );
}

/// Of two tasks the first runs next on its worker, until the second takes its place in the LIFO slot: then another worker
/// could run the first.
#[test]
fn a_task_that_loses_its_place_in_the_lifo_slot_does_not_wait_for_one_that_blocks() {
    let released = crate::common::ends(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let task = runtime.spawn(async {
            let metrics = Handle::current().metrics();
            let (release, held) = mpsc::channel();
            settle(&metrics);
            drop(openwork::spawn(async move { drop(release) }));
            settle(&metrics);
            drop(openwork::spawn(async {}));
            is_released(&held)
        });
        runtime.block_on(task).unwrap()
    });
    assert!(released, "a task stood in the local queue while a worker was parked");
}

/// Waits until no worker but this one has anything to do.
fn settle(metrics: &RuntimeMetrics) {
    let parks = || (0..metrics.num_workers()).map(|worker| metrics.worker_park_count(worker)).sum();
    let mut seen: u64 = parks();
    loop {
        thread::sleep(Duration::from_millis(50));
        match parks() {
            now if now == seen => return,
            now => seen = now,
        }
    }
}

/// Two tasks are pushed while a worker searches, so no other worker is notified. The worker finds them in its
/// last check before it parks, and takes the first. Then it must notify another worker for the second.
#[test]
fn a_worker_that_finds_tasks_in_its_last_check_notifies_another() {
    let released = crate::common::ends(|| {
        const NONE: u32 = u32::MAX;
        let busy = Arc::new(AtomicU32::new(NONE));
        let (about_to_sleep, is_about_to_sleep) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let once = Mutex::new(Some((about_to_sleep, may_go_on)));
        let seen = busy.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_event(move |record| {
                let other = seen.load(SeqCst) != NONE && record.worker != Some(seen.load(SeqCst));
                if matches!(record.event, Event::Park { .. }) && other {
                    let Some((tell, wait)) = once.lock().unwrap().take() else {
                        return;
                    };
                    let _: (_, Result<(), _>) = (tell.send(()), wait.recv_timeout(LONG));
                }
            })
            .build()
            .unwrap();
        let metrics = runtime.handle().metrics();
        // One worker is busy …
        let (end, until_end) = mpsc::channel::<()>();
        let (says, which) = mpsc::channel();
        let inner = busy.clone();
        runtime.spawn(async move {
            let index = this_worker();
            inner.store(index, SeqCst);
            says.send(index).unwrap();
            let _ = until_end.recv_timeout(LONG);
        });
        let first = which.recv().unwrap() as usize;
        // … the other one has searched, found nothing, and is about to park …
        runtime.spawn(async {});
        is_about_to_sleep.recv().unwrap();
        // … and the first has parked, as one searching worker is enough.
        let parks = metrics.worker_park_count(first);
        drop(end);
        while metrics.worker_park_count(first) == parks {
            thread::yield_now();
        }
        let (release, held) = mpsc::channel();
        let one = runtime.spawn(async move { is_released(&held) });
        runtime.spawn(async move { drop(release) });
        go_on.send(()).unwrap();
        runtime.block_on(one).unwrap()
    });
    assert!(released, "a task stood in the injector while a worker slept");
}

/// A worker that is blocked has eight tasks in its queue. The other one steals them in turns: half of those that are left.
/// The event that says so finds the first of them in a queue, which it must leave in order.
#[test]
fn stolen_tasks_run_in_the_order_of_the_queue() {
    crate::common::ends(|| {
        let gate = Arc::new(Mutex::new(None::<Receiver<()>>));
        let stolen = Arc::new(Mutex::new(Vec::new()));
        let (closed, seen) = (gate.clone(), stolen.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_event(move |record| match record.event {
                Event::Searching => {
                    let gate = closed.lock().unwrap().take();
                    // Until its sender is dropped.
                    gate.into_iter().for_each(|gate| _ = gate.recv());
                }
                Event::Stolen { first, count, .. } => seen.lock().unwrap().push((first, count)),
                _ => {}
            })
            .build()
            .unwrap();
        let task = runtime.spawn(async move {
            let (open, closed) = mpsc::channel();
            *gate.lock().unwrap() = Some(closed);
            let (say, said) = mpsc::channel();
            let tasks = [(); 8].map(|()| {
                let say = say.clone();
                openwork::spawn(async move { say.send(openwork::task::id()).unwrap() })
            });
            drop(open);
            (tasks.map(|task| task.id()), said.iter().take(8).collect::<Vec<_>>())
        });
        let (ids, order) = runtime.block_on(task).unwrap();
        assert_eq!(order, ids);
        let mut left = &order[..];
        for (first, count) in stolen.lock().unwrap().drain(..) {
            assert_eq!(left[0].to_string(), first.to_string());
            left = &left[count as usize..];
        }
        assert!(left.is_empty());
    });
}

fn this_worker() -> u32 {
    let name = thread::current().name().unwrap().to_owned();
    name.strip_prefix("openwork-worker-").unwrap().parse().unwrap()
}
