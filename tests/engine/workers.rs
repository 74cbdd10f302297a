//! Laws of a multi-thread runtime: an idle worker takes the next task, no task waits for a busy worker, and all
//! workers end together.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::common::Flavour::{self, CurrentThread, Workers};
use crate::common::{
    AtDrop, alone, alone_under, ends, on_each_of, on_every_flavour, panic_of, threads, with_workers,
};
use futures::channel::oneshot;
use openwork::io::unix::AsyncFd;
use openwork::net::TcpListener;
use openwork::runtime::{Builder, Handle, Runtime, RuntimeFlavor, RuntimeMetrics};
use openwork::task::{JoinHandle, spawn_blocking, yield_now};
use openwork::time::{sleep, sleep_until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// More than one worker, so that one can steal from another.
const SEVERAL: [Flavour; 3] = [Workers(2), Workers(4), Workers(64)];

/// One worker, whose polls can be counted one after another.
const ALONE: [Flavour; 2] = [CurrentThread, Workers(1)];

/// Tests that measure, and those that keep all processors busy, run one after another.
fn undisturbed() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join<T>(task: JoinHandle<T>) -> Result<T, openwork::task::JoinError> {
    futures::executor::block_on(task)
}

fn workers(metrics: &RuntimeMetrics) -> std::ops::Range<usize> {
    0..metrics.num_workers()
}

/// Wakes itself until it is stopped, and counts the polls.
async fn spin(stop: Arc<AtomicBool>, polls: Arc<AtomicUsize>) {
    while !stop.load(SeqCst) {
        polls.fetch_add(1, SeqCst);
        yield_now().await;
    }
}

// ---- an idle worker takes the next task ----

/// But the future in `block_on` stays on its thread.
#[test]
fn tasks_run_on_the_runtimes_threads_at_once() {
    with_workers(|flavour| {
        let Workers(workers) = flavour else { unreachable!() };
        let runtime = flavour.build();
        assert_eq!(runtime.handle().metrics().num_workers(), workers);
        // As many tasks as workers: they all block their threads until the last one has come.
        for from_within in [false, true] {
            let meet = Arc::new(Barrier::new(workers));
            let party = move |number: usize| {
                let meet = meet.clone();
                async move {
                    // Some have yielded before: the task that runs now may block the worker.
                    if number.is_multiple_of(2) {
                        yield_now().await;
                    }
                    meet.wait();
                    thread::current().id()
                }
            };
            let spawn = move || (0..workers).map(|n| openwork::spawn(party(n))).collect::<Vec<_>>();
            let ids = runtime.block_on(async move {
                let tasks = match from_within {
                    true => openwork::spawn(async move { spawn() }).await.unwrap(),
                    false => spawn(),
                };
                let mut ids = Vec::new();
                for task in tasks {
                    ids.push(format!("{:?}", task.await.unwrap()));
                }
                ids.push(format!("{:?}", thread::current().id()));
                ids
            });
            assert_eq!(ids.last(), Some(&format!("{:?}", thread::current().id())));
            assert_eq!(BTreeSet::from_iter(ids).len(), workers + 1);
        }
    });
}

/// They come while the workers park after the last round, or begin to: the worker that checks the queues last
/// sees them all, takes one, and must notify other workers for the rest.
#[test]
fn tasks_that_come_at_the_edge_of_sleep_run_at_once() {
    on_each_of(&SEVERAL, |flavour| {
        let Workers(workers) = flavour else { unreachable!() };
        let meet_in = |runtime: &Runtime, round: usize| {
            // At any point of the worker's way to its park.
            (0..round % 64 * 40).for_each(|_| std::hint::spin_loop());
            let meet = Arc::new(Barrier::new(workers));
            let tasks: Vec<_> = (0..workers)
                .map(|_| {
                    let meet = meet.clone();
                    runtime.spawn(async move { _ = meet.wait() })
                })
                .collect();
            for task in tasks {
                join(task).unwrap();
            }
        };
        let (fresh, again) = if workers == 64 { (30, 5) } else { (300, 50) };
        for round in 0..fresh {
            let runtime = flavour.build();
            (0..again).for_each(|again| meet_in(&runtime, round + again));
        }
    });
}

#[test]
fn a_worker_that_blocks_in_a_task_is_stolen_from() {
    let _undisturbed = undisturbed();
    const TASKS: usize = 100;
    on_each_of(&SEVERAL, |flavour| {
        flavour.block_on(async {
            let (run, ran) = mpsc::channel();
            let blocks = openwork::spawn(async move {
                let tasks: Vec<_> = (0..TASKS)
                    .map(|_| {
                        let run = run.clone();
                        openwork::spawn(async move { _ = run.send(()) })
                    })
                    .collect();
                // All but the one in the LIFO slot, from which no worker steals.
                let start = Instant::now();
                let left = || BLOCK.saturating_sub(start.elapsed());
                let others = (1..TASKS).map(|_| ran.recv_timeout(left()));
                assert_eq!(others.filter(Result::is_ok).count(), TASKS - 1);
                println!("{:?} for the tasks of a blocked worker", start.elapsed());
                tasks
            });
            for task in blocks.await.unwrap() {
                task.await.unwrap();
            }
            let metrics = Handle::current().metrics();
            let steals: u64 = workers(&metrics).map(|n| metrics.worker_steal_count(n)).sum();
            assert!(steals > 0, "the steals were counted");
        });
    });
}

/// Stealing takes a task that was spawned or woken here, and a task that has yielded.
#[test]
fn a_task_that_yielded_to_one_that_blocks_is_stolen() {
    on_each_of(&SEVERAL, |flavour| {
        let runtime = flavour.build();
        let metrics = runtime.handle().metrics();
        let parks = move || -> u64 {
            workers(&metrics).map(|worker| metrics.worker_park_count(worker)).sum()
        };
        for _ in 0..5 {
            let parks = parks.clone();
            let yields = runtime.spawn(async move {
                // No other worker is awake any more. (If one is, this tests nothing.)
                let mut before = parks();
                while {
                    thread::sleep(5 * MS);
                    std::mem::replace(&mut before, parks()) != before
                } {}
                let (gone_on, wait) = mpsc::channel();
                let blocks = openwork::spawn(async move { wait.recv_timeout(4 * BLOCK).is_ok() });
                yield_now().await;
                let _ = gone_on.send(());
                blocks.await.unwrap()
            });
            assert!(join(yields).unwrap(), "no worker came");
        }
    });
}

// ---- timers and sockets do not wait for a blocked worker that has the driver ----

const BLOCK: Duration = Duration::from_millis(500);

/// Blocks a worker's thread until the sender is dropped: the worker that drove, when it has just come out of the driver.
/// The task returns false if the sender still exists after five seconds. (The monitor checks every 10 ms whether a worker
/// has the driver; on a busy machine that takes longer.)
fn block_a_worker() -> (mpsc::Sender<()>, JoinHandle<bool>) {
    let (release, held) = mpsc::channel();
    let blocks = openwork::spawn(async move {
        sleep(MS).await;
        held.recv_timeout(Duration::from_secs(5)) == Err(mpsc::RecvTimeoutError::Disconnected)
    });
    (release, blocks)
}

#[test]
fn a_deadline_comes_in_time_while_a_worker_is_blocked() {
    let _undisturbed = undisturbed();
    on_each_of(&SEVERAL[..2], |flavour| {
        flavour.block_on(async {
            for _ in 0..3 {
                let (release, blocks) = block_a_worker();
                openwork::spawn(sleep(60 * MS)).await.unwrap();
                drop(release);
                assert!(blocks.await.unwrap(), "the deadline came when the worker was free again");
            }
        });
    });
}

/// Nothing has happened for long, and one worker is parked in the driver. It is unparked for a task that blocks.
#[test]
fn a_worker_that_leaves_the_driver_and_blocks_has_woken_another() {
    on_each_of(&SEVERAL[..2], |flavour| {
        let runtime = flavour.build();
        for _ in 0..3 {
            let (near, mut far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let reads = runtime.spawn(async move {
                let near = AsyncFd::new(near).unwrap();
                drop(near.readable().await.unwrap());
            });
            let (block, blocked) = mpsc::channel();
            let (release, held) = mpsc::channel::<()>();
            let blocks = runtime.spawn(async move {
                // Fifteen times the monitor's period.
                sleep(150 * MS).await;
                block.send(()).unwrap();
                held.recv_timeout(Duration::from_secs(5))
            });
            blocked.recv().unwrap();
            far.write_all(b"!").unwrap();
            join(reads).unwrap();
            drop(release);
            assert_eq!(join(blocks).unwrap(), Err(mpsc::RecvTimeoutError::Disconnected));
        }
    });
}

/// Answers each byte with the same.
async fn echo(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut byte = [0];
    loop {
        let read = poll_fn(|cx| {
            futures::AsyncRead::poll_read(std::pin::Pin::new(&mut &stream), cx, &mut byte)
        });
        if read.await.unwrap() == 0 {
            return;
        }
        stream.writable().await.unwrap();
        assert_eq!(stream.try_write(&byte).unwrap(), 1);
    }
}

/// The longest round trip of a byte, until `enough`.
fn worst_round_trip(address: SocketAddr, enough: impl Fn(usize) -> bool) -> Duration {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut worst = Duration::ZERO;
    for trip in 0.. {
        if enough(trip) {
            break;
        }
        let start = Instant::now();
        let mut answer = [0];
        stream.write_all(&[trip as u8]).unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], trip as u8);
        worst = worst.max(start.elapsed());
        // The server's task sleeps in between, on one worker or another.
        if trip % 10 == 0 {
            thread::sleep(MS);
        }
    }
    worst
}

#[test]
fn a_socket_is_served_while_a_worker_is_blocked() {
    let _undisturbed = undisturbed();
    on_each_of(&SEVERAL[..2], |flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(openwork::spawn(echo(listener)));
            let (release, blocks) = block_a_worker();
            let client = spawn_blocking(move || worst_round_trip(address, |trip| trip == 200));
            println!("{flavour:?}: a round trip took at most {:?}", client.await.unwrap());
            drop(release);
            assert!(blocks.await.unwrap(), "the trips ended when the worker was free again");
        });
    });
}

// ---- no task starves ----

/// Even if so many tasks run that the local queues overflow, and each worker is busy with its own.
#[test]
fn a_task_from_outside_runs_while_all_local_queues_are_full() {
    let _undisturbed = undisturbed();
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (stop, polls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..300 * runtime.handle().metrics().num_workers().min(4) {
            drop(runtime.spawn(spin(stop.clone(), polls.clone())));
        }
        runtime.block_on(async {
            for _ in 0..20 {
                let (send, receive) = oneshot::channel();
                let handle = Handle::current();
                thread::spawn(move || handle.spawn(async { send.send(()) })).join().unwrap();
                receive.await.unwrap();
            }
        });
        stop.store(true, SeqCst);
        assert!(polls.load(SeqCst) > 0);
    });
}

/// The time for which this thread was on a processor, to a tick of the system's clock.
fn processor_time() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// A busy worker polls the driver every 61 polls, if 50 µs have passed.
#[test]
fn a_busy_worker_does_not_forget_its_timers() {
    let _undisturbed = undisturbed();
    const NAP: Duration = Duration::from_millis(5);
    on_each_of(&ALONE, |flavour| {
        let (stop, polls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        flavour.block_on(async {
            for _ in 0..100 {
                drop(openwork::spawn(spin(stop.clone(), polls.clone())));
            }
            let naps = openwork::spawn(async {
                let mut longest = Duration::ZERO;
                for _ in 0..20 {
                    // Not by the system's clock, which advances while other threads have the processor.
                    let start = processor_time();
                    sleep(NAP).await;
                    longest = longest.max(processor_time() - start);
                }
                longest
            });
            let longest = naps.await.unwrap();
            println!("{flavour:?}: it worked for {longest:?} instead of {NAP:?}");
            assert!(longest < NAP + 10 * MS, "it worked for {longest:?} meanwhile");
            stop.store(true, SeqCst);
        });
    });
}

/// Nor does a worker that always steals its tasks, and so never empties its queue and never parks.
#[test]
fn a_worker_that_lives_on_what_it_steals_does_not_forget_its_timers() {
    let _undisturbed = undisturbed();
    /// A tick of each worker, and the queue in front of the task that sleeps. Without a poll of the driver it would be
    /// 20,000: all tasks that are fed.
    const LATE: usize = 1000;
    on_each_of(&SEVERAL[..1], |flavour| {
        flavour.block_on(async {
            for _ in 0..3 {
                let deadline = Instant::now() + 60 * MS;
                let late = Arc::new(AtomicUsize::new(0));
                let (over, out) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
                let (stop, late_ones) = (over.clone(), late.clone());
                let feeds = openwork::spawn(async move {
                    let start = Instant::now();
                    // Never without a few milliseconds of work, and never as much as a round.
                    while !stop.load(SeqCst) && start.elapsed() < 4 * BLOCK {
                        if out.load(SeqCst) < 110 {
                            out.fetch_add(1, SeqCst);
                            let (out, late) = (out.clone(), late_ones.clone());
                            drop(openwork::spawn(async move {
                                let start = Instant::now();
                                late.fetch_add(usize::from(start > deadline), SeqCst);
                                while start.elapsed() < MS / 10 {}
                                out.fetch_sub(1, SeqCst);
                            }));
                        }
                    }
                });
                let naps = openwork::spawn(async move {
                    sleep_until(deadline.into()).await;
                    over.store(true, SeqCst);
                    late.load(SeqCst)
                });
                let late = naps.await.unwrap();
                feeds.await.unwrap();
                println!("{late} tasks late");
                assert!(late < LATE, "{late} tasks late");
            }
        });
    });
}

/// How late they come depends on the machine, with 64 threads on two processors; but they do come.
#[test]
fn timers_and_sockets_come_while_all_workers_are_busy() {
    let _undisturbed = undisturbed();
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (stop, polls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..2 * runtime.handle().metrics().num_workers() + 100 {
            drop(runtime.spawn(spin(stop.clone(), polls.clone())));
        }
        let round_trip = runtime.block_on(async {
            for _ in 0..10 {
                openwork::spawn(sleep(MS)).await.unwrap();
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(openwork::spawn(echo(listener)));
            spawn_blocking(move || worst_round_trip(address, |trip| trip == 20)).await.unwrap()
        });
        stop.store(true, SeqCst);
        println!("{flavour:?}: a round trip took at most {round_trip:?}");
    });
}

// ---- threads ----

#[test]
fn workers_are_threads_with_names_that_call_the_start_and_stop_hooks() {
    with_workers(|flavour| {
        let Workers(workers) = flavour else { unreachable!() };
        let (start, started) = mpsc::channel();
        let stops = Arc::new(AtomicUsize::new(0));
        let count = stops.clone();
        let runtime = flavour
            .builder()
            .on_thread_start(move || {
                assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
                let comm = fs::read_to_string("/proc/thread-self/comm").unwrap();
                let name = thread::current().name().unwrap().to_owned();
                start.send((name, comm.trim().to_owned())).unwrap();
            })
            .on_thread_stop(move || {
                assert!(Handle::try_current().is_ok());
                count.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        let told: BTreeSet<_> = started.iter().take(workers).collect();
        // The system keeps 15 bytes of a name, so it gets a shorter one.
        let names = |index| (format!("openwork-worker-{index}"), format!("ow-worker-{index}"));
        let expected = (0..workers).map(names);
        assert_eq!(told, expected.collect());
        assert_eq!(stops.load(SeqCst), 0);

        let on =
            runtime.block_on(runtime.spawn(async { thread::current().name().map(str::to_owned) }));
        assert!(told.iter().any(|(name, _)| Some(name) == on.as_ref().unwrap().as_ref()));
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        assert_eq!(started.recv().unwrap().0, "openwork-blocking-0");
        drop(runtime);
        assert_eq!(stops.load(SeqCst), workers + 1);
        assert!(started.recv().is_err(), "no other thread started, and the hook was dropped");
    });
}

#[test]
fn a_new_runtime_has_a_worker_for_each_processor() {
    ends(|| {
        let runtime = Runtime::new().unwrap();
        let metrics = runtime.handle().metrics();
        assert_eq!(metrics.num_workers(), thread::available_parallelism().unwrap().get());
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::MultiThread);
        assert_eq!(runtime.block_on(async { openwork::spawn(async { 1 }).await.unwrap() }), 1);
    });
}

#[test]
fn any_thread_may_block_on_a_handle_or_on_the_runtime() {
    with_workers(|flavour| {
        let runtime = flavour.build();
        thread::scope(|scope| {
            for number in 0..6 {
                let runtime = &runtime;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let own = thread::current().id();
                        let future = async {
                            sleep(Duration::from_micros(number * 50)).await;
                            let task = openwork::spawn(async { thread::current().id() });
                            assert_ne!(task.await.unwrap(), own);
                            thread::current().id()
                        };
                        let ran_on = match number % 2 {
                            0 => runtime.block_on(future),
                            _ => runtime.handle().block_on(future),
                        };
                        assert_eq!(ran_on, own);
                    }
                });
            }
        });
        // No thread needs to be in block_on.
        let task = runtime.spawn(async { sleep(MS).await });
        join(task).unwrap();
    });
}

/// The metrics of each worker: what it polled and stole, and how often it parked.
#[test]
fn workers_count_what_they_do() {
    ends(|| {
        let (runtime, asleep) = Workers(1).sleepy();
        let metrics = runtime.handle().metrics();
        asleep.recv().unwrap();
        let task = runtime.spawn(async {
            for _ in 0..9 {
                yield_now().await;
            }
        });
        join(task).unwrap();
        asleep.recv().unwrap();
        assert_eq!(metrics.worker_poll_count(0), 10);
        assert_eq!((metrics.worker_steal_count(0), metrics.worker_local_queue_depth(0)), (0, 0));
        // It counts a park before it parks, and checks the queues once more in between.
        while metrics.worker_park_count(0) == 0 {
            thread::yield_now();
        }
        assert!(metrics.worker_park_count(0) <= 4);

        // While the worker polls an injected task: those that it spawned are in the local queue, the last in the
        // injector.
        let (block, blocked) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let blocks = runtime.spawn(async move {
            for _ in 0..11 {
                drop(openwork::spawn(pending::<()>()));
            }
            block.send(()).unwrap();
            wait.recv().unwrap();
        });
        blocked.recv().unwrap();
        drop(runtime.spawn(pending::<()>()));
        assert_eq!((metrics.worker_local_queue_depth(0), metrics.global_queue_depth()), (11, 1));
        assert_eq!(metrics.num_alive_tasks(), 13);
        release.send(()).unwrap();
        join(blocks).unwrap();
        let line = line!() + 1;
        let panicked = panic_of(|| metrics.worker_poll_count(1)).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    });
}

/// What it waits for comes once, and so does the next check of the queues.
#[test]
fn a_worker_sleeps_once_for_each_time_that_it_is_woken() {
    let _undisturbed = undisturbed();
    ends(|| {
        let runtime = Workers(1).build();
        let metrics = runtime.handle().metrics();
        let before = metrics.worker_park_count(0);
        let naps = runtime.spawn(async {
            for _ in 0..100 {
                sleep(MS).await;
            }
        });
        join(naps).unwrap();
        let parks = metrics.worker_park_count(0) - before;
        assert!(parks < 120, "{parks} parks for 100 deadlines");
    });
}

// ---- the end ----

/// In the LIFO slot, the local queue and the injector; waiting for a channel, a timer, each other; and the one
/// that runs.
#[test]
fn at_the_end_tasks_are_dropped_wherever_the_workers_have_them() {
    with_workers(|flavour| {
        let Workers(workers) = flavour else { unreachable!() };
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let held = Arc::new(());
        let waits = |held: &Arc<()>| {
            let ours = held.clone();
            async move { (pending::<()>().await, ours).0 }
        };
        let (_never, never) = oneshot::channel::<()>();
        let ours = held.clone();
        let idle = runtime.spawn(async move { (never.await, ours).0 });
        let ours = held.clone();
        let asleep = runtime.spawn(async move { (sleep(HOUR).await, ours).0 });
        until_all_wait(&runtime);

        // Every worker is in a task, the local queue of one overflows, and one more task comes from outside.
        let (meet, leave) =
            (Arc::new(Barrier::new(workers + 1)), Arc::new(Barrier::new(workers + 1)));
        let mut tasks: Vec<_> = (0..workers)
            .map(|number| {
                let (meet, leave, held) = (meet.clone(), leave.clone(), held.clone());
                let inner = waits(&held);
                runtime.spawn(async move {
                    meet.wait();
                    if number == 0 {
                        (0..300).for_each(|_| drop(openwork::spawn(waits(&held))));
                    }
                    meet.wait();
                    leave.wait();
                    inner.await
                })
            })
            .collect();
        meet.wait();
        meet.wait();
        tasks.push(runtime.spawn(waits(&held)));
        assert!(Arc::strong_count(&held) > 300);
        runtime.shutdown_background();
        leave.wait();
        for task in tasks.into_iter().chain([asleep]) {
            assert!(join(task).unwrap_err().is_cancelled());
        }
        assert!(join(idle).unwrap_err().is_cancelled());
        while Arc::strong_count(&held) > 1 {
            thread::yield_now();
        }
        assert!(join(handle.spawn(async {})).unwrap_err().is_cancelled());
    });
}

fn until_all_wait(runtime: &Runtime) {
    let handle = runtime.handle();
    while !handle.tasks().iter().all(|task| task.state == "idle") {
        thread::yield_now();
    }
}

#[test]
fn what_outlives_its_workers_is_harmless() {
    with_workers(|flavour| {
        let runtime = flavour.build();
        let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let keep = wakers.clone();
        let never = runtime.spawn(poll_fn(move |cx| {
            keep.lock().unwrap().push(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let done = runtime.spawn(async { "its output" });
        let unread = runtime.spawn(async { "not joined" });
        until_all_wait(&runtime);
        let (abort, handle) = (never.abort_handle(), runtime.handle().clone());
        drop(runtime);
        wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        abort.abort();
        assert!(join(never).unwrap_err().is_cancelled());
        assert_eq!(join(done).unwrap(), "its output");
        drop(unread);
        assert_eq!((handle.metrics().num_alive_tasks(), handle.tasks().len()), (0, 0));
        assert!(join(handle.spawn(async {})).unwrap_err().is_cancelled());
        handle.block_on(async {});
    });
}

/// With what they own: the poller's descriptors, and the values of their thread-locals.
#[test]
fn when_a_runtime_has_been_dropped_its_threads_are_gone() {
    thread_local! {
        static KEPT: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
    }
    alone("when_a_runtime_has_been_dropped_its_threads_are_gone", || {
        on_each_of(&[Workers(1), Workers(4)], |flavour| {
            let (before, held) = (descriptors(), Arc::new(()));
            for _ in 0..200 {
                let ours = held.clone();
                let keep = move || KEPT.set(Some(ours.clone()));
                drop(flavour.builder().on_thread_start(keep).build().unwrap());
                assert_eq!((descriptors(), Arc::strong_count(&held)), (before, 1));
            }
        });
    });
}

#[test]
fn ending_a_runtime_takes_no_longer_than_the_limit() {
    with_workers(|flavour| {
        // What does not end: a task that blocks its worker, a closure, both.
        for (task, closure) in [(true, false), (false, true), (true, true)] {
            for limit in [None, Some(Duration::ZERO), Some(5 * MS)] {
                let runtime = flavour.build();
                let (hold, held) = mpsc::channel();
                let stuck = || {
                    let (hold, (release, wait)) = (hold.clone(), mpsc::channel::<()>());
                    let block = move || {
                        hold.send(()).unwrap();
                        wait.recv().unwrap();
                        "it went on"
                    };
                    (release, block)
                };
                let mut later = Vec::new();
                if task {
                    let (release, block) = stuck();
                    later.push((release, runtime.spawn(async move { block() })));
                    held.recv().unwrap();
                }
                if closure {
                    let (release, block) = stuck();
                    later.push((release, runtime.spawn_blocking(block)));
                    held.recv().unwrap();
                }
                let start = Instant::now();
                match limit {
                    None => runtime.shutdown_background(),
                    Some(limit) => runtime.shutdown_timeout(limit),
                }
                assert!(start.elapsed() >= limit.unwrap_or_default());
                for (release, task) in later {
                    assert!(!task.is_finished());
                    release.send(()).unwrap();
                    assert_eq!(join(task).unwrap(), "it went on");
                }
            }
        }
    });
}

/// The last worker drops the tasks that are left, and holds no lock meanwhile.
#[test]
fn a_destructor_that_blocks_takes_no_longer_than_the_limit() {
    with_workers(|flavour| {
        let runtime = flavour.build();
        let (hold, held) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let blocks = AtDrop(move || {
            hold.send(()).unwrap();
            wait.recv().unwrap_err();
        });
        drop(runtime.spawn(async move {
            let _blocks = blocks;
            pending::<()>().await;
        }));
        runtime.shutdown_timeout(5 * MS);
        held.recv().unwrap();
        drop(release);
    });
}

// ---- bad input ----

#[test]
fn a_runtime_of_no_workers_is_refused_at_the_callers_line() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let line = line!() + 1;
        let panicked = panic_of(|| _ = builder.worker_threads(0)).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        let text = "`worker_threads` must be greater than 0";
        assert!(panicked.message.contains(text), "{}", panicked.message);
        // The builder is as it was.
        assert!(builder.build().unwrap().handle().metrics().num_workers() > 0);
    }
}

#[test]
fn more_workers_than_can_be_counted_are_refused_at_the_callers_line() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        for workers in [65_536, usize::MAX] {
            let line = line!() + 1;
            let panicked = panic_of(|| _ = builder.worker_threads(workers)).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            assert_eq!(panicked.message, "`worker_threads` must be at most 65535");
        }
        assert!(builder.build().unwrap().handle().metrics().num_workers() < 65_536);
        builder.worker_threads(65_535);
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Nothing is left of a runtime: no thread, no descriptor. The system needs a moment to count them.
fn nothing_is_left(before: (usize, usize)) {
    // Fewer than before: a thread of the test's own had not quite ended then.
    while threads().len() > before.0 || descriptors() > before.1 {
        thread::yield_now();
    }
}

#[test]
fn a_runtime_that_the_system_gives_no_threads_is_not_built() {
    alone("a_runtime_that_the_system_gives_no_threads_is_not_built", || {
        on_each_of(&[Workers(1), Workers(4)], |flavour| {
            let before = (threads().len(), descriptors());
            let error = flavour.builder().thread_stack_size(usize::MAX / 4).build().unwrap_err();
            println!("{error}");
            nothing_is_left(before);
        });
    });
}

/// The threads that were started before are stopped.
#[test]
fn a_runtime_that_the_system_gives_too_few_threads_is_not_built() {
    const NAME: &str = "a_runtime_that_the_system_gives_too_few_threads_is_not_built";
    alone_under(NAME, "ulimit -v 4000000", || {
        ends(|| {
            let (start, started) = mpsc::channel();
            let stops = Arc::new(AtomicUsize::new(0));
            let count = stops.clone();
            let before = (threads().len(), descriptors());
            let error = Workers(64)
                .builder()
                .thread_stack_size(512 << 20)
                .on_thread_start(move || {
                    // Not even what they have spawned stays.
                    drop(openwork::spawn(pending::<()>()));
                    start.send(()).unwrap();
                })
                .on_thread_stop(move || _ = count.fetch_add(1, SeqCst))
                .build()
                .unwrap_err();
            let started = started.iter().count();
            println!("{started} threads, then: {error}");
            assert!((1..64).contains(&started), "{started} were given");
            assert_eq!(stops.load(SeqCst), started);
            nothing_is_left(before);
        });
    });
}

#[test]
fn a_thread_name_that_panics_leaves_no_threads_behind() {
    alone("a_thread_name_that_panics_leaves_no_threads_behind", || {
        ends(|| {
            let before = (threads().len(), descriptors());
            let numbers = AtomicUsize::new(0);
            let name = move || match numbers.fetch_add(1, SeqCst) {
                3 => panic!("no more names"),
                number => number.to_string(),
            };
            let panicked = panic_of(|| Workers(4).builder().thread_name_fn(name).build());
            assert_eq!(panicked.unwrap().message, "no more names");
            nothing_is_left(before);
        });
    });
}

#[test]
fn a_runtime_that_is_dropped_by_a_task_says_what_to_use_instead() {
    with_workers(|flavour| {
        let says = |error: openwork::task::JoinError| {
            let text = error.to_string();
            assert!(text.contains("Cannot drop a runtime"), "{text}");
            assert!(text.contains("`shutdown_background`"), "{text}");
        };
        // By one of its own.
        let held = Arc::new(());
        let runtime = Arc::new(flavour.build());
        let (give, take) = oneshot::channel::<Arc<Runtime>>();
        let ours = held.clone();
        let other = runtime.spawn(async move { (pending::<()>().await, ours).0 });
        let task = runtime.spawn(async move { drop(take.await.unwrap()) });
        give.send(runtime).unwrap();
        says(join(task).unwrap_err());
        // The runtime ends all the same.
        assert!(join(other).unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&held), 1);

        // By another's.
        let (runtime, inner) = (flavour.build(), flavour.build());
        let task = inner.spawn(pending::<()>());
        says(join(runtime.spawn(async move { drop(inner) })).unwrap_err());
        assert!(join(task).unwrap_err().is_cancelled());

        // As it says.
        let runtime = Arc::new(flavour.build());
        let (give, take) = oneshot::channel::<Arc<Runtime>>();
        let task = runtime.spawn(async move {
            let runtime = Arc::into_inner(take.await.unwrap()).unwrap();
            runtime.shutdown_background();
            "it runs to its end"
        });
        give.send(runtime).unwrap();
        assert_eq!(join(task).unwrap(), "it runs to its end");
    });
}

/// The hooks of a worker, and destructors at the end, may use the runtime.
#[test]
fn callbacks_of_workers_may_use_the_runtime() {
    with_workers(|flavour| {
        let Workers(workers) = flavour else { unreachable!() };
        let ran = Arc::new(AtomicUsize::new(0));
        let (at_start, at_stop) = (ran.clone(), ran.clone());
        let runtime = flavour
            .builder()
            .on_thread_start(move || {
                let ran = at_start.clone();
                let task = openwork::spawn(async move { _ = ran.fetch_add(1, SeqCst) });
                drop(task);
                // Perhaps no thread drives yet, so this must not need a timer or a socket.
                Handle::current().block_on(yield_now());
            })
            .on_thread_stop(move || {
                // Dropped at once, or soon: in any case not run.
                let task = openwork::spawn(async { unreachable!("the runtime is ending") });
                at_stop
                    .fetch_add(usize::from(join::<()>(task).unwrap_err().is_cancelled()), SeqCst);
            })
            .build()
            .unwrap();
        while ran.load(SeqCst) < workers {
            thread::yield_now();
        }
        drop(runtime);
        assert_eq!(ran.load(SeqCst), 2 * workers);
    });
}
