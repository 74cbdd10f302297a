//! The judge: tries a runtime by each law, in a process of its own, within a time limit.
//!
//! A runtime that is wrong may hang, spin, overflow its stack or die of a signal. So each case is this same
//! program, started again with the law's name in its environment. It prints a line with what it found,
//! and the parent process ends it at its time limit.

use super::contract::Runtime;
use super::table::{LAWS, Law};
use super::tools::ON_PURPOSE;
use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{env, thread};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// With what was seen.
    Broken(String),
    /// The runtime lacks a function that the law needs.
    LeftOut,
}

/// Begins the lines that a case prints for the judge: the program may print other lines.
const SEEN: &str = "[law] ";
const KEPT: &str = "kept";
const LEFT_OUT: &str = "left out";

/// The law that this process is for.
pub const CASE: &str = "OPENWORK_LAW";

/// Cases that run at once: most of them wait.
const AT_ONCE: usize = 8;

/// All of `main` for a program that shows what laws its runtime keeps.
pub fn main(runtime: Runtime) {
    if let Ok(name) = env::var(CASE) {
        return try_here(&runtime, &name);
    }
    let program = env::current_exe().expect("this program can be found");
    let again = |law: &Law| {
        let mut command = Command::new(&program);
        command.env(CASE, law.name);
        (command, Duration::from_secs(5))
    };
    let (mut kept, mut tried) = (0, 0);
    try_all(again, |law, verdict| {
        kept += usize::from(*verdict == Verdict::Kept);
        tried += usize::from(*verdict != Verdict::LeftOut);
        say(&row(law, verdict));
    });
    say(&format!("{kept} of {tried} laws are kept; there are {} in all.", LAWS.len()));
}

/// A row of the table that is printed.
fn row(law: &Law, verdict: &Verdict) -> String {
    let name = law.name.replace('_', " ");
    match verdict {
        Verdict::Kept => format!("  ✓ {name}"),
        Verdict::LeftOut => format!("  – {name} (needs {:?})", law.needs),
        Verdict::Broken(seen) => {
            format!("  ✗ {name}\n        seen: {seen}\n        why:  {}", law.why)
        }
    }
}

/// Unlike `println`, it does not panic when the other end of the pipe is closed.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Tries a runtime by each law, a few at once, and calls `tell` for each in the order of the table. `command` returns
/// a command whose process calls [`try_here`], and its time limit.
pub fn try_all(
    command: impl Fn(&Law) -> (Command, Duration) + Sync,
    mut tell: impl FnMut(&'static Law, &Verdict),
) {
    let next = Mutex::new(LAWS.iter().enumerate());
    let mut rows: Vec<_> = LAWS.iter().map(|_| None).collect();
    let mut told = LAWS.iter().enumerate().peekable();
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for _ in 0..AT_ONCE {
            let (send, next, command) = (send.clone(), &next, &command);
            scope.spawn(move || {
                loop {
                    let Some((at, law)) = next.lock().unwrap().next() else { break };
                    let _ = send.send((at, watch(command(law))));
                }
            });
        }
        drop(send);
        for (at, verdict) in receive {
            rows[at] = Some(verdict);
            while let Some((law, verdict)) =
                told.peek().and_then(|&(at, law)| Some((law, rows[at].as_ref()?)))
            {
                tell(law, verdict);
                told.next();
            }
        }
    });
}

/// Waits for a case, and ends it when its time is over.
fn watch((mut command, limit): (Command, Duration)) -> Verdict {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = silent.spawn().expect("this program can be started again");
    let mut stdout = child.stdout.take().expect("it is piped");
    // On a thread: a case that fills the pipe would block, and this thread waits for its end.
    let said = thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stdout.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let status = wait(&mut child, Instant::now() + limit);
    let said = said.join().unwrap();
    let notes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(SEEN)).collect();
    let first = notes.first().map_or(String::new(), |note| format!("; {note}"));
    match status {
        None => Verdict::Broken(format!("it does not end within {limit:?}{first}")),
        Some(status) if !status.success() => Verdict::Broken(format!("it dies, {status}{first}")),
        Some(_) => match notes.last() {
            Some(&KEPT) => Verdict::Kept,
            Some(&LEFT_OUT) => Verdict::LeftOut,
            Some(_) => Verdict::Broken(notes[0].to_owned()),
            None => Verdict::Broken("it ends the process".to_owned()),
        },
    }
}

fn wait(child: &mut Child, until: Instant) -> Option<std::process::ExitStatus> {
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Tries the runtime by one law in this process, prints the verdict, and exits.
pub fn try_here(runtime: &Runtime, name: &str) {
    let law = LAWS.iter().find(|law| law.name == name).expect("there is a law of this name");
    if !law.needs.iter().all(|part| runtime.has(part)) {
        say(&format!("\n{SEEN}{LEFT_OUT}"));
        std::process::exit(0);
    }
    panic::set_hook(Box::new(|info| {
        // Printed at once: a runtime whose thread panics often hangs.
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref().map(String::as_str));
        let message = message.unwrap_or("a panic without words");
        if message != ON_PURPOSE {
            say(&format!("\n{SEEN}{}", message.lines().next().unwrap_or_default()));
        }
    }));
    let kept = panic::catch_unwind(AssertUnwindSafe(|| (law.case)(*runtime))).is_ok();
    let _ = panic::take_hook();
    let verdict = if kept { KEPT } else { "a task's panic comes out of `run`" };
    say(&format!("\n{SEEN}{verdict}"));
    // Not by returning, which might wait for a thread of the runtime.
    std::process::exit(0);
}
