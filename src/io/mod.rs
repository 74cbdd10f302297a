//! Bytes: the traits of the ecosystem, with methods that can be awaited.
//!
//! [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are `futures-io`'s, so that what is
//! written for them elsewhere works with what is here. Their methods are for those who implement them;
//! [`AsyncReadExt`] and its siblings have those that one calls, with Tokio's names.
//!
//! | | |
//! |---|---|
//! | [`BufReader`], [`BufWriter`], [`BufStream`] | small reads and writes, made cheap |
//! | [`copy()`], [`copy_buf`], [`copy_bidirectional()`] | from one to the other |
//! | [`split()`], [`join()`] | one stream as two halves, and the other way round |
//! | [`duplex()`], [`simplex`] | streams in memory, from task to task |
//! | [`Cursor`], [`empty`], [`sink`], [`repeat`] | bytes in memory, and none |
//! | [`stdin`], [`stdout`], [`stderr`] | what the program is told, and what it says |
//! | [`framed`] | messages: lines, or frames with a length before them |

pub(crate) mod interest;
pub(crate) mod descriptor;
pub mod unix;
mod whole;
mod read_to_end;
mod numbers;
mod take;
mod chain;
pub(crate) mod read;
mod write;
mod read_until;
mod lines;
mod buf_read;
mod seek;
mod cursor;
mod nothing;
pub(crate) mod forward;
mod buf_reader;
mod buf_writer;
mod buf_stream;
mod copy;
mod copy_bidirectional;
mod split;
mod join;
mod duplex;
pub mod framed;
pub(crate) mod on_pool;
mod stdio;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

pub use buf_read::{AsyncBufReadExt, FillBuf};
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::{Copy, CopyBuf, copy, copy_buf};
pub use copy_bidirectional::{
    CopyBidirectional, copy_bidirectional, copy_bidirectional_with_sizes,
};
pub use cursor::Cursor;
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use interest::{Interest, Ready};
pub use join::{Join, join};
pub use lines::{Lines, NextLine, NextSegment, Split};
pub use nothing::{Empty, Repeat, Sink, empty, repeat, sink};
pub use numbers::{ReadNumber, WriteNumber};
pub use read::{AsyncReadExt, Read, ReadExact, ReadIntoBuf};
pub use read_to_end::{ReadToEnd, ReadToString};
pub use read_until::{ReadLine, ReadUntil};
pub use seek::{AsyncSeekExt, Rewind, Seek};
pub use split::{ReadHalf, WriteHalf, split};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use take::Take;
pub use write::{
    AsyncWriteExt, Flush, Shutdown, Write, WriteAll, WriteAllBuf, WriteBuf, WriteVectored,
};
