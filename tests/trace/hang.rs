//! The five programs of `examples/hang.rs`: the dump and the lints name the task and the line of each mistake.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::example;

/// A program that hangs, until this is dropped.
struct Hang {
    child: Child,
    /// Open, as the program prints more.
    _stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Hang {
    fn start(mistake: &str, variable: &str) -> Hang {
        let mut command = example("hang");
        command.arg(mistake).env(variable, "1");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // The runtime exists then.
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with("is about to hang\n"), "{line}");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Hang { child, _stdout: stdout, stderr }
    }

    /// The next line on standard error.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the program has ended: {line}");
        line.trim_end().to_owned()
    }

    /// The rows that Ctrl-\ prints, once they are as they must be: the program may still be on its way to the hang.
    fn dump_until(&mut self, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let pid = self.child.id().to_string();
            assert!(Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
            assert_eq!(self.line(), format!("openwork: the tasks of process {pid}"));
            assert!(self.line().starts_with("runtime 1: "));
            let rows: Vec<_> = std::iter::from_fn(|| Some(self.line()))
                .skip(1)
                .take_while(|line| !line.is_empty())
                .collect();
            if is_so(&rows) {
                return rows;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "it does not come so far: {rows:#?}"
            );
        }
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `examples/hang.rs:N` of the line of the example that contains this.
fn place(text: &str) -> String {
    let lines = include_str!("../../examples/hang.rs").lines();
    let mut found = lines.enumerate().filter(|(_, line)| line.contains(text));
    let (index, _) = found.next().expect("the example has that line");
    assert!(found.next().is_none(), "the example has that line once");
    format!("examples/hang.rs:{}", index + 1)
}

/// The only row that contains all of these.
#[track_caller]
fn row<'a>(rows: &'a [String], parts: &[&str]) -> &'a str {
    let mut found = rows.iter().filter(|row| parts.iter().all(|part| row.contains(part)));
    match (found.next(), found.next()) {
        (Some(row), None) => row,
        _ => panic!("no row, or several, with {parts:?}: {rows:#?}"),
    }
}

/// The task of a row.
fn task(row: &str) -> &str {
    row.split_whitespace().next().unwrap()
}

#[test]
fn a_deadlock_is_reported_when_it_closes_and_is_in_the_table() {
    let there = place("spawn(transfer(a.clone(), b.clone(), 10))");
    let back = place("spawn(transfer(b, a, 20))");
    let mut hang = Hang::start("deadlock", "OPENWORK_LINT");
    let warning = hang.line();
    let chain = warning.strip_prefix("openwork: deadlock: ").expect("a warning of a deadlock");
    let tasks: Vec<_> = chain.split(" → ").step_by(2).collect();
    assert_eq!((tasks.len(), tasks[0]), (3, tasks[2]));
    assert!(chain.split(" → ").skip(1).step_by(2).all(|what| what == "a mutex"), "{chain}");
    let culprits = [hang.line(), hang.line()];
    row(&culprits, &[&there, "hang::transfer"]);
    row(&culprits, &[&back, "hang::transfer"]);
    row(&culprits, &[tasks[0]]);
    row(&culprits, &[tasks[1]]);
    drop(hang);

    let mut hang = Hang::start("deadlock", "OPENWORK_DUMP");
    let rows = hang.dump_until(|rows| rows.iter().any(|row| row.contains("deadlock: ")));
    let (there, back) = (row(&rows, &[&there, "hang::transfer"]), row(&rows, &[&back]));
    assert!(there.contains(&format!("a mutex held by task {}", task(back))), "{rows:#?}");
    assert!(back.contains(&format!("a mutex held by task {}", task(there))), "{rows:#?}");
    row(&rows, &["block_on", &format!("the end of task {}", task(there))]);
}

#[test]
fn a_lost_waker_is_reported_with_the_future_that_lost_it() {
    let spawned = place("spawn(Flag(flag.clone()))");
    let mut hang = Hang::start("lost-waker", "OPENWORK_LINT");
    let warning = hang.line();
    assert!(warning.starts_with("openwork: lost waker: task "), "{warning}");
    assert!(warning.contains("returned `Pending` in poll 1 "), "{warning}");
    let culprit = hang.line();
    row(&[culprit], &[&spawned, "hang::Flag"]);
    drop(hang);

    let mut hang = Hang::start("lost-waker", "OPENWORK_DUMP");
    let rows = hang.dump_until(|rows| rows.iter().any(|row| row.contains("no waker of it exists")));
    row(&rows, &["no waker of it exists", &spawned, "hang::Flag"]);
}

#[test]
fn a_blocked_worker_is_reported_while_it_is_blocked() {
    let spawned = place("spawn(take(receivers.clone()))");
    let mut hang = Hang::start("blocked", "OPENWORK_LINT");
    let mut workers = Vec::new();
    for _ in 0..2 {
        let warning = hang.line();
        let worker = warning.strip_prefix("openwork: blocked worker: worker ").expect("a warning");
        workers.push(worker.split(' ').next().unwrap().to_owned());
        row(&[hang.line()], &[&spawned, "hang::blocked::"]);
    }
    workers.sort();
    assert_eq!(workers, ["0", "1"]);
    drop(hang);

    // Every worker is blocked, and the tasks are printed nevertheless.
    let mut hang = Hang::start("blocked", "OPENWORK_DUMP");
    let waiting = place("let giver = openwork::spawn");
    let rows = hang.dump_until(|rows| rows.iter().any(|row| row.contains(&waiting)));
    row(&rows, &["running on worker 0", &spawned]);
    row(&rows, &["running on worker 1", &spawned]);
    row(&rows, &["scheduled", &waiting]);
}

#[test]
fn a_busy_task_is_reported() {
    let spawned = place("let asker = openwork::spawn");
    let mut hang = Hang::start("busy", "OPENWORK_LINT");
    assert!(hang.line().starts_with("openwork: busy task: task "));
    row(&[hang.line()], &[&spawned, "hang::busy::"]);
    drop(hang);

    let mut hang = Hang::start("busy", "OPENWORK_DUMP");
    let polls = |row: &str| row.split_whitespace().filter_map(|cell| cell.parse().ok()).max();
    let is_busy = |row: &String| row.contains(&spawned) && polls(row) > Some(10_000);
    hang.dump_until(|rows| rows.iter().any(is_busy));
}

#[test]
fn the_table_shows_a_receiver_whose_channel_has_a_sender_left() {
    let spawned = place("let receiver = openwork::spawn");
    let mut hang = Hang::start("channel", "OPENWORK_DUMP");
    let rows = hang.dump_until(|rows| rows.len() == 2 && rows[1].contains("senders: 1"));
    row(&rows, &["a message (senders: 1)", &spawned, "hang::channel::"]);
}
