//! Programs of `examples/hang.rs`, diagnosed from a core file alone: the process is gone.

#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::common::Dir;
use crate::gdb::{Build, Session, build, has_gdb, on_core, on_process};

/// A program that hangs, until this is dropped.
struct Hang(Child);

impl Hang {
    fn start(program: &Path, mistake: &str) -> Hang {
        let mut command = Command::new(program);
        // One arena keeps the core file small.
        command.arg(mistake).env("MALLOC_ARENA_MAX", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        // SAFETY: `prctl` may be called between `fork` and `exec`, and the closure does nothing else.
        #[cfg(target_os = "linux")]
        unsafe {
            command.pre_exec(|| {
                // The kernel may let only a process's ancestors attach to it, and gdb is none. It is an error where the
                // kernel has no such rule.
                libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY);
                Ok(())
            });
        }
        Hang(command.spawn().unwrap())
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Whether nothing can wake a task any more: all are idle, no timer is left, and no worker is on its way to wake one.
fn hangs(session: &Session) -> bool {
    let rows: Vec<_> = session.of("async tasks").lines().filter(|row| !row.is_empty()).collect();
    let workers = session.of("async workers");
    rows.iter().any(|row| row.starts_with("root "))
        && rows[1..].iter().all(|row| row.contains(" idle "))
        && session.of("async timers").contains(": 0 timers,")
        && workers.matches("; parked ").count() == 2
}

/// What gdb prints on the core file of a program that hangs.
fn diagnose(mistake: &str, commands: &[&str]) -> Session {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("hang", Build::Debug));
    let folder = Dir::new();
    let core = folder.0.join("core");
    let save = format!("generate-core-file {}", core.display());
    let looks = ["async tasks", "async timers", "async workers", &save];
    let (hang, begin) = (Hang::start(program, mistake), Instant::now());
    // The core file is of the moment that `hangs` has judged.
    loop {
        let live = on_process(program, hang.0.id(), &looks);
        if hangs(&live) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(300), "it does not hang:\n{live}");
    }
    drop(hang);
    on_core(program, &core, commands)
}

/// `examples/hang.rs:N` of the line of the example that contains this.
#[track_caller]
fn here(text: &str) -> String {
    let lines = include_str!("../../examples/hang.rs").lines();
    let mut found = lines.enumerate().filter(|(_, line)| line.contains(text));
    let (Some((index, _)), None) = (found.next(), found.next()) else {
        panic!("the example does not have `{text}` once");
    };
    format!("examples/hang.rs:{}", index + 1)
}

#[test]
fn a_deadlock_is_diagnosed_from_a_core_file() {
    if !has_gdb() {
        return;
    }
    let session = diagnose("deadlock", &["async tasks", "async locks"]);
    let there = here("openwork::spawn(transfer(a.clone(), b.clone(), 10))");
    let back = here("openwork::spawn(transfer(b, a, 20))");
    let (lock, join) = (here("to.lock().await"), here("task.await.expect"));
    let tasks = |parts: &[&str]| session.has_line("async tasks", parts);
    tasks(&["root ", "idle", &join, "the end of task 1"]);
    tasks(&["1 ", "idle", &there, &lock, "the mutex 0x", "held by task 2; 1st of 1 in its queue"]);
    tasks(&["2 ", "idle", &back, &lock, "the mutex 0x", "held by task 1; 1st of 1 in its queue"]);
    assert!(!session.of("async tasks").contains("no waker"), "{session}");
    session.has_line("async locks", &["deadlock: task 1 -> task 2 -> task 1"]);
    assert_eq!(session.of("async locks").matches("deadlock").count(), 1, "{session}");
}

#[test]
fn a_receiver_whose_channel_has_a_sender_left_is_found_in_a_core_file() {
    if !has_gdb() {
        return;
    }
    let session = diagnose("channel", &["async tasks", "async bt 4"]);
    let spawned = here("let receiver = openwork::spawn");
    let receive = here("receiver.recv().await");
    let missing = "a message (mpsc channel, 1 sender)";
    session.has_line("async tasks", &["4 ", "idle", &spawned, &receive, missing]);
    let chain: Vec<_> = session.of("async bt 4").trim().lines().collect();
    let [head, body, leaf] = chain[..] else { panic!("{session}") };
    assert!(head.starts_with("task 4: idle, ") && head.ends_with(&spawned), "{session}");
    assert!(body.contains("hang::channel::") && body.ends_with(&receive), "{session}");
    assert_eq!(leaf.trim(), missing, "{session}");
}

#[test]
fn a_task_whose_waker_is_lost_is_found_in_a_core_file() {
    if !has_gdb() {
        return;
    }
    let session = diagnose("lost-waker", &["async tasks", "async bt 1"]);
    let spawned = here("openwork::spawn(Flag(flag.clone()))");
    let what = "hang::Flag; no waker of it exists";
    session.has_line("async tasks", &["1 ", "idle", &spawned, " - ", what]);
    session.has_line("async tasks", &["root ", &here("task.await.expect"), "the end of task 1"]);
    assert_eq!(session.of("async tasks").matches("no waker").count(), 1, "{session}");
    let lost = "no waker of it exists: it is never polled again";
    session.has_lines("async bt 1", &["task 1: idle, 1 poll", "hang::Flag", lost]);
}
