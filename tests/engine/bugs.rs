//! The bugs that small runtimes have, each as the law that it breaks.
//!
//! Each was seen in a published runtime, most often in its author's first one. A few need sockets and live in
//! `tests/net`: *a reader's interest overwritten by a writer's*, *a closed descriptor left registered, its
//! number reused*, *a socket dropped after its runtime is gone*, *the end of a stream missed after a short
//! read*, and *the old waker is woken after a socket moved to another task*.
//!
//! Each law holds on every flavour of runtime. A few tests look more closely than many threads admit:
//! they count polls or check the order of events, and so use the current-thread runtime.

use std::collections::BTreeSet;
use std::fs;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{self, CurrentThread, Workers};
use crate::common::{
    AtDrop, Tape, Wakes, alone, ends, on_every_flavour, paused, thread_id, threads, until,
    until_it_sleeps,
};
use futures::channel::{mpsc as channel, oneshot};
use futures::{SinkExt, StreamExt};
use openwork::runtime::Builder;
use openwork::task::{JoinHandle, spawn_blocking, yield_now};
use openwork::time::{self, Instant, Sleep, sleep, timeout};
use openwork::trace::Event;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// Spawns a task that hands its waker out at its first poll, is pending `rests` times, and counts its
/// polls. It panics if it is polled after its end.
fn counted(rests: usize) -> (JoinHandle<()>, Arc<AtomicUsize>, mpsc::Receiver<Waker>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let (give, take) = mpsc::channel();
    let task = openwork::spawn(poll_fn({
        let polls = polls.clone();
        move |cx| {
            let poll = polls.fetch_add(1, SeqCst) + 1;
            assert!(poll <= rests + 1, "polled after its end");
            if poll == 1 {
                give.send(cx.waker().clone()).unwrap();
            }
            if poll <= rests { Poll::Pending } else { Poll::Ready(()) }
        }
    }));
    (task, polls, take)
}

fn on_a_foreign_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(work).join().unwrap()
}

// ---- woken twice, then polled after completion ----

#[test]
fn a_task_woken_twice_is_polled_once() {
    ends(|| {
        openwork::block_on(async {
            let (task, polls, waker) = counted(2);
            yield_now().await;
            let waker = waker.recv().unwrap();
            assert_eq!(polls.load(SeqCst), 1);

            // The worker runs this meanwhile, so all four wakes come before the poll.
            on_a_foreign_thread({
                let waker = waker.clone();
                move || (waker.wake_by_ref(), waker.wake())
            });
            waker.wake_by_ref();
            waker.wake_by_ref();
            for _ in 0..3 {
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 2);
            waker.wake();
            task.await.unwrap();
            assert_eq!(polls.load(SeqCst), 3);
        });
    });
}

/// As above, with workers that are all free to poll it too early, or twice.
#[test]
fn a_task_woken_often_during_its_poll_is_polled_once_more() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let polls = Arc::new(AtomicUsize::new(0));
            let (count, (over, rests)) = (polls.clone(), oneshot::channel::<()>());
            let mut over = Some(over);
            let task = openwork::spawn(poll_fn(move |cx| {
                match count.fetch_add(1, SeqCst) {
                    0 => {
                        let waker = cx.waker().clone();
                        on_a_foreign_thread(move || (waker.wake_by_ref(), waker.wake()));
                        cx.waker().wake_by_ref();
                        cx.waker().wake_by_ref();
                    }
                    1 => drop(over.take()),
                    _ => return Poll::Ready(()),
                }
                Poll::Pending
            }));
            assert!(rests.await.is_err());
            // Behind every task that is in the queue by now.
            for _ in 0..10 {
                openwork::spawn(yield_now()).await.unwrap();
            }
            assert_eq!(polls.load(SeqCst), 2);
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_task_woken_after_its_end_is_not_polled() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (task, polls, waker) = counted(0);
            task.await.unwrap();
            let waker = waker.recv().unwrap();
            for _ in 0..100 {
                waker.wake_by_ref();
                let waker = waker.clone();
                on_a_foreign_thread(move || waker.wake());
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 1);
        });
    });
}

#[test]
fn a_task_that_two_threads_wake_without_end_is_not_polled_after_its_end() {
    const POLLS: usize = 500;
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for _ in 0..20 {
                let (task, polls, waker) = counted(POLLS - 1);
                yield_now().await;
                let waker = waker.recv().unwrap();
                let stop = Arc::new(AtomicBool::new(false));
                let threads = [(); 2].map(|()| {
                    let (waker, stop) = (waker.clone(), stop.clone());
                    thread::spawn(move || {
                        while !stop.load(SeqCst) {
                            waker.wake_by_ref();
                        }
                    })
                });
                task.await.unwrap();
                // They still wake it: it has ended, and would be polled in one of these turns.
                for _ in 0..50 {
                    yield_now().await;
                }
                stop.store(true, SeqCst);
                for thread in threads {
                    thread.join().unwrap();
                }
                yield_now().await;
                assert_eq!(polls.load(SeqCst), POLLS);
            }
        });
    });
}

// ---- a wake during poll is lost ----

/// Pending once, and woken during that poll, by a thread of this kind.
fn woken_during_its_poll(by: impl Fn(Waker) + Send) -> impl Future<Output = ()> + Send {
    let mut first = true;
    poll_fn(move |cx| {
        if !std::mem::take(&mut first) {
            return Poll::Ready(());
        }
        by(cx.waker().clone());
        Poll::Pending
    })
}

#[test]
fn a_wake_during_the_poll_leads_to_another_poll() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let foreign = |waker: Waker| on_a_foreign_thread(|| waker.wake());
            openwork::spawn(woken_during_its_poll(Waker::wake)).await.unwrap();
            openwork::spawn(woken_during_its_poll(foreign)).await.unwrap();
            woken_during_its_poll(Waker::wake).await;
            woken_during_its_poll(foreign).await;
        });
    });
}

// ---- a wake from a foreign thread never unparks; the root future gets a no-op waker ----

#[test]
fn a_foreign_wake_unparks_a_runtime_that_sleeps() {
    on_every_flavour(|flavour| {
        let (runtime, asleep) = flavour.sleepy();
        let handle = runtime.handle().clone();
        let (done, finish) = oneshot::channel::<()>();
        let foreign = thread::spawn(move || {
            // A task woken, a task spawned, the root woken: each while nothing else will happen.
            for _ in 0..100 {
                asleep.recv().unwrap();
                let (send, receive) = oneshot::channel();
                let task = handle.spawn(receive);
                asleep.recv().unwrap();
                send.send(()).unwrap();
                futures::executor::block_on(task).unwrap().unwrap();
            }
            asleep.recv().unwrap();
            done.send(()).unwrap();
        });
        runtime.block_on(finish).unwrap();
        foreign.join().unwrap();
    });
}

#[test]
fn no_foreign_wake_is_lost_at_the_edge_of_sleep() {
    // Ping-pong as fast as it goes: each wake comes about when the other side parks.
    const ROUNDS: usize = 5_000;
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for in_a_task in [false, true] {
                let (mut ping, mut pinged) = channel::unbounded::<()>();
                let (pong, mut ponged) = channel::unbounded::<()>();
                let foreign = thread::spawn(move || {
                    futures::executor::block_on(async {
                        while pinged.next().await.is_some() {
                            pong.unbounded_send(()).unwrap();
                        }
                    });
                });
                let play = async move {
                    for _ in 0..ROUNDS {
                        ping.send(()).await.unwrap();
                        ponged.next().await.unwrap();
                    }
                };
                if in_a_task {
                    openwork::spawn(play).await.unwrap()
                } else {
                    play.await
                }
                foreign.join().unwrap();
            }
        });
    });
}

#[test]
fn the_root_future_has_a_waker_that_wakes_it() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            poll_fn(|cx| {
                assert!(!cx.waker().will_wake(Waker::noop()));
                Poll::Ready(())
            })
            .await;
            // By a task; by a timer; by a foreign thread, as above.
            let (send, receive) = oneshot::channel();
            drop(openwork::spawn(async move { send.send(7) }));
            assert_eq!(receive.await, Ok(7));
            sleep(Duration::from_millis(1)).await;
            let (send, receive) = oneshot::channel();
            let foreign = thread::spawn(move || send.send(8));
            assert_eq!(receive.await, Ok(8));
            foreign.join().unwrap().unwrap();
        });
    });
}

// ---- the runtime blocks in the reactor while tasks are runnable ----

#[test]
fn a_runtime_with_runnable_tasks_does_not_sleep() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    let runtime = builder.build().unwrap();
    ends(move || {
        runtime.block_on(async {
            drop(openwork::spawn(sleep(HOUR)));
            // More tasks than fit into a local queue; each yields, sleeps, and passes a message on.
            let (mut first, mut before) = channel::channel::<usize>(1);
            let mut tasks = Vec::new();
            for index in 0..600 {
                let (mut send, receive) = channel::channel(1);
                let mut receive = std::mem::replace(&mut before, receive);
                tasks.push(openwork::spawn(async move {
                    for _ in 0..index % 5 {
                        yield_now().await;
                    }
                    sleep(Duration::from_micros(index % 7 * 100)).await;
                    let hops = receive.next().await.unwrap();
                    send.send(hops + 1).await.unwrap();
                }));
            }
            first.send(0).await.unwrap();
            assert_eq!(before.next().await, Some(600));
            for task in tasks {
                task.await.unwrap();
            }
            // From now on only the timers have work.
            sleep(Duration::from_millis(1)).await;
        });
    });

    let (mut runnable, mut sleeps) = (BTreeSet::new(), 0);
    for record in tape.take() {
        match record.event {
            Event::Scheduled { task, .. } => assert!(runnable.insert(task), "{record}"),
            Event::Taken { task, .. } => assert!(runnable.remove(&task), "{record}"),
            Event::Park { .. } => {
                assert!(runnable.is_empty(), "it sleeps while {runnable:?} can run");
                sleeps += 1;
            }
            _ => {}
        }
    }
    assert!(sleeps > 0, "at the end there was nothing to run");
}

// ---- a self-wake waits for a time-out ----

#[test]
fn a_self_wake_waits_for_nothing() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        let tape = Tape::listen(&mut builder);
        builder.build().unwrap().block_on(async {
            // A time-out to wait for, if it waited.
            let far = sleep(HOUR);
            let mut far = pin!(far);
            assert!(futures::poll!(&mut far).is_pending());
            for _ in 0..1000 {
                yield_now().await;
            }
            let task = openwork::spawn(async {
                for _ in 0..1000 {
                    yield_now().await;
                }
            });
            task.await.unwrap();
        });
        let slept = tape.take().iter().any(|record| matches!(record.event, Event::Park { .. }));
        assert!(!slept);
    });
}

// ---- the old waker is woken after a timer moved to another task ----

#[test]
fn a_timer_that_moved_to_another_task_wakes_that_task_alone() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (old, new) = (Wakes::new(), Wakes::new());
    let mut sleep = pin!(sleep(MINUTE));
    assert!(old.poll(sleep.as_mut()).is_pending());
    assert!(new.poll(sleep.as_mut()).is_pending());
    assert_eq!(old.kept(), 0, "the old waker is dropped at once");
    runtime.block_on(time::advance(MINUTE));
    assert_eq!((old.count(), new.count()), (0, 1));
    assert!(new.poll(sleep.as_mut()).is_ready());
    assert_eq!(new.kept(), 0);
}

/// A sleep goes from one task to another. Returns whether the other had it before it was over, and how often
/// the first one was polled.
async fn hand_on(nap: Duration) -> (bool, usize) {
    let start = Instant::now();
    let polls = Arc::new(AtomicUsize::new(0));
    let (give, take) = oneshot::channel::<Pin<Box<Sleep>>>();
    let giver = openwork::spawn({
        let polls = polls.clone();
        let mut give = Some(give);
        poll_fn(move |cx| {
            polls.fetch_add(1, SeqCst);
            if let Some(give) = give.take() {
                let mut sleep = Box::pin(sleep(nap));
                let _over_already = sleep.as_mut().poll(cx);
                give.send(sleep).unwrap();
            }
            Poll::<()>::Pending
        })
    });
    let taker = openwork::spawn(async {
        let mut sleep = take.await.unwrap();
        let in_time = futures::poll!(sleep.as_mut()).is_pending();
        sleep.await;
        in_time
    });
    let in_time = taker.await.unwrap();
    assert!(start.elapsed() >= nap);
    yield_now().await;
    assert!(!giver.is_finished());
    (in_time, polls.load(SeqCst))
}

#[test]
fn a_sleep_that_a_task_hands_on_wakes_its_new_owner() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // On a busy machine it may be over before the other has it, and wakes the first; then again,
            // with more time.
            let mut nap = Duration::from_millis(2);
            let polls = loop {
                match hand_on(nap).await {
                    (true, polls) => break polls,
                    (false, _) => nap *= 4,
                }
            };
            assert_eq!(polls, 1, "the giver was not woken");
        });
    });
}

// ---- a queue lock held while polling ----

#[test]
fn while_a_task_is_polled_everybody_may_use_the_runtime() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let handle = openwork::runtime::Handle::current();
            let (idle, _, waker) = counted(1);
            yield_now().await;
            let waker = waker.recv().unwrap();
            let task = openwork::spawn(async move {
                let inside = openwork::spawn(async { 1 });
                // During this poll another thread spawns, wakes, aborts, sets a timer and reads the metrics, and
                // returns from all of it.
                let outside = on_a_foreign_thread(move || {
                    waker.wake();
                    handle.spawn(pending::<()>()).abort();
                    let _entered = handle.enter();
                    assert!(Wakes::new().poll(pin!(sleep(HOUR))).is_pending());
                    assert!(handle.metrics().num_alive_tasks() >= 1);
                    handle.spawn(async { 2 })
                });
                (inside.await.unwrap(), outside.await.unwrap())
            });
            assert_eq!(task.await.unwrap(), (1, 2));
            idle.await.unwrap();
        });
    });
}

// ---- busy waiting when idle ----

#[test]
fn an_idle_runtime_never_wakes_up() {
    alone("an_idle_runtime_never_wakes_up", || {
        ends(|| {
            let events = Arc::new(AtomicUsize::new(0));
            let build = |flavour: Flavour, paused| {
                let events = events.clone();
                let mut builder = flavour.builder();
                builder.on_event(move |_| {
                    events.fetch_add(1, SeqCst);
                });
                Arc::new(builder.start_paused(paused).build().unwrap())
            };
            let waiting = Arc::new(AtomicUsize::new(0));
            let mut stop = Vec::new();
            let mut start = |work: &dyn Fn(oneshot::Receiver<()>) -> thread::JoinHandle<()>| {
                let (send, receive) = oneshot::channel::<()>();
                stop.push((send, work(receive)));
            };

            // Such as wait for a deadline far away and hold cancelled timers and idle tasks; with a second
            // thread in block_on, and a thread for blocking work that has nothing to do.
            for flavour in [CurrentThread, Workers(1), Workers(4), Workers(64)] {
                let runtime = build(flavour, false);
                for _ in 0..2 {
                    start(&|stop| {
                        let (runtime, waiting) = (runtime.clone(), waiting.clone());
                        thread::spawn(move || {
                            runtime.block_on(async {
                                timeout(MINUTE, yield_now()).await.unwrap();
                                drop(openwork::spawn(sleep(HOUR)));
                                drop(openwork::spawn(pending::<()>()));
                                spawn_blocking(|| ()).await.unwrap();
                                hold_the_driver_up().await;
                                waiting.fetch_add(1, SeqCst);
                                stop.await.unwrap();
                            });
                        })
                    });
                }
            }
            // One whose paused clock must not jump, since a closure runs.
            start(&|stop| {
                let (runtime, waiting) = (build(CurrentThread, true), waiting.clone());
                thread::spawn(move || {
                    runtime.block_on(async {
                        drop(openwork::spawn(sleep(HOUR)));
                        waiting.fetch_add(1, SeqCst);
                        let wait = || futures::executor::block_on(stop).unwrap();
                        spawn_blocking(wait).await.unwrap();
                    });
                })
            });

            while waiting.load(SeqCst) < stop.len() {
                thread::sleep(Duration::from_millis(1));
            }
            // They settle: every thread sleeps, and did nothing for a while. One that is busy never does.
            let activity = || (activity_of_all_threads_but(thread_id()), events.load(SeqCst));
            let mut before = activity();
            let settled = (0..500).any(|_| {
                thread::sleep(Duration::from_millis(20));
                let last = std::mem::replace(&mut before, activity());
                last == before && before.0.awake == 0
            });
            assert!(settled, "it is not idle: {:?}", activity());

            thread::sleep(Duration::from_secs(1));
            assert_eq!(activity(), before, "activity and events in a second");
            for (send, thread) in stop {
                send.send(()).unwrap();
                thread.join().unwrap();
            }
        });
    });
}

/// A wake that stays would have it poll for ever.
#[test]
fn a_thread_in_block_on_polls_once_for_each_wake_and_sleeps_in_between() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        thread::scope(|scope| {
            // One of them runs the tasks of a current-thread runtime.
            let roots = [(); 2].map(|()| {
                let (tell, polled) = mpsc::channel();
                let mut polls = 0;
                let root = poll_fn(move |cx| {
                    tell.send((thread_id(), cx.waker().clone())).unwrap();
                    polls += 1;
                    if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
                });
                let runtime = &runtime;
                scope.spawn(|| runtime.block_on(root));
                polled
            });
            for polled in [&roots; 3].into_iter().flatten() {
                let (thread, waker) = polled.recv().unwrap();
                until_it_sleeps(thread);
                assert!(polled.try_recv().is_err(), "a poll without a wake");
                waker.wake();
            }
            for polled in roots {
                polled.recv().unwrap();
            }
        });
    });
}

/// Lets the monitor take the driver: a task whose timer has fired blocks its worker for longer than the
/// monitor's period, while other tasks sleep.
async fn hold_the_driver_up() {
    let blocks = async {
        sleep(Duration::from_millis(1)).await;
        thread::sleep(Duration::from_millis(30));
    };
    let naps = async {
        for _ in 0..30 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let (blocks, naps) = (openwork::spawn(blocks), openwork::spawn(naps));
    blocks.await.unwrap();
    naps.await.unwrap();
}

#[derive(Debug, Default, PartialEq)]
struct Activity {
    /// How often the threads left a processor.
    switches: u64,
    /// Their time on a processor.
    ticks: u64,
    /// Threads that do not sleep: on a busy machine one may wait for a processor for long.
    awake: usize,
}

fn activity_of_all_threads_but(this: u32) -> Activity {
    let mut all = Activity::default();
    for thread in threads().into_iter().filter(|thread| *thread != this) {
        let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
        let line = |line: &str| line.split_once("ctxt_switches:")?.1.trim().parse::<u64>().ok();
        all.switches += status.lines().filter_map(line).sum::<u64>();
        // The name, which may hold anything, ends with the last bracket. The state follows; utime and stime are the
        // 12th and 13th.
        let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
        let mut fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        all.awake += usize::from(fields.next() != Some("S"));
        all.ticks +=
            fields.skip(10).take(2).map(|field| field.parse::<u64>().unwrap()).sum::<u64>();
    }
    all
}

// ---- a thread per timer ----

/// The process's first, the harness's, and the watched one.
const THREADS_OF_A_TEST: usize = 3;

#[test]
fn ten_thousand_timers_take_no_thread() {
    alone("ten_thousand_timers_take_no_thread", || {
        on_every_flavour(|flavour| {
            flavour.block_on(async {
                // The system may still count those of the runtime before this one.
                // The workers, and the monitor.
                let ours = if let Workers(workers) = flavour { workers + 1 } else { 0 };
                while threads().len() > THREADS_OF_A_TEST + ours {
                    thread::yield_now();
                }
                for _ in 0..10_000 {
                    drop(openwork::spawn(sleep(HOUR)));
                }
                let metrics = openwork::runtime::Handle::current().metrics();
                until(|| metrics.num_timers() == 10_000).await;
                sleep(Duration::from_millis(1)).await;
                assert_eq!(threads().len(), THREADS_OF_A_TEST + ours);
            });
        });
    });
}

// ---- a cancelled timer keeps the program alive ----

#[test]
fn a_cancelled_timer_keeps_no_runtime_awake() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            // Dropped by a time-out that did not come, by hand, and with a task.
            assert!(timeout(HOUR, yield_now()).await.is_ok());
            let mut far = Box::pin(sleep(HOUR));
            assert!(futures::poll!(&mut far).is_pending());
            drop(far);
            let task = openwork::spawn(sleep(HOUR));
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());

            // Time does not jump to a deadline that was cancelled …
            sleep(MINUTE).await;
            assert_eq!(start.elapsed(), MINUTE);
            assert_eq!(openwork::runtime::Handle::current().metrics().num_timers(), 0);
            tape.take();
            // … and when only such are left, there is nothing to sleep until.
            spawn_blocking(|| ()).await.unwrap();
        });
        for record in tape.take() {
            assert!(!matches!(record.event, Event::Park { until: Some(_) }), "{record}");
        }
    });
    // With the real clock: it ends.
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            assert!(timeout(HOUR, sleep(Duration::from_millis(1))).await.is_ok());
        });
    });
}

// ---- one task's panic kills the runtime ----

#[test]
fn a_panic_ends_its_task_alone() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let others: Vec<_> = (0..10)
                .map(|index| {
                    openwork::spawn(async move {
                        yield_now().await;
                        sleep(Duration::from_millis(1)).await;
                        index
                    })
                })
                .collect();
            let early: JoinHandle<()> = openwork::spawn(async { panic!("at its first poll") });
            let late: JoinHandle<()> = openwork::spawn(async {
                sleep(Duration::from_micros(1)).await;
                panic!("at a later poll")
            });
            assert!(early.await.unwrap_err().is_panic());
            assert!(late.await.unwrap_err().is_panic());
            for (index, task) in others.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), index);
            }
        });
    });
}

// ---- block_on never returns because some other task never ends ----

#[test]
fn block_on_returns_when_its_own_future_is_ready() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            drop(openwork::spawn(pending::<()>()));
            drop(openwork::spawn(sleep(HOUR)));
            for _ in 0..100 {
                drop(openwork::spawn(async {
                    loop {
                        yield_now().await;
                    }
                }));
            }
            for _ in 0..10 {
                yield_now().await;
            }
        });
    });
}

// ---- futures not dropped at shutdown ----

#[test]
fn at_the_end_every_future_is_dropped_wherever_it_waits() {
    on_every_flavour(|flavour| {
        let held = Arc::new(());
        let runtime = flavour.build();
        let keep: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let (_never, never) = oneshot::channel::<()>();
        runtime.block_on(async {
            // It waits for a wake that may come; for one that never comes; for a timer; for another task.
            let (ours, keep) = (held.clone(), keep.clone());
            drop(openwork::spawn(poll_fn(move |cx| {
                keep.lock().unwrap().push(cx.waker().clone());
                let _ = &ours;
                Poll::<()>::Pending
            })));
            let ours = held.clone();
            let waits = openwork::spawn(async move { (never.await, ours).0 });
            let ours = held.clone();
            drop(openwork::spawn(async move { (pending::<()>().await, ours).0 }));
            let ours = held.clone();
            drop(openwork::spawn(async move { (sleep(HOUR).await, ours).0 }));
            let ours = held.clone();
            drop(openwork::spawn(async move { (waits.await, ours).1 }));
            yield_now().await;
            // In the local queue, and, since it does not hold so many, in the injector.
            for _ in 0..1000 {
                let ours = held.clone();
                drop(openwork::spawn(async move { (yield_now().await, ours).0 }));
            }
        });
        // From outside, and never polled.
        let ours = held.clone();
        drop(runtime.spawn(async move { drop(ours) }));
        // Other threads may have run some of them.
        assert!(Arc::strong_count(&held) > if flavour == CurrentThread { 900 } else { 5 });
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
        // A waker that was kept may still be called.
        for waker in keep.lock().unwrap().drain(..) {
            waker.wake();
        }
    });
}

// ---- a Pending answer with no waker stored ----

/// Polls a future that cannot be ready yet, by hand: it keeps the waker, or has called it already.
fn assert_promise_is_kept<F: Future>(what: &str, future: Pin<&mut F>) -> Wakes {
    let wakes = Wakes::new();
    assert!(wakes.poll(future).is_pending(), "{what} is pending");
    assert!(wakes.kept() > 0 || wakes.count() > 0, "{what} forgot its waker");
    wakes
}

#[test]
fn a_future_that_returns_pending_wakes() {
    let runtime = paused();
    let _entered = runtime.enter();

    let mut nap = pin!(sleep(MINUTE));
    let mut limit = pin!(timeout(2 * MINUTE, pending::<()>()));
    let by_nap = assert_promise_is_kept("a sleep", nap.as_mut());
    let by_limit = assert_promise_is_kept("a time-out", limit.as_mut());
    runtime.block_on(time::advance(MINUTE));
    assert_eq!((by_nap.count(), by_limit.count()), (1, 0));
    assert!(by_nap.poll(nap).is_ready());
    runtime.block_on(time::advance(MINUTE));
    assert_eq!(by_limit.count(), 1);
    assert!(by_limit.poll(limit).is_ready());

    let mut task = pin!(runtime.spawn(async { 5 }));
    let mut aborted = pin!(runtime.spawn(pending::<()>()));
    let mut lost = pin!(runtime.spawn(pending::<()>()));
    let by_task = assert_promise_is_kept("the end of a task", task.as_mut());
    let by_aborted = assert_promise_is_kept("the end of an aborted task", aborted.as_mut());
    let by_lost = assert_promise_is_kept("the end of a task at shutdown", lost.as_mut());
    aborted.abort();
    runtime.block_on(yield_now());
    assert_eq!((by_task.count(), by_aborted.count(), by_lost.count()), (1, 1, 0));
    assert!(matches!(by_task.poll(task), Poll::Ready(Ok(5))));

    let by_yield = assert_promise_is_kept("a yield", pin!(yield_now()));
    let by_advance = assert_promise_is_kept("a moved clock", pin!(time::advance(MINUTE)));
    assert_eq!((by_yield.count(), by_advance.count()), (1, 1));

    let (send, receive) = mpsc::channel::<()>();
    let mut closure = pin!(runtime.spawn_blocking(move || receive.recv()));
    let by_closure = assert_promise_is_kept("the end of a closure", closure.as_mut());
    send.send(()).unwrap();

    drop(_entered);
    drop(runtime);
    assert_eq!((by_closure.count(), by_lost.count()), (1, 1));
}

/// A leaf future returns Pending after the budget of this poll is spent. (Behaviour 12.)
#[test]
fn a_future_without_budget_wakes() {
    ends(|| {
        paused().block_on(async {
            let mut polls_to_the_end = Vec::new();
            let mut zero = pin!(sleep(Duration::ZERO));
            poll_fn(|cx| {
                // Ready every time; until, once, not.
                let spent = (0..1000).position(|_| zero.as_mut().poll(cx).is_pending());
                polls_to_the_end.push(spent);
                if spent.is_none() || polls_to_the_end.len() == 3 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(polls_to_the_end, [Some(128); 3]);
        });
    });
}

// ---- a bounded queue that panics in `wake` ----

#[test]
fn ten_thousand_wakes_at_once_all_find_room() {
    const TASKS: usize = 10_000;
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for foreign in [true, false] {
                let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
                let tasks: Vec<_> = (0..TASKS)
                    .map(|_| {
                        let (wakers, mut first) = (wakers.clone(), true);
                        openwork::spawn(poll_fn(move |cx| {
                            if !std::mem::take(&mut first) {
                                return Poll::Ready(());
                            }
                            wakers.lock().unwrap().push(cx.waker().clone());
                            Poll::Pending
                        }))
                    })
                    .collect();
                while wakers.lock().unwrap().len() < TASKS {
                    yield_now().await;
                }
                // One task, or one thread outside of the runtime, wakes them all while the worker polls no other
                // task.
                let wake_all = move || wakers.lock().unwrap().drain(..).for_each(Waker::wake);
                let waking =
                    async move { if foreign { on_a_foreign_thread(wake_all) } else { wake_all() } };
                openwork::spawn(waking).await.unwrap();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        });
    });
}

// ---- a LIFO queue that starves ----

#[test]
fn two_tasks_that_wake_each_other_leave_room_for_a_third() {
    ends(|| {
        openwork::block_on(async {
            let third_ran = Arc::new(AtomicBool::new(false));
            let (mut to_b, mut at_b) = channel::unbounded();
            let (mut to_a, mut at_a) = channel::unbounded();
            let over = third_ran.clone();
            let a = openwork::spawn(async move {
                let mut rounds = 0;
                to_b.send(()).await.unwrap();
                while !over.load(SeqCst) {
                    at_a.next().await.unwrap();
                    to_b.send(()).await.unwrap();
                    rounds += 1;
                }
                rounds
            });
            drop(openwork::spawn(async move {
                while at_b.next().await.is_some() {
                    let _ = to_a.send(()).await;
                }
            }));
            // It is spawned while they run.
            for _ in 0..10 {
                yield_now().await;
            }
            drop(openwork::spawn(async move { third_ran.store(true, SeqCst) }));
            let rounds = a.await.unwrap();
            assert!(rounds < 1000, "they went round {rounds} times");
        });
    });
}

/// (Behaviour 7.)
#[test]
fn all_get_their_turn_while_a_hundred_tasks_wake_themselves() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let stop = Arc::new(AtomicBool::new(false));
        runtime.block_on(async {
            let busy: Vec<_> = (0..100)
                .map(|_| {
                    let (stop, mut polls) = (stop.clone(), 0_u64);
                    openwork::spawn(poll_fn(move |cx: &mut Context<'_>| {
                        polls += 1;
                        if stop.load(SeqCst) {
                            return Poll::Ready(polls);
                        }
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }))
                })
                .collect();
            // The root; a task of its own; a timer; a foreign wake; a foreign spawn; a closure.
            for _ in 0..10 {
                yield_now().await;
            }
            openwork::spawn(yield_now()).await.unwrap();
            sleep(Duration::from_millis(2)).await;
            let (send, receive) = oneshot::channel();
            let foreign = thread::spawn(move || {
                send.send(()).unwrap();
                futures::executor::block_on(handle.spawn(async { 3 })).unwrap()
            });
            receive.await.unwrap();
            spawn_blocking(move || assert_eq!(foreign.join().unwrap(), 3)).await.unwrap();

            stop.store(true, SeqCst);
            // The system may not schedule one of several workers for all this time, nor the tasks in its queue.
            let least = if flavour == CurrentThread { 10 } else { 0 };
            for task in busy {
                assert!(task.await.unwrap() > least);
            }
        });
    });
}

/// (Behaviour 7.) The destructor of another thread-local may still wake, after those of the runtime are gone.
#[test]
fn a_task_is_woken_by_a_destructor_of_a_thread_local() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<Box<dyn std::any::Any>>> =
            const { std::cell::RefCell::new(None) };
    }
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (task, polls, waker) = counted(1);
            yield_now().await;
            let waker = waker.recv().unwrap();
            thread::spawn(move || {
                let mut waker = Some(waker);
                let wake = AtDrop(move || waker.take().unwrap().wake());
                LAST.set(Some(Box::new(wake)));
                // Whatever this thread keeps for the runtime is made after LAST, and so goes first.
                drop(flavour.build().block_on(async { openwork::spawn(yield_now()).await }));
            });
            task.await.unwrap();
            assert_eq!(polls.load(SeqCst), 2);
        });
    });
}
