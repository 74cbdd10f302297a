//! A watchdog: a test that does not end fails, and does not hang.

use std::sync::mpsc;
use std::time::Duration;
use std::{panic, thread};

/// For the slowest machine; no test comes near it.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `body`, which must end. Most bugs of a runtime show as a test that hangs; this
/// turns it into one that fails.
pub fn ends<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    ends_within(LIMIT, body)
}

/// The same with another limit, for a test whose length is an option.
pub fn ends_within<T: Send + 'static>(
    limit: Duration,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    run(thread::current().name().unwrap_or("a test").to_owned(), limit, body)
}

/// The same as [`ends`], on a thread of this name, with which a panic begins its message.
pub(super) fn ends_as<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    run(name, LIMIT, body)
}

fn run<T: Send + 'static>(
    name: String,
    limit: Duration,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (send, receive) = mpsc::channel();
    let thread =
        thread::Builder::new().name(name.clone()).spawn(move || send.send(body())).unwrap();
    match receive.recv_timeout(limit) {
        Ok(value) => {
            // Whoever counts threads next should not meet this one.
            thread.join().expect("it has sent its value").expect("which was received");
            value
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {name}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic::resume_unwind(thread.join().expect_err("it panicked"))
        }
    }
}
