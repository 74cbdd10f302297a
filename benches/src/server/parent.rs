//! What every server says to the process that started it: where it listens, and how much it has worked.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::thread;

use crate::instruments;

/// Before the number of the port.
pub const READY: &str = "ready ";

/// Listens on a free port of this machine alone, tells the parent which, and answers its questions from
/// now on. When the parent closes the pipe, or dies, this process ends.
pub fn meet() -> TcpListener {
    instruments::raise_limit_of_descriptors();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.set_nonblocking(true).expect("a new socket can be set up");
    let port = listener.local_addr().expect("it is bound").port();
    say(&format!("{READY}{port}"));
    thread::spawn(answer);
    listener
}

/// Each line is the same question.
fn answer() {
    for _ in io::stdin().lines().map_while(Result::ok) {
        say(&instruments::cpu_time().to_string());
    }
    process::exit(0);
}

fn say(line: &str) {
    let mut stdout = io::stdout();
    // If nobody listens any more, the end of the input comes next.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
