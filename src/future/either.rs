//! One of two types, which is a future if both are.
//!
//! A function returns it to return one of two futures. [`select()`](super::select()) returns it to say which of two
//! futures was ready first.
//!
//! Next: `maybe_done.rs`, which `join!` and `select!` are built on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A value of one of two types. It is a future if both are, with the same output.
///
/// ```
/// use openwork::future::{Either, ready};
///
/// # openwork::block_on(async {
/// let cached = true;
/// let answer = if cached { Either::Left(ready(1)) } else { Either::Right(async { 1 }) };
/// assert_eq!(answer.await, 1);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// A value of the first type.
    Left(A),
    /// A value of the second type.
    Right(B),
}

impl<A, B> Either<A, B> {
    /// Returns the pinned value.
    pub fn as_pin_mut(self: Pin<&mut Self>) -> Either<Pin<&mut A>, Pin<&mut B>> {
        // SAFETY: rule 8. The fields are pinned with the `Either`: no other function gives access to them through
        // a pin, there is no `Drop`, and it is `Unpin` only if both are.
        unsafe {
            match self.get_unchecked_mut() {
                Either::Left(a) => Either::Left(Pin::new_unchecked(a)),
                Either::Right(b) => Either::Right(Pin::new_unchecked(b)),
            }
        }
    }
}

impl<T> Either<T, T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            Either::Left(value) | Either::Right(value) => value,
        }
    }
}

impl<A, B> Future for Either<A, B>
where
    A: Future,
    B: Future<Output = A::Output>,
{
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        match self.as_pin_mut() {
            Either::Left(future) => future.poll(cx),
            Either::Right(future) => future.poll(cx),
        }
    }
}
