//! Bytes: the traits of the ecosystem, with methods that can be awaited.
//!
//! [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are `futures-io`'s, so that what is
//! written for them elsewhere works with what is here. Their methods are for those who implement them;
//! [`AsyncReadExt`] and its siblings have those that one calls, with Tokio's names.

pub(crate) mod descriptor;
mod whole;
mod read_to_end;
mod numbers;
mod take;
mod chain;
mod read;
mod write;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

pub use chain::Chain;
pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use numbers::{ReadNumber, WriteNumber};
pub use read::{AsyncReadExt, Read, ReadExact, ReadIntoBuf};
pub use read_to_end::{ReadToEnd, ReadToString};
pub use take::Take;
pub use write::{
    AsyncWriteExt, Flush, Shutdown, Write, WriteAll, WriteAllBuf, WriteBuf, WriteVectored,
};
