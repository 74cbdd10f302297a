//! Streams of bytes: the ecosystem's traits, with methods to await.
//!
//! [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are `futures-io`'s, so code that is written for
//! them elsewhere works with the streams here, and the reverse. Their `poll_` methods are for implementing streams.
//! [`AsyncReadExt`] and its siblings have the methods to call, with Tokio's names.
//!
//! | | |
//! |---|---|
//! | [`BufReader`], [`BufWriter`] | make small reads and writes cheap |
//! | [`copy()`], [`copy_bidirectional()`] | copy from one stream to another |
//! | [`split()`], [`duplex()`] | one stream as two halves; a connection in memory |
//! | [`empty`], [`sink`], [`repeat`] | streams that hold nothing |
//! | [`stdin`], [`stdout`], [`stderr`] | the standard streams of the process |
//! | [`framed`] | messages: lines, or frames with a length before them |
//!
//! A cursor over bytes in memory is `futures::io::Cursor`.

pub(crate) mod delegate;
pub(crate) mod interest;
pub(crate) mod descriptor;
pub mod unix;
mod op;
mod exact;
mod read_to_end;
mod take;
mod chain;
mod numbers;
pub(crate) mod read;
mod write;
mod read_until;
mod lines;
mod buf_read;
mod seek;
mod util;
mod buf_reader;
mod buf_writer;
mod copy;
mod copy_bidirectional;
mod split;
mod duplex;
pub mod framed;
pub(crate) mod blocking;
mod stdio;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

pub use buf_read::AsyncBufReadExt;
pub use buf_reader::BufReader;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::copy;
pub use copy_bidirectional::copy_bidirectional;
pub use duplex::{DuplexStream, duplex};
pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use interest::{Interest, Ready};
pub use lines::{Lines, Split};
pub use op::{IoOp, Op};
pub use read::AsyncReadExt;
pub use seek::AsyncSeekExt;
pub use split::{ReadHalf, WriteHalf, split};
pub use stdio::{Output, Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use take::Take;
pub use util::{Empty, Repeat, Sink, empty, repeat, sink};
pub use write::AsyncWriteExt;
