//! What a server prints for the process that started it: its port, and on request its CPU time.
//!
//! Next: `child.rs`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::thread;

use crate::instruments;

/// The text before the number of the port.
pub const READY: &str = "ready ";

/// Listens on a free port of the loopback address, prints the port, and starts the thread that answers the parent.
/// When the parent closes the pipe or dies, this process ends.
pub fn meet() -> TcpListener {
    instruments::raise_limit_of_descriptors();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.set_nonblocking(true).expect("a new socket can be set up");
    let port = listener.local_addr().expect("it is bound").port();
    say(&format!("{READY}{port}"));
    thread::spawn(answer);
    listener
}

/// Each line from the parent asks for the CPU time.
fn answer() {
    for _ in io::stdin().lines().map_while(Result::ok) {
        say(&instruments::cpu_time().to_string());
    }
    process::exit(0);
}

fn say(line: &str) {
    let mut stdout = io::stdout();
    // If the parent is gone, the end of the input follows.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
