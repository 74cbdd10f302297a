//! The operations whose cost is measured: on tasks, timers and connections, and with 1, 2 and 64 workers.

use std::io::{BufRead, BufReader, Read};
use std::pin::{Pin, pin};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use std::{io, process, thread};

use futures::poll;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::{Handle, Runtime};
use openwork::sync::Notify;
use openwork::task::yield_now;
use openwork::time::{Sleep, advance, sleep};

use super::callgrind::{COUNTED, declare};
use super::{decades, measure, most, openwork_measured, this_test};
use crate::common::{Flavour, Random, Wakes, paused, until};
use crate::counts::most_descriptors;

/// What is measured in a process of its own, and the title of its panel.
pub const FAMILIES: [(&str, &str); 4] = [
    ("tasks", "Instructions of an operation, by the number of tasks"),
    ("timers", "Instructions of an operation, by the number of timers"),
    ("connections", "Instructions of an echo, by the number of connections"),
    ("workers", "Instructions of a task, by the number of workers"),
];

/// Lines along which the number does not grow by decades.
pub const HAS_NO_DECADES: [&str; 2] = [SPAWN_OUTSIDE, SPAWN_INSIDE];
const SPAWN_OUTSIDE: &str = "block_on(spawn), joined";
const SPAWN_INSIDE: &str = "a spawn in a task, joined";

/// Operations of one measurement, if the number among which they are made does not matter.
const TIMES: usize = 1000;

/// The second process of the connections.
const SERVER: &str = "server";

pub fn run(family: &str) {
    match family {
        "tasks" => tasks(),
        "timers" => timers(),
        "connections" => connections(),
        "workers" => [1, 2, 64].into_iter().for_each(workers),
        SERVER => serve(),
        _ => unreachable!("{family}"),
    }
}

fn tasks() {
    let runtime = paused();
    let woken = Arc::new(AtomicUsize::new(0));
    let notifies: Arc<Vec<Notify>> = Arc::new((0..most()).map(|_| Notify::new()).collect());
    let mut random = Random(0x7a5c);
    let mut alive = 0;
    for n in decades(most(), 4) {
        runtime.block_on(async {
            for number in alive..n {
                let (woken, notifies) = (woken.clone(), notifies.clone());
                drop(openwork::spawn(async move {
                    loop {
                        notifies[number].notified().await;
                        woken.fetch_add(1, SeqCst);
                    }
                }));
            }
            // With a paused clock this is over when all of them wait.
            sleep(Duration::from_nanos(1)).await;
        });
        alive = n;
        // So many that the list of tasks is pruned in between.
        let times = TIMES.max(n / 2);
        measure("spawned and joined", n, times, || {
            runtime.block_on(async {
                for _ in 0..times {
                    openwork::spawn(async {}).await.unwrap();
                }
            });
        });
        measure("spawned and joined, asleep in between", n, times, || {
            runtime.block_on(async {
                for _ in 0..times {
                    openwork::spawn(sleep(Duration::from_nanos(1))).await.unwrap();
                }
            });
        });
        measure("woken", n, TIMES, || {
            runtime.block_on(async {
                for _ in 0..TIMES {
                    let before = woken.load(SeqCst);
                    notifies[random.below(n)].notify_one();
                    until(|| woken.load(SeqCst) > before).await;
                }
            });
        });
    }
}

const HOUR: Duration = Duration::from_secs(3600);
/// The deadlines are spread over this time, after an hour.
const SOME_TIME: Duration = Duration::from_secs(1000);

/// A sleep that has been polled.
fn armed(duration: Duration, wakes: &Wakes) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(duration));
    assert!(wakes.poll(sleep.as_mut()).is_pending());
    sleep
}

fn timers() {
    let runtime = paused();
    let _entered = runtime.enter();
    let mut random = Random(0x71e5);
    let wakes = Wakes::new();
    let mut sleeps = Vec::new();
    for n in decades(most(), 4) {
        let mut some_time =
            || HOUR + Duration::from_nanos(random.below(SOME_TIME.as_nanos() as usize) as u64);
        sleeps.clear();
        sleeps.resize_with(n, || armed(some_time(), &wakes));
        // So many that the heap is rebuilt in between.
        let times = TIMES.max(2 * n);
        measure("set and cancelled", n, times, || {
            for _ in 0..times {
                drop(armed(some_time(), &wakes));
            }
        });
        measure("set and fired first", n, TIMES, || {
            runtime.block_on(async {
                for _ in 0..TIMES {
                    sleep(Duration::from_nanos(1)).await;
                }
            });
        });
        fire(&runtime, n, &wakes);
    }
}

/// Half of the `n` timers fire, each at its own time.
fn fire(runtime: &Runtime, n: usize, wakes: &Wakes) {
    runtime.block_on(advance(HOUR));
    wakes.take();
    openwork_measured(&mut || runtime.block_on(advance(SOME_TIME / 2)));
    declare("fired in its turn", n, wakes.count());
}

fn workers(number: usize) {
    let runtime = Flavour::Workers(number).build();
    let outside = || {
        for _ in 0..TIMES {
            runtime.block_on(runtime.spawn(async {})).unwrap();
        }
    };
    let inside = || {
        let task = runtime.spawn(async {
            for _ in 0..TIMES {
                openwork::spawn(async {}).await.unwrap();
            }
        });
        runtime.block_on(task).unwrap();
    };
    // All workers have started and found nothing.
    outside();
    measure(SPAWN_OUTSIDE, number, TIMES, outside);
    measure(SPAWN_INSIDE, number, TIMES, inside);
}

fn connections() {
    let most = most().min(most_descriptors().unwrap_or(1000) / 2);
    let (mut server, address) = start_server();
    let runtime = Flavour::CurrentThread.build();
    let busy = runtime.block_on(TcpStream::connect(&address)).unwrap();
    let mut open = 1;
    for n in decades(most, 5) {
        runtime.block_on(async {
            for _ in open..n {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                drop(openwork::spawn(async move { stream.read(&mut [0; 64]).await }));
                yield_now().await;
            }
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), n);
        });
        open = n;
        measure("an echo", n, TIMES, || {
            runtime.block_on(async {
                for _ in 0..TIMES {
                    let (mut to, mut from, mut bytes) = (&busy, &busy, [0; 64]);
                    // The task waits first, so that the answer always takes the way through the reactor.
                    let mut answer = pin!(from.read_exact(&mut bytes));
                    assert!(poll!(&mut answer).is_pending());
                    to.write_all(&[1; 64]).await.unwrap();
                    answer.await.unwrap();
                }
            });
        });
    }
    // The server ends with its standard input.
    drop((busy, runtime, server.stdin.take()));
    assert!(server.wait().unwrap().success());
}

/// The other ends of the connections are in another process, which is not counted.
fn start_server() -> (Child, String) {
    let mut command = this_test();
    command.env(COUNTED, SERVER).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix("at ").map(str::to_owned));
    (server, address.expect("the server prints it"))
}

/// Echoes until the standard input ends.
fn serve() {
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    Flavour::CurrentThread.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\nat {}", listener.local_addr().unwrap());
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(openwork::spawn(async move {
                let mut bytes = [0; 64];
                while stream.read_exact(&mut bytes).await.is_ok() {
                    stream.write_all(&bytes).await.unwrap();
                }
            }));
        }
    });
}
