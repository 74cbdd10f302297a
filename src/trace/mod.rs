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
//!   page.rs       one page: page.html, page.css, and replay.js, timeline.js, machine.js, main.js
//!   save.rs       a recording as a file
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
