//! The tasks of all runtimes of the process, at Ctrl-\ (SIGQUIT): what a program does that does not go on.
//!
//! The thread that prints holds only locks that guard a few lines of the engine, in which no user code runs. So it works
//! even if every worker is blocked, and the program goes on afterwards. Go and Java print their threads at this key.
//!
//! Next: `env.rs`.

use std::process;
use std::sync::Once;

use super::lints::report;
use super::signals;
use super::table::Tasks;
use crate::engine::scheduler;

static START: Once = Once::new();

/// From now on Ctrl-\ prints the tasks.
pub(crate) fn start() {
    START.call_once(|| match signals::watch(libc::SIGQUIT, print) {
        Ok(true) => {}
        Ok(false) => {
            report("openwork: tasks are not printed at Ctrl-\\: the program has a handler for SIGQUIT\n");
        }
        Err(error) => report(&format!("openwork: tasks are not printed at Ctrl-\\: {error}\n")),
    });
}

fn print() {
    let runtimes = scheduler::runtimes();
    let mut text = format!("openwork: the tasks of process {}\n", process::id());
    for shared in &runtimes {
        text += &Tasks::all(shared).to_string();
    }
    report(&(text + "\n"));
}
