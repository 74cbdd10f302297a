//! Many short calls of `block_on` in place of a long one, as in a game or a user interface that calls the
//! runtime once a frame. Timers, sockets and signals make progress, and a call that has nothing to wait for costs no
//! system call.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{TcpListener as StdListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use openwork::io::Interest;
use openwork::io::unix::AsyncFd;
use openwork::net::TcpListener;
use openwork::runtime::{Builder, Runtime, RuntimeFlavor};
use openwork::signal::unix::{SignalKind, signal};
use openwork::task::{JoinHandle, yield_now};
use openwork::time::sleep;
use openwork::trace::Event;

use crate::common::Flavour::{self, CurrentThread, Workers};
use crate::common::{alone, ends, on_each_of, on_every_flavour, real, until};

/// A worker that has other tasks to run does not poll the driver more often than this.
const INTERVAL: Duration = Duration::from_micros(50);

/// Pending once. `wake` is given the waker that makes it ready.
fn pending_once(wake: impl FnOnce(Waker)) -> impl Future<Output = ()> {
    let mut wake = Some(wake);
    poll_fn(move |cx| match wake.take() {
        Some(wake) => {
            wake(cx.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

/// A stream that a runtime watches for reading, and its other side.
fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (AsyncFd::new(near).unwrap(), far)
}

/// Counts the polls of a runtime's driver. Each poll finds a stream readable, since the listener that is told
/// so makes it readable again.
struct DriverPolls {
    count: Arc<AtomicUsize>,
    _watched: AsyncFd<UnixStream>,
}

impl DriverPolls {
    /// Builds the runtime too. From now on its driver does not sleep.
    fn of(builder: &mut Builder) -> (Runtime, DriverPolls) {
        let count = Arc::new(AtomicUsize::new(0));
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.write_all(b"!").unwrap();
        let (ours, fd) = (near.try_clone().unwrap(), near.as_raw_fd());
        let polls = count.clone();
        builder.on_event(move |record| match record.event {
            Event::Ready { fd: ready, .. } if ready == fd => {
                polls.fetch_add(1, SeqCst);
                assert_eq!((&ours).read(&mut [0; 2]).unwrap(), 1);
                (&far).write_all(b"!").unwrap();
            }
            _ => {}
        });
        let runtime = builder.build().unwrap();
        let _entered = runtime.enter();
        let _watched = AsyncFd::new(near).unwrap();
        drop(_entered);
        (runtime, DriverPolls { count, _watched })
    }

    fn count(&self) -> usize {
        self.count.load(SeqCst)
    }
}

// ---- short calls ----

/// A future that ends its call of `block_on` with the second poll.
type ShortCall = fn(&Runtime, &AtTheEdge);

/// What is woken when the runtime is about to sleep.
type AtTheEdge = Arc<Mutex<Option<Waker>>>;

const SHORT_CALLS: [(&str, ShortCall); 6] = [
    ("it yields", |runtime, _| runtime.block_on(yield_now())),
    ("it joins a task", |runtime, _| {
        runtime.block_on(async { openwork::spawn(async {}).await.unwrap() });
    }),
    ("it joins three tasks", |runtime, _| {
        runtime.block_on(async {
            let [a, b, c] = [(); 3].map(|()| openwork::spawn(async {}));
            openwork::try_join!(a, b, c).unwrap();
        });
    }),
    ("it sleeps for no time", |runtime, _| runtime.block_on(async { sleep(Duration::ZERO).await })),
    ("it is woken at the edge of sleep", |runtime, at_the_edge| {
        runtime.block_on(pending_once(|waker| {
            *at_the_edge.lock().unwrap() = Some(waker);
            // Some worker runs this task, and is about to sleep then.
            drop(openwork::spawn(async {}));
        }));
    }),
    ("it is woken by another thread", |runtime, _| {
        runtime.block_on(pending_once(|waker| drop(thread::spawn(move || waker.wake()))));
    }),
];

/// A runtime of this flavour that wakes the waker when it is about to sleep.
fn with_an_edge(flavour: Flavour) -> (Builder, AtTheEdge) {
    let at_the_edge = AtTheEdge::default();
    let ours = at_the_edge.clone();
    let mut builder = flavour.builder();
    builder.on_thread_park(move || ours.lock().unwrap().take().into_iter().for_each(Waker::wake));
    (builder, at_the_edge)
}

#[test]
fn a_future_that_is_ready_at_once_does_not_poll_the_driver() {
    ends(|| {
        let (runtime, polls) = DriverPolls::of(&mut CurrentThread.builder());
        let task = runtime.spawn(async {});
        runtime.block_on(yield_now());
        assert_eq!((polls.count(), task.is_finished()), (1, true));
        runtime.block_on(async {});
        runtime.block_on(task).unwrap();
        runtime.block_on(async { drop(runtime.spawn(async {})) });
        assert_eq!(polls.count(), 1);
    });
}

#[test]
fn a_future_that_was_pending_polls_the_driver_before_its_second_poll() {
    ends(|| {
        for (name, call) in SHORT_CALLS {
            let (mut builder, at_the_edge) = with_an_edge(CurrentThread);
            let (runtime, polls) = DriverPolls::of(&mut builder);
            for calls in 1..=3 {
                call(&runtime, &at_the_edge);
                // The other thread is slow, and meanwhile the driver is polled again and again.
                match name {
                    "it is woken by another thread" => assert!(polls.count() >= calls, "{name}"),
                    _ => assert_eq!(polls.count(), calls, "{name}"),
                }
            }
        }
    });
}

/// It is polled for the first time while another thread has the runtime, and for the second time when that
/// thread has left without polling the driver.
#[test]
fn a_future_that_was_pending_beside_another_thread_polls_the_driver_too() {
    ends(|| {
        let (runtime, polls) = DriverPolls::of(&mut CurrentThread.builder());
        let (begin, begun) = mpsc::channel();
        let (end, until_end) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let runtime = &runtime;
            let other = scope.spawn(move || {
                runtime.block_on(async {
                    begin.send(()).unwrap();
                    until_end.recv().unwrap();
                });
            });
            begun.recv().unwrap();
            runtime.block_on(pending_once(|waker| {
                end.send(()).unwrap();
                other.join().unwrap();
                waker.wake();
            }));
        });
        assert_eq!(polls.count(), 1);
    });
}

/// Calls `block_on` again and again while a task waits. `wait` starts that task and returns a function that
/// brings about what it waits for; when the function returns, the system knows of it.
fn comes_between_short_calls<F: FnOnce() + 'static>(wait: fn(&Runtime) -> (JoinHandle<()>, F)) {
    on_every_flavour(move |flavour| {
        for (name, call) in SHORT_CALLS {
            let (mut builder, at_the_edge) = with_an_edge(flavour);
            let runtime = builder.build().unwrap();
            let (task, bring_about) = wait(&runtime);
            call(&runtime, &at_the_edge);
            bring_about();
            if flavour == CurrentThread {
                // The first call polls the driver, which wakes the task; the second polls the task.
                call(&runtime, &at_the_edge);
                call(&runtime, &at_the_edge);
                assert!(task.is_finished(), "{name}");
            }
            // Workers poll the driver by themselves, at some time.
            while !task.is_finished() {
                call(&runtime, &at_the_edge);
                runtime.handle().block_on(yield_now());
            }
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn a_deadline_comes_between_short_calls() {
    comes_between_short_calls(|runtime| {
        const NAP: Duration = Duration::from_millis(2);
        let bring_about = || {
            let start = Instant::now();
            while start.elapsed() <= NAP {
                thread::sleep(NAP);
            }
        };
        (runtime.spawn(async { sleep(NAP).await }), bring_about)
    });
}

#[test]
fn a_connection_comes_between_short_calls() {
    comes_between_short_calls(|runtime| {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        // Another runtime watches the same listener, and gets its event last.
        let other = real();
        let same = {
            let _entered = other.enter();
            AsyncFd::new(listener.try_clone().unwrap()).unwrap()
        };
        let _entered = runtime.enter();
        let listener = TcpListener::from_std(listener).unwrap();
        let task = runtime.spawn(async move { drop(listener.accept().await.unwrap()) });
        let has_workers = runtime.handle().runtime_flavor() == RuntimeFlavor::MultiThread;
        let bring_about = move || {
            drop(TcpStream::connect(address).unwrap());
            // A worker may have accepted it by now.
            if !has_workers {
                other.block_on(async { drop(same.readable().await.unwrap()) });
            }
        };
        (task, bring_about)
    });
}

#[test]
fn a_signal_comes_between_short_calls() {
    alone("a_signal_comes_between_short_calls", || {
        comes_between_short_calls(|runtime| {
            let listen = |runtime: &Runtime| {
                let _entered = runtime.enter();
                signal(SignalKind::user_defined1()).unwrap()
            };
            let mut signals = listen(runtime);
            // Another runtime listens too, and gets its event last.
            let other = real();
            let mut same = listen(&other);
            let task = runtime.spawn(async move { signals.recv().await.unwrap() });
            let bring_about = move || {
                let pid = process::id().to_string();
                assert!(Command::new("kill").args(["-USR1", &pid]).status().unwrap().success());
                other.block_on(same.recv()).unwrap();
            };
            (task, bring_about)
        });
    });
}

// ---- within one call ----

/// It waits for something that the driver may hold already, and nothing else is to be done.
#[test]
fn a_future_that_yields_alone_polls_the_driver_each_time() {
    on_each_of(&[CurrentThread, Workers(1)], |flavour| {
        let (runtime, polls) = DriverPolls::of(&mut flavour.builder());
        let polls = Arc::new(polls);
        let yields = |polls: Arc<DriverPolls>| async move {
            let before = polls.count();
            for _ in 0..20 {
                yield_now().await;
            }
            polls.count() - before
        };
        let task = runtime.spawn(yields(polls.clone()));
        assert_eq!(runtime.block_on(task).unwrap(), 20);
        if flavour == CurrentThread {
            assert_eq!(runtime.block_on(yields(polls)), 20);
        }
    });
}

#[test]
fn a_task_that_yields_sees_that_a_socket_is_ready() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let task = runtime.spawn(async move {
            for _ in 0..20 {
                let (near, mut far) = pair();
                let is_ready = || {
                    let read = |mut stream: &UnixStream| stream.read(&mut [0]);
                    near.try_io(Interest::READABLE, read).is_ok()
                };
                assert!(!is_ready());
                far.write_all(b"!").unwrap();
                yield_now().await;
                match flavour {
                    CurrentThread | Workers(1) => assert!(is_ready()),
                    // Another worker has the driver, and wakes up for it.
                    Workers(_) => until(is_ready).await,
                }
            }
        });
        runtime.block_on(task).unwrap();
    });
}

/// The number of the yielding task's polls between the data and the reader's poll.
#[test]
fn beside_a_task_that_yields_alone_a_reader_is_polled_at_once() {
    on_each_of(&[CurrentThread, Workers(1)], |flavour| {
        let runtime = flavour.in_order().build().unwrap();
        let task = runtime.spawn(async {
            for _ in 0..20 {
                let (near, mut far) = pair();
                let reader = openwork::spawn(async move { drop(near.readable().await.unwrap()) });
                // The reader waits, and the first event of its descriptor has come.
                yield_now().await;
                yield_now().await;
                far.write_all(b"!").unwrap();
                let mut polls = 0;
                while !reader.is_finished() {
                    yield_now().await;
                    polls += 1;
                }
                assert!(polls <= 2, "{polls} polls");
            }
        });
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn while_several_futures_are_ready_the_driver_is_polled_at_intervals() {
    const TIMES: usize = 2000;
    async fn yields() {
        for _ in 0..TIMES {
            yield_now().await;
        }
    }
    /// Futures that are ready in turn, this one among them or not.
    async fn in_turn(kind: &str) {
        match kind {
            "two tasks yield" => {
                let tasks = (openwork::spawn(yields()), openwork::spawn(yields()));
                openwork::try_join!(tasks.0, tasks.1).unwrap();
            }
            "a task and this future yield" => {
                let task = openwork::spawn(yields());
                yields().await;
                task.await.unwrap();
            }
            "a task wakes this future" => {
                for _ in 0..TIMES {
                    openwork::spawn(async {}).await.unwrap();
                }
            }
            _ => unreachable!(),
        }
    }
    on_each_of(&[CurrentThread, Workers(1)], |flavour| {
        let (runtime, polls) = DriverPolls::of(&mut flavour.in_order());
        let polls = Arc::new(polls);
        let check = |kind, polls: Arc<DriverPolls>| async move {
            let (start, before) = (Instant::now(), polls.count());
            in_turn(kind).await;
            let (took, polls) = (start.elapsed(), polls.count() - before);
            let most = took.as_nanos() / INTERVAL.as_nanos() + 3;
            assert!(polls as u128 <= most, "{kind}: {polls} polls of the driver in {took:?}");
        };
        let kinds = ["two tasks yield", "a task and this future yield", "a task wakes this future"];
        for kind in kinds {
            let task = runtime.spawn(check(kind, polls.clone()));
            runtime.block_on(task).unwrap();
            if flavour == CurrentThread {
                runtime.block_on(check(kind, polls.clone()));
            }
        }
    });
}
