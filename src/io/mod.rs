//! Bytes: the traits of the ecosystem, with methods that can be awaited.
//!
//! [`AsyncRead`] and [`AsyncWrite`] are `futures-io`'s, so that what is written for them elsewhere works
//! with what is here. Their methods are for those who implement them; [`AsyncReadExt`] and
//! [`AsyncWriteExt`] have those that one calls, with Tokio's names.

pub(crate) mod descriptor;
mod read_to_end;
mod read;
mod write;

pub use futures_io::{AsyncRead, AsyncWrite};
pub use read::{AsyncReadExt, Read, ReadExact};
pub use read_to_end::{ReadToEnd, ReadToString};
pub use write::{AsyncWriteExt, Flush, Shutdown, Write, WriteAll};
