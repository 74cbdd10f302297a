//! The files that are written: the page, the JSON for Perfetto, the text.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};

use openwork::runtime::{Builder, Handle};
use openwork::sync::{Barrier, Mutex};
use openwork::task::yield_now;
use openwork::time::{Duration, sleep};
use openwork::trace::{Recorder, TaskInfo};

use crate::common::target_folder;

/// A recorded run with this number of tasks, as a file.
fn recorded(tasks: usize, extension: &str) -> PathBuf {
    let recorder = Recorder::new();
    let runtime = Builder::new_multi_thread().worker_threads(2).trace(&recorder).build().unwrap();
    runtime.block_on(async {
        let tasks = Vec::from_iter((0..tasks).map(|n| {
            openwork::spawn(async move {
                yield_now().await;
                sleep(Duration::from_millis(n as u64 % 5)).await;
            })
        }));
        for task in tasks {
            task.await.unwrap();
        }
        steal().await;
        meet().await;
        contend().await;
    });
    drop(runtime);
    let path = target_folder().join(format!("trace-{tasks}-{}.{extension}", std::process::id()));
    recorder.save(&path).unwrap();
    path
}

/// A task spawns three, and blocks its worker until another worker has run one, which it must steal.
async fn steal() {
    let parent = openwork::spawn(async {
        let (tx, rx) = mpsc::channel();
        let children = [(); 3].map(|()| {
            let tx = tx.clone();
            openwork::spawn(async move { _ = tx.send(()) })
        });
        rx.recv().unwrap();
        children
    });
    for child in parent.await.unwrap() {
        child.await.unwrap();
    }
}

/// Four tasks meet: the last one wakes three, and the other worker may be polling one of them. The other two want the LIFO slot,
/// which tasks that come from the injector do not use: so each yields first.
async fn meet() {
    let barrier = Arc::new(Barrier::new(4));
    let tasks = [(); 4].map(|()| {
        let barrier = barrier.clone();
        openwork::spawn(async move {
            yield_now().await;
            barrier.wait().await;
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

/// Three tasks wait for a mutex, and then hold it, one after the other.
async fn contend() {
    let mutex = Arc::new(Mutex::new(()));
    let guard = mutex.lock().await;
    let tasks = [(); 3].map(|()| openwork::spawn(retake(mutex.clone())));
    let is_waiting = |task: &&TaskInfo| task.state == "idle" && task.future.contains("retake");
    while Handle::current().tasks().iter().filter(is_waiting).count() < 3 {
        yield_now().await;
    }
    drop(guard);
    for task in tasks {
        task.await.unwrap();
    }
}

async fn retake(mutex: Arc<Mutex<()>>) {
    let _guard = mutex.lock().await;
    sleep(Duration::from_millis(1)).await;
}

#[track_caller]
fn python(script: &str, file: &Path) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trace");
    let output = Command::new("python3").arg(format!("{folder}/{script}")).arg(file).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    if said.contains("no browser") && std::env::var_os("OPENWORK_BROWSER").is_none() {
        return;
    }
    assert!(output.status.success(), "{script}: {said}");
}

#[test]
fn the_json_keeps_the_rules_of_the_format() {
    for tasks in [5, 1000] {
        let file = recorded(tasks, "json");
        python("check_chrome.py", &file);
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn the_page_has_all_its_data_and_works_in_a_browser() {
    for tasks in [5, 100, 10_000] {
        let file = recorded(tasks, "html");
        if tasks < 1000 {
            python("check_page.py", &file);
        }
        python("browser.py", &file);
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_name_cannot_end_the_script_of_the_page() {
    let recorder = Recorder::new();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("</script><b>\"\\\u{2028}")
        .trace(&recorder)
        .build()
        .unwrap();
    // A task that is woken in any case: the checker asks for an arrow.
    runtime.block_on(async { openwork::spawn(sleep(Duration::from_millis(1))).await.unwrap() });
    drop(runtime);
    for extension in ["html", "json"] {
        let path = target_folder().join(format!("trace-name-{}.{extension}", std::process::id()));
        recorder.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("</script><b>"));
        assert!(text.contains(r#"\u003c/script\u003e\u003cb\u003e\"\\\u2028"#));
        python(if extension == "html" { "check_page.py" } else { "check_chrome.py" }, &path);
        std::fs::remove_file(path).unwrap();
    }
}
