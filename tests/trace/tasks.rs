//! `Handle::tasks` of a runtime that records, the events behind the lints, and a program without mistakes.

use std::future::{Future, pending, poll_fn};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use openwork::future::join_all;
use openwork::net::TcpListener;
use openwork::runtime::{Builder, Handle};
use openwork::sync::{Mutex, Semaphore, mpsc};
use openwork::task::{JoinHandle, JoinSet, consume_budget};
use openwork::time::{sleep, timeout};
use openwork::trace::{Event, Recorder, TaskInfo, TaskKind, WaitReason};

use crate::common::{AtDrop, Tape, again, ends, on_every_flavour, until};

fn id(task: &JoinHandle<()>) -> u64 {
    task.id().to_string().parse().unwrap()
}

fn info(id: u64) -> TaskInfo {
    Handle::current().tasks().into_iter().find(|task| task.id == id).expect("the task is live")
}

fn waits(id: u64) -> Vec<WaitReason> {
    info(id).waits.expect("it is recorded")
}

/// The holder of the mutex that a task waits for.
fn holder(waiting: u64) -> Option<u64> {
    match waits(waiting)[..] {
        [WaitReason::Lock { what: "a mutex", holder, .. }] => holder,
        ref other => panic!("it waits for {other:?}"),
    }
}

/// Waits until these tasks wait.
async fn idle(tasks: impl IntoIterator<Item = &JoinHandle<()>>) {
    let tasks: Vec<_> = tasks.into_iter().map(id).collect();
    until(|| tasks.iter().all(|task| info(*task).state == "idle")).await;
}

/// Runs `body` on a runtime of each flavour that records.
fn on_every_recorded<F: Future<Output = ()>>(body: impl Fn() -> F + Send + Copy + 'static) {
    on_every_flavour(move |flavour| {
        let runtime = flavour.builder().trace(&Recorder::new()).build().unwrap();
        runtime.block_on(body());
    });
}

// ---- the table ----

#[test]
fn a_task_says_what_it_waits_for() {
    on_every_recorded(|| async {
        let mutex = Arc::new(Mutex::new(()));
        let semaphore = Arc::new(Semaphore::new(1));
        let (sender, mut receiver) = mpsc::channel::<()>(1);
        let second = sender.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

        let ours = mutex.clone();
        let holds = openwork::spawn(async move {
            let _guard = ours.lock().await;
            pending().await
        });
        idle([&holds]).await;
        let locks = openwork::spawn(async move { drop(mutex.lock().await) });
        let acquires = openwork::spawn(async move { drop(semaphore.acquire_many(3).await) });
        let receives = openwork::spawn(async move { while receiver.recv().await.is_some() {} });
        let accepts = openwork::spawn(async move { drop(listener.accept().await) });
        let sleeps = openwork::spawn(sleep(Duration::from_secs(3600)));
        let slept = id(&sleeps);
        idle([&sleeps]).await;
        let joins = openwork::spawn(async move { sleeps.await.unwrap() });
        let selects = openwork::spawn(async {
            openwork::select! {
                () = sleep(Duration::from_secs(60)) => {}
                () = sleep(Duration::from_secs(70)) => {}
            }
        });
        idle([&locks, &acquires, &receives, &accepts, &joins, &selects]).await;

        assert_eq!(holder(id(&locks)), Some(id(&holds)));
        let permits = WaitReason::Permits { what: "a permit", wanted: 3, lacking: 2 };
        assert_eq!(waits(id(&acquires)), [permits]);
        assert_eq!(waits(id(&receives)), [WaitReason::Message { senders: 2 }]);
        assert!(matches!(waits(id(&accepts))[..], [WaitReason::Readable { .. }]));
        assert!(matches!(waits(slept)[..], [WaitReason::Sleep { .. }]));
        assert_eq!(waits(id(&joins)), [WaitReason::Join { task: slept }]);
        let both = waits(id(&selects));
        assert!(both.len() == 2 && both.iter().all(|it| matches!(it, WaitReason::Sleep { .. })));
        assert_eq!((info(slept).kind, info(slept).polls), (TaskKind::Task, 1));
        drop((sender, second));
    });
}

#[test]
fn a_lock_that_is_passed_on_has_its_new_holder_in_the_rows_of_the_tasks_that_still_wait() {
    on_every_recorded(|| async {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().lock_owned().await;
        let lock = |mutex: &Arc<Mutex<()>>| {
            let mutex = mutex.clone();
            openwork::spawn(async move {
                let _guard = mutex.lock().await;
                pending().await
            })
        };
        let first = lock(&mutex);
        idle([&first]).await;
        let second = lock(&mutex);
        idle([&second]).await;
        let root = holder(id(&first));
        assert_eq!(info(id(&first)).parent, root);
        assert_eq!(holder(id(&second)), root);
        let polls = info(id(&second)).polls;
        drop(guard);
        until(|| info(id(&first)).polls == 2 && info(id(&first)).state == "idle").await;
        assert_eq!(holder(id(&second)), Some(id(&first)));
        assert_eq!(info(id(&second)).polls, polls);
    });
}

#[test]
fn a_task_is_on_a_worker_while_it_is_polled_and_while_its_future_is_dropped() {
    on_every_recorded(|| async {
        let this = || {
            let task = info(openwork::task::id().to_string().parse().unwrap());
            (task.state, task.worker.is_some(), task.polls)
        };
        let (say, mut said) = mpsc::unbounded_channel();
        let say_at_drop = say.clone();
        let at_drop = AtDrop(move || say_at_drop.send(this()).unwrap());
        let kept = Arc::new(StdMutex::new(None));
        let keep = kept.clone();
        let task = openwork::spawn(poll_fn(move |cx| {
            let _ = &at_drop;
            say.send(this()).unwrap();
            match keep.lock().unwrap().replace(cx.waker().clone()) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            }
        }));
        idle([&task]).await;
        let between = info(id(&task));
        assert_eq!((between.state, between.worker, between.polls), ("idle", None, 1));
        let waker = kept.lock().unwrap().clone();
        waker.unwrap().wake();
        task.await.unwrap();
        let said = [said.recv().await, said.recv().await, said.recv().await].map(Option::unwrap);
        assert_eq!(said, [("running", true, 1), ("running", true, 2), ("running", true, 2)]);
    });
}

#[test]
fn the_table_is_a_tree_with_aligned_columns() {
    let runtime =
        Builder::new_current_thread().start_paused(true).trace(&Recorder::new()).build().unwrap();
    runtime.block_on(async {
        let line = line!() + 1;
        let outer = openwork::spawn(async {
            let inner = openwork::spawn(sleep(Duration::from_millis(2500)));
            inner.await.unwrap();
        });
        until(|| Handle::current().tasks().iter().filter(|it| it.state == "idle").count() == 2)
            .await;
        let outer = id(&outer);
        let tasks = Handle::current().tasks();
        let inner = tasks.iter().find(|task| task.parent == Some(outer)).unwrap().id;
        let text = tasks.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].ends_with(": 2 tasks"), "{text}");
        assert!(lines[2].trim_start().starts_with(&format!("{outer} ")), "{text}");
        assert!(lines[2].contains(&format!("the end of task {inner}")), "{text}");
        assert!(lines[2].contains(&format!("tests/trace/tasks.rs:{line}")), "{text}");
        assert!(lines[3].starts_with(&format!("    {inner} ")), "below its parent: {text}");
        assert!(lines[3].contains("a sleep, 2.5 s left"), "{text}");
        let column = |line: &str, cell: &str| line.find(cell).unwrap();
        assert_eq!(column(lines[1], "waits for"), column(lines[2], "the end of"));
        assert_eq!(column(lines[1], "waits for"), column(lines[3], "a sleep"));
    });
}

#[test]
fn a_runtime_that_does_not_record_says_so() {
    openwork::block_on(async {
        let task = openwork::spawn(pending());
        idle([&task]).await;
        assert_eq!((info(id(&task)).waits, info(id(&task)).since_poll), (None, None));
        assert!(Handle::current().tasks().to_string().contains("not recorded"));
    });
}

// ---- lost wakers ----

/// The tasks that were reported to have no waker.
fn lost(tape: &Tape) -> Vec<u64> {
    let events = tape.take().into_iter().map(|record| record.event);
    events
        .filter_map(|event| if let Event::WakerLost { task } = event { Some(task) } else { None })
        .collect()
}

/// A future that is pending, and does not keep its waker.
fn forgets() -> impl Future<Output = ()> + Send {
    poll_fn(|_| Poll::Pending)
}

#[test]
fn a_waker_that_no_future_keeps_is_lost_whatever_handles_there_are() {
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let tape = Tape::listen(&mut builder);
        builder.build().unwrap().block_on(async {
            let task = openwork::spawn(forgets());
            until(|| lost(&tape) == [id(&task)]).await;

            let mut set = JoinSet::new();
            let handles = [set.spawn(forgets()), set.spawn(forgets())];
            let more = handles.clone();
            let mut reported = Vec::new();
            until(|| {
                reported.extend(lost(&tape));
                reported.len() == 2
            })
            .await;
            drop((more, handles));

            let detached = openwork::spawn(async {
                openwork::task::yield_now().await;
                forgets().await;
            });
            let detached = { id(&detached) };
            until(|| lost(&tape) == [detached]).await;
        });
    });
}

#[test]
fn a_waker_that_is_somewhere_is_not_lost() {
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let tape = Tape::listen(&mut builder);
        builder.build().unwrap().block_on(async {
            let kept = Arc::new(StdMutex::new(Vec::<Waker>::new()));
            let keeps = || {
                let (kept, mut polls) = (kept.clone(), 0);
                openwork::spawn(poll_fn(move |cx| {
                    polls += 1;
                    kept.lock().unwrap().push(cx.waker().clone());
                    if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
                }))
            };
            let tasks = [(); 3].map(|()| keeps());
            let abort = tasks[0].abort_handle();
            for wake in 0..2 {
                idle(&tasks).await;
                let wakers = std::mem::take(&mut *kept.lock().unwrap());
                assert_eq!(wakers.len(), 3, "wake {wake}");
                // On a thread that the runtime does not know.
                thread::spawn(|| wakers.into_iter().for_each(Waker::wake)).join().unwrap();
                until(|| kept.lock().unwrap().len() == 3).await;
            }
            for task in tasks {
                task.await.unwrap();
            }
            drop(abort);
            assert_eq!(lost(&tape), []);
        });
    });
}

#[test]
fn the_future_of_block_on_can_lose_its_waker_too() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    let runtime = builder.build().unwrap();
    // It never returns.
    thread::spawn(move || runtime.block_on(forgets()));
    ends(move || {
        let mut root = None;
        loop {
            for record in tape.take() {
                match record.event {
                    Event::Spawned { task, kind: TaskKind::Root, .. } => root = Some(task),
                    Event::WakerLost { task } => return assert_eq!(Some(task), root),
                    _ => {}
                }
            }
            thread::yield_now();
        }
    });
}

// ---- a program without mistakes ----

/// Not a test: the program that the test below runs.
#[test]
fn a_program_without_mistakes() {
    if std::env::var_os("OPENWORK_LINT").is_none() {
        return;
    }
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // Woken only by itself, as its budget is used up, but it makes progress.
            for _ in 0..20_000 * 128 {
                consume_budget().await;
            }
            // Two tasks that want each other's lock, and give up.
            let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
            let crossed = |first: &Arc<Mutex<()>>, second: &Arc<Mutex<()>>| {
                let (first, second) = (first.clone(), second.clone());
                openwork::spawn(async move {
                    let _first = first.lock().await;
                    sleep(Duration::from_millis(10)).await;
                    let _ = timeout(Duration::from_millis(10), second.lock()).await;
                })
            };
            join_all([crossed(&a, &b), crossed(&b, &a)]).await;
            // A queue of tasks that take a lock, and wait for the next holder meanwhile.
            let tasks = (0..100).map(|_| {
                let (a, b) = (a.clone(), b.clone());
                openwork::spawn(async move {
                    let _a = a.lock().await;
                    let _b = b.lock().await;
                    openwork::task::yield_now().await;
                })
            });
            join_all(tasks.collect::<Vec<_>>()).await;
            // No waker, as it waits for nothing; and a task that only its handle ends.
            openwork::spawn(pending::<()>()).abort();
            openwork::task::spawn_blocking(|| thread::sleep(Duration::from_millis(300)))
                .await
                .unwrap();
        });
    });
}

#[test]
fn a_program_without_mistakes_has_no_warning() {
    let output = again("a_program_without_mistakes").env("OPENWORK_LINT", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("openwork:"), "{said}");
}
