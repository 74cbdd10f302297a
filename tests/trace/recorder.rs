//! What a recorder keeps, and what it drops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use openwork::runtime::Builder;
use openwork::task::yield_now;
use openwork::time::{Duration, sleep};
use openwork::trace::{Event, Recorder};

use crate::common::on_every_flavour;

#[test]
fn a_recorder_and_two_listeners_receive_the_same_events() {
    let recorder = Recorder::new();
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let mut builder = Builder::new_current_thread();
    for count in counts.clone() {
        builder.on_event(move |_| _ = count.fetch_add(1, Relaxed));
    }
    let runtime = builder.trace(&recorder).build().unwrap();
    runtime.block_on(async { openwork::spawn(sleep(Duration::from_millis(1))).await.unwrap() });
    drop(runtime);
    let recorded = recorder.records().len();
    assert!(recorded > 10);
    for count in counts {
        assert_eq!(count.load(Relaxed), recorded);
    }
}

#[test]
fn each_poll_of_each_flavour_has_its_end_on_its_thread() {
    on_every_flavour(|flavour| {
        let recorder = Recorder::new();
        let runtime = flavour.builder().trace(&recorder).build().unwrap();
        runtime.block_on(async {
            let tasks = Vec::from_iter((0..50).map(|_| openwork::spawn(yield_now())));
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(runtime);
        let (mut begun, mut ended) = (0, 0);
        for record in recorder.records() {
            match record.event {
                Event::PollBegins { .. } => begun += 1,
                Event::PollEnds { .. } => ended += 1,
                _ => {}
            }
        }
        assert!(begun > 100 && begun == ended, "{begun} {ended}");
    });
}

/// The newest events are kept, and of a task that was spawned before them, its name.
#[test]
fn memory_is_bounded_and_what_still_lives_is_known() {
    let recorder = Recorder::with_capacity(1000);
    let runtime = Builder::new_current_thread().trace(&recorder).build().unwrap();
    runtime.block_on(async {
        let old = openwork::spawn(sleep(Duration::from_secs(3600)));
        for _ in 0..10_000 {
            yield_now().await;
        }
        old.abort();
        let kept = recorder.records();
        assert!((1000..=2000).contains(&kept.len()), "{}", kept.len());
        assert!(recorder.dropped() > 10_000);
        let file = std::env::temp_dir().join(format!("openwork-{}.txt", std::process::id()));
        recorder.save(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        let (table, _) = text.split_once("The newest events:").unwrap();
        assert!(table.contains("older events were dropped"));
        assert!(table.contains(&format!("task {} is spawned", old.id())), "{table}");
        assert!(table.contains("waits for its deadline"), "{table}");
    });
}

#[test]
fn the_events_carry_the_function_and_the_line_in_which_they_happen() {
    let recorder = Recorder::new();
    let runtime = Builder::new_current_thread().trace(&recorder).build().unwrap();
    runtime.block_on(async { openwork::spawn(async {}).await.unwrap() });
    let records = recorder.records();
    let begins = records.iter().find(|it| matches!(it.event, Event::Scheduled { .. })).unwrap();
    assert!(begins.function.contains("CurrentWorker::schedule"), "{}", begins.function);
    assert!(begins.location.file().ends_with("scheduler.rs"));
    assert_eq!(begins.worker, Some(0));
}
