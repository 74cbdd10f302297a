//! `OPENWORK_TRACE`: recording a program without changing it.
//!
//! The first runtime that is built reads the variable. The file is written when the program ends: by an `atexit` handler,
//! which runs when `main` returns or panics, and for `process::exit`; and at Ctrl-C, unless the program handles it.
//!
//! The file stays locked while the process runs. Another process that finds it locked adds its pid to the name.
//!
//! Next: `runtime`.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{env, process};

use super::recorder::{KEPT, Recorder};
use super::save::Format;
use super::signals;
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

/// Whether a variable asks for something: it is neither empty nor 0.
pub(crate) fn is_set(variable: &str) -> bool {
    value(variable).is_some_and(|value| value != "0")
}

fn value(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty() && !is_set_user_id())
}

fn start() -> Option<Recording> {
    let path = value("OPENWORK_TRACE")?;
    if path == "-" {
        return Some(Recording::Live);
    }
    match Output::open(Path::new(&path)) {
        Ok(output) => {
            // SAFETY: rule 10. The function is called at the end of the process, on whichever thread ends it.
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
    // SAFETY: rule 10. These calls only read what the kernel has told the process.
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

fn watch_ctrl_c() -> io::Result<()> {
    let write_and_end = || {
        write();
        signals::default_action(libc::SIGINT);
    };
    signals::watch(libc::SIGINT, write_and_end).map(|_| ())
}
