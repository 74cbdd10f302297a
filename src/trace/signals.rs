//! Ctrl-C and Ctrl-\, for the trace.
//!
//! Next to nothing is allowed in a signal handler. So it writes the signal's number to a pipe, and a thread of its own
//! reads it, and does the work. That thread runs even if every worker is blocked.
//!
//! Next: `dump.rs`.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};
use std::{mem, ptr, thread};

use super::recorder::lock;

/// The end of the pipe that the handler writes to; -1: the thread was not started.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// What the thread calls.
static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());

struct Call {
    signal: libc::c_int,
    call: fn(),
}

/// Calls `call` whenever the signal comes. False, and it is not called, if the program has its own handler, or ignores
/// the signal.
pub(crate) fn watch(signal: libc::c_int, call: fn()) -> io::Result<bool> {
    let mut calls = lock(&CALLS);
    if action_of(signal) != libc::SIG_DFL {
        return Ok(false);
    }
    if PIPE.load(Ordering::Relaxed) == -1 {
        let (read, write_end) = UnixStream::pair()?;
        write_end.set_nonblocking(true)?;
        thread::Builder::new().name("openwork-signals".into()).spawn(|| serve(read))?;
        PIPE.store(write_end.as_raw_fd(), Ordering::Relaxed);
        let _ = write_end.into_raw_fd();
    }
    calls.push(Call { signal, call });
    set_action_of(signal, our_handler());
    Ok(true)
}

fn serve(mut pipe: UnixStream) {
    let mut signal = [0];
    while pipe.read_exact(&mut signal).is_ok() {
        let is_meant = |call: &&Call| call.signal == libc::c_int::from(signal[0]);
        let call = lock(&CALLS).iter().find(is_meant).map(|call| call.call);
        call.into_iter().for_each(|call| call());
    }
}

/// Does what the signal does by default, unless the program has set a handler since, which has called this one.
pub(crate) fn default_action(signal: libc::c_int) {
    if action_of(signal) == our_handler() {
        set_action_of(signal, libc::SIG_DFL);
        // SAFETY: rule 10. The call only sends a signal to this process.
        unsafe { libc::kill(libc::getpid(), signal) };
    }
}

extern "C" fn handler(signal: libc::c_int) {
    let number = [signal as u8];
    // SAFETY: rule 10. `write` is allowed in a signal handler, and the pipe is never closed. Its error leaves nothing to
    // do, and must not be seen by the code that the signal has interrupted.
    unsafe {
        let errno = *errno();
        libc::write(PIPE.load(Ordering::Relaxed), number.as_ptr().cast(), 1);
        *self::errno() = errno;
    }
}

/// The calling thread's `errno`.
unsafe fn errno() -> *mut libc::c_int {
    // SAFETY: rule 10. The call only returns an address of this thread.
    #[cfg(target_os = "linux")]
    return unsafe { libc::__errno_location() };
    // SAFETY: as above.
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    return unsafe { libc::__error() };
    // SAFETY: as above.
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    return unsafe { libc::__errno() };
}

fn our_handler() -> libc::sighandler_t {
    handler as extern "C" fn(libc::c_int) as libc::sighandler_t
}

fn action_of(signal: libc::c_int) -> libc::sighandler_t {
    // SAFETY: rule 10. Without a new action, the call only fills in the old one, for which zeros are a valid beginning.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut action);
        action.sa_sigaction
    }
}

fn set_action_of(signal: libc::c_int, action_of_it: libc::sighandler_t) {
    // SAFETY: rule 10. It is the default action, or `handler`, which does only what a handler may do.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = action_of_it;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, ptr::null_mut());
    }
}
