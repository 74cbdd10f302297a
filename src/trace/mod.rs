//! What happens in a runtime, as events: to print, to assert, to look at as a timeline.
//!
//! Set `OPENWORK_TRACE` before any program that uses this crate, and it writes down what its runtimes did:
//!
//! ```sh
//! OPENWORK_TRACE=out.html  cargo run     # a page with a timeline, for a browser
//! OPENWORK_TRACE=out.json  cargo run     # for https://ui.perfetto.dev and chrome://tracing
//! OPENWORK_TRACE=out.txt   cargo run     # a line for each event
//! OPENWORK_TRACE=-         cargo run     # the same lines on standard error, as it happens
//! ```
//!
//! Two more variables tell why a program hangs. With `OPENWORK_DUMP=1`, Ctrl-\ prints what each task waits for. With
//! `OPENWORK_LINT=1`, four mistakes are reported as they happen: a deadlock, a task that has no waker any more, one that
//! keeps its worker for more than 100 ms, and one that wakes itself again and again. In a program they are
//! [`Builder::dump_on_quit`](crate::runtime::Builder::dump_on_quit) and
//! [`Builder::lints`](crate::runtime::Builder::lints); [`Handle::tasks`](crate::runtime::Handle::tasks) returns the table.
//!
//! The newest 100,000 events are kept; `OPENWORK_TRACE_EVENTS` sets another number. A program records itself with a
//! [`Recorder`], and receives each event as it happens with [`on_event`](crate::runtime::Builder::on_event):
//!
//! ```
//! use openwork::{runtime::Builder, trace::Recorder};
//!
//! let recorder = Recorder::new();
//! let runtime = Builder::new_current_thread().trace(&recorder).build()?;
//! runtime.block_on(async { openwork::spawn(async {}).await.unwrap() });
//! drop(runtime);
//! assert!(recorder.records().len() > 5);
//! # std::io::Result::Ok(())
//! ```
//!
//! ```text
//!   text.rs       an event as a line
//!   recorder.rs   the newest events, in a buffer for each thread
//!   json.rs       the writer of JSON
//!   chrome.rs     Chrome's trace-event format, for Perfetto
//!   page.rs       one page: page.html, page.css, and events.js, replay.js, timeline.js, machine.js, main.js
//!   save.rs       a recording as a file
//!   tasks.rs      what each live task waits for
//!   table.rs      the same as data and as a table
//!   lints.rs      four mistakes, as they happen
//!   signals.rs    Ctrl-C and Ctrl-\
//!   dump.rs       the table at Ctrl-\
//!   env.rs        OPENWORK_TRACE, and the ways in which a program ends
//! ```

mod text;
mod recorder;
mod json;
mod chrome;
mod page;
mod save;
pub(crate) mod tasks;
mod table;
pub(crate) mod lints;
mod signals;
pub(crate) mod dump;
pub(crate) mod env;

pub use crate::engine::event::{Cause, Event, Outcome, Queue, Record, TaskKind, WaitReason};
pub use recorder::Recorder;
pub use table::{TaskInfo, Tasks};
