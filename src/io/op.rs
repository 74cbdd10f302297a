//! One future type for the extension methods: a state, and a function that polls it.
//!
//! `read`, `write_all`, `read_line` and their siblings add no waiting of their own: each calls a `poll_` method
//! of the stream until it has what it wants. They differ in what they keep between two polls, and in what they
//! do at a poll. So each method builds an [`Op`] from these two, in the place where it is documented:
//!
//! ```text
//!   Op { state: (reader, buf, filled), poll: fn(&mut state, cx) -> Poll<output> }
//! ```
//!
//! [`std::future::poll_fn`] takes a closure, whose type has no name; a method of a public trait needs one to
//! return. The function here captures nothing, so a function pointer is enough.
//!
//! Next: `exact.rs`, the steps that several methods share.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of an extension method such as [`AsyncReadExt::read`](super::AsyncReadExt::read).
///
/// The method's documentation says what is lost when it is dropped before it is ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Op<S, T> {
    state: S,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<T>,
}

/// The future of an extension method that returns an [`io::Result`].
pub type IoOp<S, T> = Op<S, io::Result<T>>;

impl<S, T> Op<S, T> {
    pub(super) fn new(state: S, poll: fn(&mut S, &mut Context<'_>) -> Poll<T>) -> Op<S, T> {
        Op { state, poll }
    }
}

/// Nothing in the state is ever pinned.
impl<S, T> Unpin for Op<S, T> {}

impl<S, T> Future for Op<S, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Op { state, poll } = &mut *self;
        poll(state, cx)
    }
}
