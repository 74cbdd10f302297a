//! How does a program hear that it should end?
//!
//! By a signal, such as the one that Ctrl-C sends. It interrupts some thread, anywhere, in the midst of
//! anything; and in its handler next to nothing is allowed, for instance no lock. So the handler writes one
//! byte into a pipe, and that is all: the *self-pipe trick*. From there on a signal is one more
//! descriptor that becomes readable.
//!
//! ```text
//!   Ctrl-C ──▶ handler ── a byte ──▶ pipe ── readable ──▶ all who wait are woken;
//!                                                         the first drains it and counts: "one more"
//! ```
//!
//! There is one pipe for each kind of signal that a runtime waits for, made for the first who waits and
//! closed with the last. It counts how often there was something in it, and each who waits has his own
//! mark on that count: so all of them hear of each signal, and two signals at once may be heard as one.
//!
//! The handler stays for as long as the process runs. From the first wait on, the signal does not do any more
//! what it did by itself: Ctrl-C does not end the program, also when nobody waits for it just now.
//!
//! Next: `stream`.

use std::future::Future;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{self, Arc, PoisonError, Weak};
use std::task::{Context, Poll};

use signal_hook::SigId;
use signal_hook::consts;
use signal_hook::low_level::{pipe, unregister};

use crate::engine::prim::Mutex;
use crate::io::descriptor::{Descriptor, Readiness};
use crate::io::interest::Interest;
use crate::runtime::Handle;

/// Waits for the next Ctrl-C, that is for `SIGINT`.
///
/// Any number of tasks may do so at once, and all of them are woken. From the first time that this is
/// awaited, Ctrl-C does not end the process any more, for as long as it runs.
///
/// Cancel safe. A signal counts for those who were waiting when it came; who wants to miss none in between
/// keeps a [`unix::Signal`].
///
/// # Errors
///
/// If the system does not let us watch it, or the runtime ends.
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
    pub use super::{Recv, Signal, SignalKind, signal};
}

/// A kind of signal, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// The kind with this number, such as `libc::SIGUSR1`.
    pub const fn from_raw(number: i32) -> Self {
        SignalKind(number)
    }

    /// Its number.
    pub const fn as_raw_value(&self) -> i32 {
        self.0
    }

    /// `SIGALRM`: a timer of the system has run down.
    pub const fn alarm() -> Self {
        SignalKind(consts::SIGALRM)
    }

    /// `SIGCHLD`: a child process has changed its state.
    pub const fn child() -> Self {
        SignalKind(consts::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone; to a daemon it says to read its configuration again.
    pub const fn hangup() -> Self {
        SignalKind(consts::SIGHUP)
    }

    /// `SIGINT`: somebody has pressed Ctrl-C.
    pub const fn interrupt() -> Self {
        SignalKind(consts::SIGINT)
    }

    /// `SIGIO`: a descriptor is ready.
    pub const fn io() -> Self {
        SignalKind(consts::SIGIO)
    }

    /// `SIGPIPE`: nobody reads what was written.
    pub const fn pipe() -> Self {
        SignalKind(consts::SIGPIPE)
    }

    /// `SIGQUIT`: somebody has pressed Ctrl-\.
    pub const fn quit() -> Self {
        SignalKind(consts::SIGQUIT)
    }

    /// `SIGTERM`: the program should end.
    pub const fn terminate() -> Self {
        SignalKind(consts::SIGTERM)
    }

    /// `SIGUSR1`: what the program makes of it.
    pub const fn user_defined1() -> Self {
        SignalKind(consts::SIGUSR1)
    }

    /// `SIGUSR2`: what the program makes of it.
    pub const fn user_defined2() -> Self {
        SignalKind(consts::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal has another size.
    pub const fn window_change() -> Self {
        SignalKind(consts::SIGWINCH)
    }
}

impl From<i32> for SignalKind {
    fn from(number: i32) -> Self {
        SignalKind(number)
    }
}

impl From<SignalKind> for i32 {
    fn from(kind: SignalKind) -> i32 {
        kind.0
    }
}

/// Listens to a kind of signal, from now on.
///
/// # Errors
///
/// If it is one that cannot be caught (`SIGKILL`, `SIGSTOP`) or that a thread causes itself (`SIGSEGV`,
/// `SIGFPE`, `SIGILL`), or if the system refuses.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Signal::new(kind, "signal::unix::signal")
}

/// What those share who wait for one kind of signal in one runtime.
#[derive(Debug)]
struct Bell {
    runtime: u32,
    kind: SignalKind,
    /// The end of the pipe that is read.
    pipe: Descriptor<UnixStream>,
    /// How often there was something in it. Locked by whoever reads from it.
    rung: Mutex<usize>,
    handler: SigId,
}

/// All there are. Std's lock, as a `static` outlives any model.
static BELLS: sync::Mutex<Vec<Weak<Bell>>> = sync::Mutex::new(Vec::new());

impl Bell {
    /// The one of this runtime and kind, which is made if there is none.
    fn of(runtime: &Handle, kind: SignalKind) -> io::Result<Arc<Bell>> {
        let mut bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
        let id = runtime.inner.shared.id;
        let found = bells
            .iter()
            .filter_map(Weak::upgrade)
            .find(|bell| (bell.runtime, bell.kind) == (id, kind));
        if let Some(bell) = found {
            return Ok(bell);
        }
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let pipe = Descriptor::new(read, runtime, false)?;
        let handler = pipe::register(kind.0, write)?;
        let bell = Arc::new(Bell { runtime: id, kind, pipe, rung: Mutex::new(0), handler });
        bells.retain(|bell| bell.strong_count() > 0);
        bells.push(Arc::downgrade(&bell));
        Ok(bell)
    }

    /// Empties the pipe, and counts if there was something in it.
    fn drain(&self, mut pipe: &UnixStream) -> io::Result<()> {
        let mut bytes = [0; 64];
        // The race. We: empty the pipe … Other: finds it empty, looks at the count, "not rung", and waits …
        // We: count, and wake nobody. But under one lock, who finds it empty finds us counted.
        let mut rung = self.rung.lock();
        let mut found = pipe.read(&mut bytes)?;
        // Zero: the other end is closed, and will not speak any more.
        if found == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *rung = rung.wrapping_add(1);
        // To the last byte, or those of one burst would be heard as several.
        while found == bytes.len() {
            found = pipe.read(&mut bytes).unwrap_or(0);
        }
        Ok(())
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Closes the writing end. The handler itself stays.
        unregister(self.handler);
    }
}

/// Listens to a kind of signal, from its making on. From [`signal`].
#[derive(Debug)]
pub struct Signal {
    bell: Arc<Bell>,
    /// How often it has rung, as far as we have heard.
    heard: usize,
}

impl Signal {
    #[track_caller]
    fn new(kind: SignalKind, call: &str) -> io::Result<Signal> {
        let runtime = Handle::current_for(call);
        if kind.0 <= 0 || consts::FORBIDDEN.contains(&kind.0) {
            let text = format!("signal {} cannot be listened to", kind.0);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let bell = Bell::of(&runtime, kind)?;
        let heard = *bell.rung.lock();
        Ok(Signal { bell, heard })
    }

    /// Waits for the next signal, or finds that one has come since the last time. Several that have come
    /// meanwhile count as one. None if the runtime has ended.
    ///
    /// Cancel safe.
    pub fn recv(&mut self) -> Recv<'_> {
        let Signal { bell, heard } = self;
        Recv { pipe: bell.pipe.ready(Interest::READABLE), bell, heard }
    }
}

/// Waits for the next signal. From [`Signal::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a> {
    bell: &'a Bell,
    heard: &'a mut usize,
    /// Until there is something in the pipe.
    pipe: Readiness<'a>,
}

impl Recv<'_> {
    /// Whether it has rung since the last time.
    fn hears(&mut self) -> bool {
        let rung = *self.bell.rung.lock();
        std::mem::replace(self.heard, rung) != rung
    }
}

/// Whether nothing was found out yet.
fn is_no_answer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Future for Recv<'_> {
    type Output = Option<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        loop {
            if self.hears() {
                return Poll::Ready(Some(()));
            }
            match Pin::new(&mut self.pipe).poll(cx) {
                Poll::Ready(Ok(_)) => {
                    let bell = self.bell;
                    match bell.pipe.try_io(Interest::READABLE, |pipe| bell.drain(pipe)) {
                        Ok(()) => {}
                        Err(error) if is_no_answer(&error) => {}
                        Err(_) => return Poll::Ready(None),
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                // It may have been counted, and "readable" taken down, since we looked at the head.
                Poll::Pending if self.hears() => return Poll::Ready(Some(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
