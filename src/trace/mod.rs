//! What happens in a runtime, as events: see [`Builder::on_event`](crate::runtime::Builder::on_event).
//!
//! ```
//! use openwork::runtime::Builder;
//!
//! let runtime = Builder::new_current_thread()
//!     .on_event(|record| println!("{record}"))
//!     .build()?;
//! runtime.block_on(async { openwork::spawn(async {}).await.unwrap() });
//! # std::io::Result::Ok(())
//! ```

mod text;

pub use crate::engine::event::{Cause, Event, Outcome, Queue, Record, TaskKind, WaitReason};
