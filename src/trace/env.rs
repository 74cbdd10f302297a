//! `OPENWORK_TRACE`: recording a program without changing it.
//!
//! The first runtime that is built reads the variable. The file is written when the program ends: by an `atexit` handler,
//! which runs when `main` returns or panics, and for `process::exit`; and, if Ctrl-C still has its default action, by a
//! thread that a signal handler tells of it through a pipe. (Next to nothing is allowed in a signal handler.)
//!
//! The file stays locked while the process runs. Another process that finds it locked adds its pid to the name.
//!
//! Next: `runtime`.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{env, mem, process, ptr, thread};

use super::recorder::{KEPT, Recorder};
use super::save::Format;
use crate::engine::event::Subscriber;

/// What `OPENWORK_TRACE` asks for. `None`: nothing.
static RECORDING: OnceLock<Option<Recording>> = OnceLock::new();

enum Recording {
    Live,
    File(Output),
}

struct Output {
    recorder: Recorder,
    format: Format,
    /// Open and locked from the beginning.
    file: Mutex<File>,
    /// A process that was forked off does not write.
    pid: u32,
}

/// The subscriber for a runtime that is being built.
pub(crate) fn subscriber() -> Option<Subscriber> {
    match RECORDING.get_or_init(start) {
        None => None,
        Some(Recording::Live) => Some(Arc::new(|record| {
            // One write for each line. If standard error is closed, there is nowhere to say so.
            let _ = io::stderr().write_all(format!("{record}\n").as_bytes());
        })),
        Some(Recording::File(output)) => {
            let recorder = output.recorder.clone();
            Some(Arc::new(move |record| recorder.record(record)))
        }
    }
}

fn start() -> Option<Recording> {
    let path = env::var_os("OPENWORK_TRACE").filter(|path| !path.is_empty())?;
    if is_set_user_id() {
        return None;
    }
    if path == "-" {
        return Some(Recording::Live);
    }
    match Output::open(Path::new(&path)) {
        Ok(output) => {
            // SAFETY: the function is called at the end of the process, on whichever thread ends it.
            unsafe { libc::atexit(write_at_exit) };
            if cfg!(panic = "abort") {
                let hook = std::panic::take_hook();
                std::panic::set_hook(Box::new(move |info| {
                    hook(info);
                    write();
                }));
            }
            if let Err(error) = watch_ctrl_c() {
                eprintln!("OPENWORK_TRACE: nothing will be written at Ctrl-C: {error}");
            }
            Some(Recording::File(output))
        }
        Err(error) => {
            eprintln!("OPENWORK_TRACE: nothing is recorded: {}: {error}", path.display());
            None
        }
    }
}

/// Whether the program has rights that its caller does not have: it must not write where its caller wants.
fn is_set_user_id() -> bool {
    // SAFETY: these calls only read what the kernel has told the process.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    // SAFETY: as above.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() };
}

impl Output {
    fn open(path: &Path) -> io::Result<Output> {
        let format = Format::of(path)?;
        let events = env::var("OPENWORK_TRACE_EVENTS").ok();
        let events = events.and_then(|events| events.parse().ok()).unwrap_or(KEPT);
        let recorder = Recorder::with_capacity(events);
        let pid = process::id();
        let file = lock_file(path).or_else(|error| match error.kind() {
            io::ErrorKind::WouldBlock => lock_file(&with_pid(path, pid)),
            _ => Err(error),
        })?;
        file.set_len(0)?;
        Ok(Output { recorder, format, file: Mutex::new(file), pid })
    }

    fn write(&self) -> io::Result<()> {
        if process::id() != self.pid {
            return Ok(());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.rewind()?;
        file.set_len(0)?;
        let mut out = BufWriter::new(&mut *file);
        self.recorder.recording().write(self.format, &mut out)?;
        out.flush()
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// `out.html` becomes `out.123.html`.
fn with_pid(path: &Path, pid: u32) -> PathBuf {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    path.with_extension(format!("{pid}.{extension}"))
}

fn write() {
    if let Some(Some(Recording::File(output))) = RECORDING.get()
        && let Err(error) = output.write()
    {
        let _ =
            writeln!(io::stderr(), "OPENWORK_TRACE: the recording could not be written: {error}");
    }
}

extern "C" fn write_at_exit() {
    // A panic must not leave a function that C calls.
    let _ = std::panic::catch_unwind(write);
}

/// The end of the pipe that the handler writes to.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_ctrl_c(_: libc::c_int) {
    // SAFETY: `write` is allowed in a signal handler, and the pipe is never closed. Its error leaves nothing to do.
    unsafe { libc::write(PIPE.load(Ordering::Relaxed), c"c".as_ptr().cast(), 1) };
}

/// The action of Ctrl-C now.
fn action_of_ctrl_c() -> libc::sighandler_t {
    // SAFETY: without a new action, the call only fills in the old one, for which zeros are a valid beginning.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(libc::SIGINT, ptr::null(), &mut action);
        action.sa_sigaction
    }
}

fn set_action_of_ctrl_c(handler: libc::sighandler_t) {
    // SAFETY: the handler is the default action, or `on_ctrl_c`, which does only what a handler may do.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGINT, &action, ptr::null_mut());
    }
}

fn watch_ctrl_c() -> io::Result<()> {
    if action_of_ctrl_c() != libc::SIG_DFL {
        return Ok(());
    }
    let (mut read, write_end) = UnixStream::pair()?;
    write_end.set_nonblocking(true)?;
    let ours = on_ctrl_c as extern "C" fn(libc::c_int) as libc::sighandler_t;
    let wait = move || {
        while read.read_exact(&mut [0]).is_ok() {
            write();
            // The program may have set a handler of its own since, which has called this one.
            if action_of_ctrl_c() == ours {
                set_action_of_ctrl_c(libc::SIG_DFL);
                // SAFETY: the call only sends the signal, whose default action ends the process.
                unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
            }
        }
    };
    thread::Builder::new().name("openwork-trace".into()).spawn(wait)?;
    PIPE.store(write_end.as_raw_fd(), Ordering::Relaxed);
    let _ = write_end.into_raw_fd();
    set_action_of_ctrl_c(ours);
    Ok(())
}
