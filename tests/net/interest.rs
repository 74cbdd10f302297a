//! Which tasks a socket wakes, and which wakers it drops.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::io::AsyncRead;
use futures::task::{ArcWake, waker};
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::Handle;
use openwork::task::yield_now;
use openwork::time::timeout;
use openwork::trace::{Event, WaitReason};

use crate::common::sockets::Turns;
use crate::common::{Flavour, Probe, Random, Wakes, on_each_of, on_every_flavour, until};
use crate::harness::{
    MORE_THAN_FITS, Trace, fill, from_std, full_backlog, pair, poll_read, std_pair,
};

/// One task waits to read and another to write, on one socket. The other side sends while the writer is stuck, and
/// only then reads: each task must be woken by its own direction.
fn a_reader_and_a_writer_wait(flavour: Flavour, reader_is_first: bool) {
    let (runtime, trace) = Trace::of(flavour);
    let (near, mut far) = std_pair();
    let fd = near.as_raw_fd();
    let (tell, told) = mpsc::channel();

    let foreign = thread::spawn({
        let trace = trace.clone();
        move || {
            trace.wait_until_asleep_over(&[
                WaitReason::Readable { fd },
                WaitReason::Writable { fd },
            ]);
            far.write_all(b"ping").unwrap();
            // The writer cannot have caused this: there is still no room.
            told.recv().unwrap();
            let mut received = Vec::new();
            far.read_to_end(&mut received).unwrap();
            received.len()
        }
    });

    runtime.block_on(async {
        let near = Arc::new(from_std(near));
        let reader = {
            let near = near.clone();
            async move {
                let mut buf = [0; 4];
                (&*near).read_exact(&mut buf).await.unwrap();
                tell.send(()).unwrap();
                assert_eq!(&buf, b"ping");
            }
        };
        let writer = async move {
            let mut near = &*near;
            near.write_all(&vec![7; MORE_THAN_FITS]).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let waits = |waiting| trace.count(|event| *event == Event::Waits(waiting)) > 0;
        let tasks = if reader_is_first {
            let reader = openwork::spawn(reader);
            until(|| waits(WaitReason::Readable { fd })).await;
            [reader, openwork::spawn(writer)]
        } else {
            let writer = openwork::spawn(writer);
            until(|| waits(WaitReason::Writable { fd })).await;
            [writer, openwork::spawn(reader)]
        };
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(foreign.join().unwrap(), MORE_THAN_FITS);

    let events = trace.since(0);
    let first_wait = |waiting| events.iter().position(|event| *event == Event::Waits(waiting));
    let reader_was_first =
        first_wait(WaitReason::Readable { fd }) < first_wait(WaitReason::Writable { fd });
    assert_eq!(reader_was_first, reader_is_first, "the schedule was another one");
}

#[test]
fn a_writers_interest_does_not_replace_a_readers() {
    on_every_flavour(|flavour| a_reader_and_a_writer_wait(flavour, true));
}

#[test]
fn a_readers_interest_does_not_replace_a_writers() {
    on_every_flavour(|flavour| a_reader_and_a_writer_wait(flavour, false));
}

#[test]
fn of_two_tasks_that_poll_the_same_direction_the_last_is_woken_and_the_first_waker_dropped() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let (first, last) = (Wakes::new(), Wakes::new());
            let mut buf = [0; 8];

            assert!(poll_read(&near, &first, &mut buf).is_pending());
            assert_eq!(first.kept(), 1);
            assert!(poll_read(&near, &last, &mut buf).is_pending());
            assert!(poll_read(&near, &last, &mut buf).is_pending());
            assert_eq!((first.kept(), last.kept()), (0, 1));

            far.write_all(b"data").unwrap();
            turns.until(|| last.count() > 0 && last.kept() == 0).await;
            assert_eq!((first.count(), last.count()), (0, 1));
            assert!(matches!(poll_read(&near, &last, &mut buf), Poll::Ready(Ok(4))));
        });
    });
}

#[test]
fn a_future_that_moves_to_another_task_drops_the_first_ones_waker() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let (first, last) = (Wakes::new(), Wakes::new());

            let mut readable = pin!(near.readable());
            assert!(first.poll(readable.as_mut()).is_pending());
            assert!(last.poll(readable.as_mut()).is_pending());
            assert_eq!((first.kept(), last.kept()), (0, 1));

            far.write_all(b"data").unwrap();
            turns.until(|| last.count() > 0).await;
            assert_eq!((first.count(), last.count()), (0, 1));
            assert!(last.poll(readable.as_mut()).is_ready());
        });
    });
}

#[test]
fn a_stream_handed_on_after_a_timeout_wakes_its_new_owner_alone() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, mut far) = std_pair();
        let (give, take) = oneshot::channel();
        let new_has_it = Arc::new(AtomicBool::new(false));
        let has_it = new_has_it.clone();
        let (done, is_done) = oneshot::channel::<()>();

        let foreign = thread::spawn({
            let trace = trace.clone();
            move || {
                trace.wait_until_asleep(|_| new_has_it.load(SeqCst));
                far.write_all(b"late").unwrap();
            }
        });

        let (old, new) = runtime.block_on(async {
            let mut near = from_std(near);
            let old = openwork::spawn(async move {
                let read = timeout(Duration::from_millis(1), near.read(&mut [0; 8])).await;
                assert!(read.is_err());
                give.send(near).unwrap();
                is_done.await.unwrap();
            });
            let new = openwork::spawn(async move {
                let mut buf = [0; 8];
                let mut near = take.await.unwrap();
                has_it.store(true, SeqCst);
                assert_eq!(near.read(&mut buf).await.unwrap(), 4);
                done.send(()).unwrap();
            });
            let ids = (old.id().to_string(), new.id().to_string());
            old.await.unwrap();
            new.await.unwrap();
            ids
        });
        foreign.join().unwrap();

        let events = trace.since(0);
        let is_report = |event: &Event| matches!(event, Event::Ready { readable: true, .. });
        let report = events.iter().position(is_report).unwrap();
        let woken = events[report..].iter().filter_map(|event| match event {
            Event::Woken { task, .. } => Some(task.to_string()),
            _ => None,
        });
        // The new task wakes the old one when it has ended.
        let woken = woken.filter(|task| [&new, &old].contains(&task));
        assert_eq!(woken.collect::<Vec<_>>(), [new.clone(), old.clone()]);
    });
}

// ---- pending and dropped waits ----

/// Polls `wait`, which is pending, then makes it ready: the waker must have been stored, and must be called.
async fn is_woken<F: Future>(turns: &Turns, wait: F, make_ready: impl FnOnce()) -> F::Output {
    let wakes = Wakes::new();
    let mut wait = pin!(wait);
    assert!(wakes.poll(wait.as_mut()).is_pending());
    assert_eq!(wakes.kept(), 1, "pending, and no waker is stored");
    make_ready();
    turns.until(|| wakes.count() > 0 && wakes.kept() == 0).await;
    let Poll::Ready(output) = wakes.poll(wait) else { panic!("woken for nothing") };
    output
}

#[test]
fn whatever_is_pending_has_kept_its_waker() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair());
            let send = || (&far).write_all(b"!").unwrap();
            let receive = || while near.try_read(&mut [0; 8]).is_ok() {};
            let make_room = |len| (&far).read_exact(&mut vec![0; len]).unwrap();
            let mut buf = [0; 8];

            is_woken(&turns, near.readable(), send).await.unwrap();
            receive();
            is_woken(&turns, near.peek(&mut buf), send).await.unwrap();
            receive();
            is_woken(&turns, (&near).read(&mut buf), send).await.unwrap();
            let len = fill(&turns, &near).await;
            is_woken(&turns, (&near).write(b"!"), || make_room(len)).await.unwrap();
            make_room(1);
            let len = fill(&turns, &near).await;
            is_woken(&turns, near.writable(), || make_room(len)).await.unwrap();

            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let connect = || drop(StdStream::connect(address).unwrap());
            is_woken(&turns, listener.accept(), connect).await.unwrap();
            assert!(Wakes::new().poll(pin!(listener.accept())).is_pending());
            is_woken(&turns, poll_fn(|cx| listener.poll_accept(cx)), connect).await.unwrap();
            if flavour == Flavour::CurrentThread {
                // A worker may have the event before the first poll.
                is_woken(&turns, TcpStream::connect(address), || ()).await.unwrap();
            }
        });
    });
}

/// Polls `wait`, which is pending, and drops it: its waker must be gone at once.
fn is_dropped_with_its_future<T>(wait: impl Future<Output = T>) -> Wakes {
    let wakes = Wakes::new();
    {
        let mut wait = pin!(wait);
        assert!(wakes.poll(wait.as_mut()).is_pending());
        assert_eq!(wakes.kept(), 1);
    }
    assert_eq!(wakes.kept(), 0, "it is kept after the future was dropped");
    wakes
}

#[test]
fn a_wait_that_is_dropped_leaves_no_interest() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (_listener, unanswered) = full_backlog();
            let len = fill(&turns, &near).await;
            assert!(len > 0);

            let watched = || Handle::current().metrics().io_driver_fd_registered_count();
            let before = watched();
            let wakes = [
                is_dropped_with_its_future(near.readable()),
                is_dropped_with_its_future(near.peek(&mut [0; 8])),
                is_dropped_with_its_future(near.writable()),
                is_dropped_with_its_future(listener.accept()),
                is_dropped_with_its_future(TcpStream::connect(unanswered)),
            ];
            assert_eq!(watched(), before, "the connect that was given up is still watched");

            // Now everything happens that they waited for.
            (&far).write_all(b"!").unwrap();
            (&far).read_exact(&mut vec![0; len]).unwrap();
            drop(StdStream::connect(address).unwrap());
            turns.turn().await;
            assert!(wakes.iter().all(|wakes| wakes.count() == 0));
            // And the next task gets the connection.
            listener.accept().await.unwrap();
        });
    });
}

/// A waker is stored on one thread while the event comes on another. Each round brings the two closer: a poll that came
/// before the event comes a little later in the next round, and the other way round. (Without the second look in
/// `Source::poll_or_register` about one run in three hangs.)
#[test]
fn a_report_that_comes_while_a_waker_is_left_is_not_missed() {
    /// About two seconds. Each round has two changes between threads, which take a time slice of each other program
    /// that is busy: then there are fewer rounds.
    const ROUNDS: usize = 2000;
    const LIMIT: Duration = Duration::from_secs(20);
    on_each_of(&[Flavour::Workers(1), Flavour::Workers(2)], |flavour| {
        let asked = Arc::new(AtomicUsize::new(0));
        let (near, mut far) = std_pair();
        let foreign = thread::spawn({
            let asked = asked.clone();
            move || {
                for round in 1.. {
                    while asked.load(SeqCst) < round {
                        thread::yield_now();
                    }
                    if asked.load(SeqCst) == usize::MAX {
                        return far;
                    }
                    far.write_all(b"!").unwrap();
                }
                unreachable!("the rounds end")
            }
        });
        flavour.block_on(async {
            let near = from_std(near);
            let (mut random, mut delay) = (Random(4711), 0_usize);
            let start = Instant::now();
            for round in (1..=ROUNDS).take_while(|_| start.elapsed() < LIMIT) {
                // With a new budget.
                yield_now().await;
                asked.store(round, SeqCst);
                for _ in 0..delay + random.below(16) {
                    std::hint::spin_loop();
                }
                let mut wait = Probe::new(match round % 2 {
                    0 => near.readable().map(drop).left_future(),
                    _ => poll_fn(|cx| Pin::new(&mut &near).poll_read(cx, &mut []).map(drop))
                        .right_future(),
                });
                let was_early = wait.poll().is_pending();
                let mut is_ready = !was_early;
                while !is_ready {
                    // It may be woken for nothing, by the end of the event before.
                    while !wait.is_woken() {
                        thread::yield_now();
                    }
                    is_ready = wait.poll().is_ready();
                }
                delay = if was_early { delay + 4 } else { delay.saturating_sub(4) };
                assert_eq!(near.try_read(&mut [0; 2]).unwrap(), 1);
                assert_eq!(near.try_read(&mut [0; 2]).unwrap_err().kind(), ErrorKind::WouldBlock);
            }
        });
        asked.store(usize::MAX, SeqCst);
        foreign.join().unwrap();
    });
}

// ---- wakers of user code ----

/// Calls a closure at the first wake.
struct Then<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> Then<F> {
    fn waker(then: F) -> Waker {
        waker(Arc::new(Then(Mutex::new(Some(then)))))
    }
}

impl<F: FnOnce() + Send + 'static> ArcWake for Then<F> {
    fn wake_by_ref(then: &Arc<Self>) {
        let call = then.0.lock().unwrap().take();
        call.into_iter().for_each(|call| call());
    }
}

fn wait_for_data(stream: &TcpStream, waker: &Waker) {
    let mut wait = stream;
    let read = pin!(wait.read(&mut [])).poll(&mut Context::from_waker(waker));
    assert!(read.is_pending());
}

/// Behaviour 33.
#[test]
fn a_wake_may_drop_the_very_socket() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let turns = Turns::new();
            let watched = || Handle::current().metrics().io_driver_fd_registered_count();
            let before = watched();

            let (near, mut far) = pair();
            let near = Arc::new(Mutex::new(Some(near)));
            let drop_it = Then::waker({
                let near = near.clone();
                move || drop(near.lock().unwrap().take())
            });
            wait_for_data(near.lock().unwrap().as_ref().unwrap(), &drop_it);
            assert_eq!(watched(), before + 1);
            far.write_all(b"!").unwrap();
            turns.until(|| near.lock().unwrap().is_none()).await;
            assert_eq!(watched(), before);
        });
    });
}

#[test]
fn a_wake_that_panics_takes_no_other_wake_with_it() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (bad, mut far_from_bad), (good, mut far_from_good)) =
                (Turns::new(), pair(), pair());
            wait_for_data(&bad, &Then::waker(|| panic!("this panic belongs to the test")));
            let wakes = Wakes::new();
            assert!(poll_read(&good, &wakes, &mut [0; 8]).is_pending());
            far_from_bad.write_all(b"!").unwrap();
            far_from_good.write_all(b"!").unwrap();
            turns.until(|| wakes.count() > 0).await;
            assert_eq!(wakes.count(), 1);
        });
    });
}

/// Panics when the last reference is dropped, unless the thread panics already.
struct Grudge;

impl ArcWake for Grudge {
    fn wake_by_ref(_: &Arc<Self>) {}
}

impl Drop for Grudge {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("this panic belongs to the test");
        }
    }
}

#[test]
fn a_waker_that_panics_as_it_is_dropped_does_not_harm_the_next_one() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = pair();
            wait_for_data(&near, &waker(Arc::new(Grudge)));
            far.write_all(b"data").unwrap();
            // Its waker replaces that one, and drops it.
            let read = openwork::spawn(async move { (&near).read(&mut [0; 8]).await.unwrap() });
            assert_eq!(read.await.expect("the panic is not this task's"), 4);
        });
    });
}

#[test]
fn a_wait_can_be_dropped_over_a_waker_that_panics_as_it_is_dropped() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, _far) = pair();
            let task = openwork::spawn(async move {
                let mut wait = Box::pin(near.readable());
                let waker = waker(Arc::new(Grudge));
                assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                drop(waker);
                drop(wait);
            });
            task.await.expect("the panic is not this task's");
        });
    });
}

#[test]
fn a_socket_can_be_closed_over_a_waker_that_panics_as_it_is_dropped() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = pair();
            wait_for_data(&near, &waker(Arc::new(Grudge)));
            let task = openwork::spawn(async move { drop(near) });
            task.await.expect("the panic is not this task's");
            assert_eq!(far.read(&mut [0; 8]).unwrap(), 0, "closed");
        });
    });
}
