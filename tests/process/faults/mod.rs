//! In each run of a program one system call fails: each kind of call at each of its occurrences, in turn.
//!
//! The program must end. Each of its steps must succeed at the second attempt at the latest, and no descriptor and no
//! thread may be left. If the program never makes a kind of call, this test fails.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use crate::alone;
use crate::common::{Dir, Flavour, message_of, threads};

mod calls;
mod injector;
mod program;
mod world;

use calls::{CALLS, Call};
use injector::{Fault, Injector};

const FLAVOURS: [Flavour; 2] = [Flavour::CurrentThread, Flavour::Workers(2)];

/// A program that runs longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_system_call_that_fails_ends_one_operation_and_leaks_nothing() {
    alone("a_system_call_that_fails_ends_one_operation_and_leaks_nothing", || {
        let folder = Dir::new();
        let runs = match Runs::start(folder.0.as_path().into()) {
            Ok(runs) => runs,
            Err(error) => {
                assert!(env::var_os("REQUIRE_SECCOMP").is_none(), "{error}");
                eprintln!("skipped: the kernel lets no thread supervise system calls: {error}");
                return;
            }
        };
        println!("\n{:32}{:>10}{:>10}{:>10}", "call", "injected", "unnoticed", "reported");
        let mut wrong = Vec::new();
        for call in CALLS {
            let Counts { injected, unnoticed } = fail_each(call, &runs, &mut wrong);
            let name = format!("{} {}", call.name.trim_start_matches("SYS_"), call.on);
            println!("{name:32}{injected:10}{unnoticed:10}{:10}", injected - unnoticed);
            if injected == 0 {
                wrong.push(format!("the program never calls {name}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[derive(Default)]
struct Counts {
    injected: usize,
    /// Runs with a fault in which no step returned an error.
    unnoticed: usize,
}

/// Fails a call at its first occurrence, at its second, and so on until the program makes no more calls of this kind.
fn fail_each(call: &'static Call, runs: &Runs, wrong: &mut Vec<String>) -> Counts {
    let mut counts = Counts::default();
    for flavour in FLAVOURS {
        for &errno in call.errors {
            for occurrence in 1.. {
                let fault = Fault { call, errno, occurrence };
                let ended = runs.run(flavour, fault);
                let is_unnoticed = ended.as_ref().is_ok_and(Vec::is_empty);
                if runs.injector.disarm() < occurrence {
                    assert!(is_unnoticed, "without a fault: {ended:?}");
                    break;
                }
                counts.injected += 1;
                counts.unnoticed += usize::from(is_unnoticed);
                if !is_right(fault, &ended) {
                    wrong.push(format!("{flavour:?}, {fault:?}: {ended:?}"));
                }
            }
        }
    }
    counts
}

/// Whether a program may end like this: with the error of the call, or with none. An interruption must cause none.
fn is_right(fault: Fault, ended: &Result<Vec<io::Error>, String>) -> bool {
    // A signal is lost if its handler cannot write into the pipe, or the pipe cannot be read.
    let may_lose_signal = matches!(fault.call.number, libc::SYS_sendto | libc::SYS_recvfrom);
    match ended {
        Ok(errors) => {
            let code = format!("(os error {})", fault.errno);
            let is_allowed = |error: &io::Error| match error.to_string() {
                text if text == program::LOST_SIGNAL => may_lose_signal,
                text => fault.errno != libc::EINTR && text.contains(&code),
            };
            // A call that is fatal may also come after the last step.
            errors.iter().all(is_allowed) && (!fault.call.is_fatal || errors.is_empty())
        }
        Err(panic) => {
            let ends = ["the system's poller can wait", "JoinError::Cancelled"];
            fault.call.is_fatal && ends.iter().any(|end| panic.contains(end))
        }
    }
}

/// The supervised thread, which runs one program after the other.
struct Runs {
    injector: Arc<Injector>,
    orders: mpsc::Sender<(Flavour, Fault)>,
    ends: mpsc::Receiver<thread::Result<Vec<io::Error>>>,
}

impl Runs {
    fn start(folder: Arc<Path>) -> io::Result<Runs> {
        let injector = Arc::new(Injector::default());
        let (orders, receive) = mpsc::channel();
        let (send, ends) = mpsc::channel();
        let arming = injector.clone();
        injector.supervise(move || {
            for (signal, (flavour, fault)) in (libc::SIGRTMIN()..).zip(receive) {
                let (injector, folder) = (arming.clone(), folder.clone());
                // A signal with no action yet, while there are any: its action is set once.
                let signal = signal.min(libc::SIGRTMAX());
                let program = thread::spawn(move || {
                    injector.arm(fault);
                    program::run(flavour, folder, signal)
                });
                if send.send(program.join()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Runs { injector, orders, ends })
    }

    /// Runs the program with this fault. Returns the errors of its steps.
    fn run(&self, flavour: Flavour, fault: Fault) -> Result<Vec<io::Error>, String> {
        let before = (descriptors(), threads().len());
        self.orders.send((flavour, fault)).unwrap();
        let Ok(result) = self.ends.recv_timeout(LIMIT) else {
            panic!("{flavour:?}, {fault:?}: it hangs");
        };
        // A thread that has been waited for may still be listed for a moment.
        let end = Instant::now() + LIMIT;
        while (descriptors(), threads().len()) != before {
            if Instant::now() > end {
                let after = (descriptors(), threads().len());
                return Err(format!("descriptors and threads: {before:?}, then {after:?}"));
            }
            thread::yield_now();
        }
        result.map_err(|panic| format!("it panics: {}", message_of(&*panic)))
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
