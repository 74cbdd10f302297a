//! A program should end when it is told to, for instance by Ctrl-C.
//!
//! That comes as a signal. A signal interrupts some thread, anywhere, and in its handler almost nothing is
//! allowed, not even a lock. So the handler writes one byte into a pipe (the *self-pipe trick*), and from there on
//! a signal is one more descriptor that becomes readable.
//!
//! ```text
//!   Ctrl-C ──▶ handler ── a byte ──▶ pipe ── readable ──▶ all waiting tasks are woken;
//!                                                         the first drains the pipe and counts: one more
//! ```
//!
//! A runtime has one pipe for each kind of signal that its tasks listen to, made with the first [`Signal`] and
//! closed with the last. The pipe counts how often it was drained, and each `Signal` remembers the count that it
//! has seen: so each receives every signal, and two signals at once may count as one.
//!
//! The handler stays for as long as the process runs. Once a program has listened to a signal, the signal has no
//! effect of its own any more: Ctrl-C does not end the program, even if no task waits for it now.
//!
//! Next: `stream`.

use std::future::{Future, poll_fn};
use std::io::{self, Read};
use std::mem;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{self, Arc, PoisonError, Weak};
use std::task::Poll;

use signal_hook::SigId;
use signal_hook::consts;
use signal_hook::low_level::{pipe, unregister};

use crate::engine::prim::Mutex;
use crate::io::descriptor::Descriptor;
use crate::io::interest::Interest;
use crate::runtime::Handle;

/// Waits for the next Ctrl-C, which is `SIGINT`.
///
/// Any number of tasks may wait at once, and all of them are woken. From the first poll on, Ctrl-C does not end the
/// process any more, for as long as it runs.
///
/// Cancel safe, but a signal counts only for the tasks that wait when it comes. To miss none in between, keep a
/// [`unix::Signal`].
///
/// ```no_run
/// # openwork::block_on(async {
/// openwork::signal::ctrl_c().await?;
/// println!("shutting down");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// The system's; or the runtime has shut down.
///
/// # Panics
///
/// Outside of a runtime.
pub async fn ctrl_c() -> io::Result<()> {
    let mut signal = Signal::new(SignalKind::interrupt(), "signal::ctrl_c")?;
    match signal.recv().await {
        Some(()) => Ok(()),
        None => Err(io::Error::other("the runtime has ended")),
    }
}

/// All kinds of signals.
pub mod unix {
    pub use super::{Signal, SignalKind, signal};
}

/// A kind of signal, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

macro_rules! kinds {
    ($($name:ident = $signal:ident: $meaning:literal;)*) => {$(
        #[doc = concat!("`", stringify!($signal), "`: ", $meaning)]
        pub const fn $name() -> Self {
            SignalKind(consts::$signal)
        }
    )*};
}

impl SignalKind {
    /// The kind with this number, such as `libc::SIGUSR1`.
    pub const fn from_raw(number: i32) -> Self {
        SignalKind(number)
    }

    /// Its number.
    pub const fn as_raw_value(&self) -> i32 {
        self.0
    }

    kinds! {
        alarm = SIGALRM: "a timer of the system has expired.";
        child = SIGCHLD: "a child process has changed its state.";
        hangup = SIGHUP: "the terminal is gone; a daemon reads its configuration again.";
        interrupt = SIGINT: "the user has pressed Ctrl-C.";
        io = SIGIO: "a descriptor is ready.";
        pipe = SIGPIPE: "a write to a pipe or socket that has no reader.";
        quit = SIGQUIT: "the user has pressed Ctrl-\\.";
        terminate = SIGTERM: "the program should end.";
        user_defined1 = SIGUSR1: "for the program's own use.";
        user_defined2 = SIGUSR2: "for the program's own use.";
        window_change = SIGWINCH: "the size of the terminal has changed.";
    }
}

/// Listens to a kind of signal, from now on.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] for a signal that cannot be caught (`SIGKILL`, `SIGSTOP`) or that a thread
/// causes itself (`SIGSEGV`, `SIGFPE`, `SIGILL`); or the system's.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Signal::new(kind, "signal::unix::signal")
}

/// The pipe of one kind of signal in one runtime, shared by its listeners.
#[derive(Debug)]
struct SignalPipe {
    runtime: u32,
    kind: SignalKind,
    /// The end that is read.
    reader: Descriptor<UnixStream>,
    /// How often the pipe was drained. Locked during a drain.
    count: Mutex<usize>,
    handler: SigId,
}

/// All pipes of the process. Std's lock, as a `static` outlives any model.
static PIPES: sync::Mutex<Vec<Weak<SignalPipe>>> = sync::Mutex::new(Vec::new());

impl SignalPipe {
    /// The pipe of this runtime and kind. It is made if there is none.
    fn get(runtime: &Handle, kind: SignalKind) -> io::Result<Arc<SignalPipe>> {
        let mut pipes = PIPES.lock().unwrap_or_else(PoisonError::into_inner);
        let id = runtime.inner.shared.id;
        let mut found = pipes.iter().filter_map(Weak::upgrade);
        if let Some(pipe) = found.find(|pipe| (pipe.runtime, pipe.kind) == (id, kind)) {
            return Ok(pipe);
        }
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let reader = Descriptor::new(reader, runtime, false)?;
        let handler = pipe::register(kind.0, writer)?;
        let count = Mutex::new(0);
        let pipe = Arc::new(SignalPipe { runtime: id, kind, reader, count, handler });
        pipes.retain(|pipe| pipe.strong_count() > 0);
        pipes.push(Arc::downgrade(&pipe));
        Ok(pipe)
    }

    /// Drains the pipe, and counts if there was a byte in it.
    fn drain(&self, mut reader: &UnixStream) -> io::Result<()> {
        let mut bytes = [0; 64];
        // The race. This task: drains the pipe … Other task: finds the pipe empty, reads the old count, and
        // waits … This task: counts, and wakes no task. The lock closes it: a task that finds the pipe empty
        // reads the count after this task has counted.
        let mut count = self.count.lock();
        let mut found = reader.read(&mut bytes)?;
        // The other end is closed, and no signal comes any more.
        if found == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *count = count.wrapping_add(1);
        // To the last byte: otherwise the signals of one burst would count several times.
        while found == bytes.len() {
            found = reader.read(&mut bytes).unwrap_or(0);
        }
        Ok(())
    }
}

impl Drop for SignalPipe {
    fn drop(&mut self) {
        // Closes the end that is written. The handler itself stays.
        unregister(self.handler);
    }
}

/// Listens to a kind of signal, from its creation on. From [`signal`].
///
/// ```no_run
/// use openwork::signal::unix::{SignalKind, signal};
///
/// # openwork::block_on(async {
/// let mut hangup = signal(SignalKind::hangup())?;
/// while let Some(()) = hangup.recv().await {
///     println!("reading the configuration again");
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Signal {
    pipe: Arc<SignalPipe>,
    /// The pipe's count at the last signal that was received.
    seen: usize,
}

impl Signal {
    #[track_caller]
    fn new(kind: SignalKind, call: &str) -> io::Result<Signal> {
        let runtime = Handle::current_for(call);
        if kind.0 <= 0 || consts::FORBIDDEN.contains(&kind.0) {
            let text = format!("signal {} cannot be listened to", kind.0);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let pipe = SignalPipe::get(&runtime, kind)?;
        let seen = *pipe.count.lock();
        Ok(Signal { pipe, seen })
    }

    /// Waits until a signal has come since the last call. Several signals that have come meanwhile count as one.
    /// None if the runtime has shut down.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<()> {
        let Signal { pipe, seen } = self;
        let mut drain = pipe.reader.io(Interest::READABLE, |reader| pipe.drain(reader));
        poll_fn(|cx| {
            let drained = Pin::new(&mut drain).poll(cx);
            // After the poll: another task that drained the pipe had counted before the pipe was "not readable".
            let count = *pipe.count.lock();
            if mem::replace(seen, count) != count {
                return Poll::Ready(Some(()));
            }
            // Without a new count, ready means an error: the runtime has shut down.
            drained.map(|_| None)
        })
        .await
    }
}
