//! `Builder::shuffle`, `with_seeds` and `OPENWORK_SHUFFLE`: a seed chooses the next task, the order of equal deadlines,
//! and the order of sockets that are ready at once.

use std::collections::HashSet;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openwork::net::UnixStream;
use openwork::runtime::{Builder, RngSeed, Runtime, with_seeds};
use openwork::task::yield_now;
use openwork::time::sleep;
use openwork::trace::Record;

use crate::common::{again, ends, is_shuffled, panic_of};

const SEEDS: u64 = 100;

fn shuffled(seed: u64) -> Runtime {
    Builder::new_current_thread().start_paused(true).shuffle(seed).build().unwrap()
}

/// The order in which tasks with this body end.
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

/// They wait in the injector, and join the others.
#[test]
fn every_order_of_tasks_that_were_spawned_outside_of_the_runtime_occurs() {
    let order_of = |seed| {
        let runtime = shuffled(seed);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks = [0, 1, 2].map(|number| {
            let order = order.clone();
            runtime.spawn(async move { order.lock().unwrap().push(number) })
        });
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    };
    ends(move || assert_eq!((0..SEEDS).map(order_of).collect::<HashSet<Vec<u32>>>().len(), 6));
}

#[test]
fn every_order_of_equal_deadlines_occurs() {
    // By wakers that are not of tasks: the order in which woken tasks run is random too.
    let order = |seed| {
        let fired = Arc::new(Mutex::new(Vec::new()));
        let runtime = shuffled(seed);
        let sleeps: Vec<_> = (0..3_u32)
            .map(|number| {
                let (fired, _in) = (fired.clone(), runtime.enter());
                let waker = futures_task::waker(Arc::new(Numbered { number, fired }));
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
        let orders: HashSet<Vec<u32>> = (0..SEEDS).map(order).collect();
        assert_eq!(orders.len(), 6);
    });
}

/// A waker that records its number when it is called.
struct Numbered {
    number: u32,
    fired: Arc<Mutex<Vec<u32>>>,
}

impl futures_task::ArcWake for Numbered {
    fn wake_by_ref(waker: &Arc<Self>) {
        waker.fired.lock().unwrap().push(waker.number);
    }
}

#[test]
fn every_order_of_sockets_that_are_ready_at_once_occurs() {
    let order = |seed| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let runtime = shuffled(seed);
        runtime.block_on(async {
            let mut waiting = Vec::new();
            for number in 0..3_u32 {
                let (ours, theirs) = StdStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                let stream = UnixStream::from_std(ours).unwrap();
                let fired = order.clone();
                let waker = futures_task::waker(Arc::new(Numbered { number, fired }));
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
        let orders: HashSet<Vec<u32>> = (0..SEEDS).map(order).collect();
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
        (order, text_of(&records.lock().unwrap()))
    };
    ends(move || {
        let once = trace(7);
        assert!(once.1.lines().count() > 50, "{}", once.1);
        for _ in 0..100 {
            let again = trace(7);
            assert!(again == once, "{}\n{}", once.1, again.1);
        }
        assert_ne!(trace(8).0, once.0);
    });
}

/// A line for each event. The ids of tasks differ in each run: each integer is replaced by a number that counts the
/// integers in the order in which they appear.
fn text_of(records: &[Record]) -> String {
    let mut seen = Vec::new();
    let lines = records.iter().map(|record| {
        let Record { at, worker, task, event, function, .. } = record;
        format!("{at:?} {worker:?} {task:?} {event:?} {function}\n")
    });
    let text: String = lines.collect();
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|word| {
        let (integer, end) = word.split_at(word.len() - 1);
        if integer.parse::<u64>().is_err() {
            return word.to_owned();
        }
        let index = seen.iter().position(|seen| *seen == integer).unwrap_or_else(|| {
            seen.push(integer);
            seen.len() - 1
        });
        format!("{index}{end}")
    });
    words.collect()
}

#[test]
fn a_multi_thread_runtime_cannot_be_shuffled() {
    let panicked = panic_of(|| drop(Builder::new_multi_thread().shuffle(1).build())).unwrap();
    assert!(panicked.message.contains("`shuffle` needs a current-thread runtime"));
    assert!(panicked.file.ends_with("shuffle.rs"));
}

// ---- OPENWORK_SHUFFLE, and the seeds of a test ----

/// The program that the tests below run. It does what `PROGRAM_DOES` names; as a test it does nothing.
#[test]
fn a_program() {
    let Ok(does) = std::env::var("PROGRAM_DOES") else { return };
    let plain = Builder::new_current_thread;
    let order = |builder: &mut Builder| {
        println!(
            "order: {:?}",
            order_of(&builder.build().unwrap(), 20, |_| std::future::ready(()))
        );
    };
    match &*does {
        "default" => order(&mut plain()),
        "shuffle" => order(plain().shuffle(7)),
        "rng_seed" => order(plain().rng_seed(RngSeed::from_bytes(b"fixed"))),
        "multi_thread" => Builder::new_multi_thread().build().unwrap().block_on(async {}),
        "seeds" => with_seeds(0..20, async |seed| {
            println!("seed: {seed}");
            let start = openwork::time::Instant::now();
            sleep(Duration::from_secs(3600)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(3600));
            assert!(seed != 11, "a failure of the test");
        }),
        other => panic!("{other}"),
    }
}

/// Whether the program succeeds, its lines that begin with `label`, and its standard error.
fn program(does: &str, shuffle: Option<&str>, label: &str) -> (bool, Vec<String>, String) {
    let mut command = again("a_program");
    command.env("PROGRAM_DOES", does).env_remove("OPENWORK_SHUFFLE");
    command.envs(shuffle.map(|seed| ("OPENWORK_SHUFFLE", seed)));
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines =
        stdout.lines().filter_map(|line| line.split_once(label)).map(|(_, it)| it.to_owned());
    (output.status.success(), lines.collect(), String::from_utf8(output.stderr).unwrap())
}

/// The order in which the tasks of the program end.
fn order_of_program(does: &str, shuffle: Option<&str>) -> String {
    let (succeeds, lines, errors) = program(does, shuffle, "order: ");
    assert!(succeeds && errors.is_empty() && lines.len() == 1, "{does} {shuffle:?}: {errors}");
    lines.into_iter().next().unwrap()
}

fn first_in_first_out() -> String {
    format!("{:?}", (0..20).collect::<Vec<_>>())
}

#[test]
fn the_variable_shuffles_a_program_that_sets_no_seed() {
    let by_7 = order_of_program("shuffle", None);
    assert_ne!(by_7, first_in_first_out());
    assert_eq!(order_of_program("default", Some("7")), by_7);
    assert_ne!(order_of_program("default", Some("18446744073709551615")), by_7);
    assert_eq!(order_of_program("shuffle", Some("8")), by_7);
    assert_eq!(order_of_program("default", None), first_in_first_out());
    assert_eq!(order_of_program("default", Some("")), first_in_first_out());
    assert_eq!(order_of_program("rng_seed", Some("7")), first_in_first_out());
    assert!(program("multi_thread", Some("7"), "").0);
}

#[test]
fn a_variable_that_is_no_seed_is_reported_in_one_line_and_ignored() {
    for seed in ["seven", "-1", "0x7", "18446744073709551616"] {
        let (succeeds, lines, errors) = program("default", Some(seed), "order: ");
        assert!(succeeds);
        assert_eq!(lines, [first_in_first_out()]);
        let reason = "is not a decimal number below 2^64";
        assert_eq!(errors, format!("OPENWORK_SHUFFLE: nothing is shuffled: {seed} {reason}\n"));
    }
}

#[test]
fn with_seeds_runs_each_seed_until_one_fails_and_prints_that_one() {
    let (succeeds, seeds, errors) = program("seeds", None, "seed: ");
    assert!(!succeeds);
    assert_eq!(seeds, (0..=11).map(|seed| seed.to_string()).collect::<Vec<_>>());
    assert!(errors.contains("a failure of the test"), "{errors}");
    assert!(errors.contains("seed 11 fails; to repeat it, set OPENWORK_SHUFFLE=11\n"), "{errors}");
    // With the variable only its seed runs.
    let (succeeds, seeds, errors) = program("seeds", Some("11"), "seed: ");
    assert!(!succeeds && errors.contains("a failure of the test"));
    assert_eq!(seeds, ["11"]);
    assert!(program("seeds", Some("12"), "").0);
}

#[test]
fn with_seeds_tries_every_order() {
    ends(|| {
        let orders = Mutex::new(HashSet::new());
        let test = async |_| {
            let (order, tasks) = (Arc::new(Mutex::new(Vec::new())), 0..3);
            let tasks = tasks.map(|number| {
                let order = order.clone();
                openwork::spawn(async move { order.lock().unwrap().push(number) })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            orders.lock().unwrap().insert(order.lock().unwrap().clone());
        };
        with_seeds(0..SEEDS, test);
        // Under `OPENWORK_SHUFFLE` only its seed runs.
        let expected = if is_shuffled() { 1 } else { 6 };
        assert_eq!(orders.lock().unwrap().len(), expected);
    });
}
