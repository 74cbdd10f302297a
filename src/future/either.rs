//! How does a function return one of two futures of different types?
//!
//! As a value that is either. It is a future itself when both give the same, and it is what the functions
//! answer that wait for the first of two.
//!
//! Next: `held.rs`, for futures that are pinned elsewhere.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One of two.
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
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

impl<A, B> Either<A, B> {
    /// The value, pinned as this is.
    pub fn as_pin_mut(self: Pin<&mut Self>) -> Either<Pin<&mut A>, Pin<&mut B>> {
        // SAFETY: rule 11. The variants' fields are pinned with the value: only this hands them out from
        // behind a pin, there is no `Drop`, and `Unpin` is derived from both.
        unsafe {
            match self.get_unchecked_mut() {
                Either::Left(a) => Either::Left(Pin::new_unchecked(a)),
                Either::Right(b) => Either::Right(Pin::new_unchecked(b)),
            }
        }
    }
}

impl<T> Either<T, T> {
    /// The value, whichever it is.
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
