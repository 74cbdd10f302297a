//! The trace: the events, the recorder, `OPENWORK_TRACE`, the formats, the table of tasks, the lints and the dump.
//!
//! `browser.py` drives the page in a browser, where one is installed (`OPENWORK_BROWSER=required` asks for one);
//! `check_chrome.py` and `check_page.py` read what is written.

#[path = "../common/mod.rs"]
mod common;

mod env;
mod events;
mod formats;
mod hang;
mod recorder;
mod tasks;
