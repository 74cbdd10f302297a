//! A stream that answers what a test has written down, and counts how often it was asked.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use openwork::stream::Stream;

/// `Some` is an item, `None` is "pending" with the task woken at once. When all was said the stream has ended;
/// to ask it once more is an error.
pub struct Script<T> {
    answers: VecDeque<Option<T>>,
    ended: bool,
    asked: Rc<Cell<usize>>,
}

impl<T> Unpin for Script<T> {}

pub fn script<T>(answers: impl IntoIterator<Item = Option<T>>) -> Script<T> {
    Script { answers: answers.into_iter().collect(), ended: false, asked: Rc::default() }
}

impl<T> Script<T> {
    /// How often it was asked, for when it is out of reach.
    pub fn asked(&self) -> Rc<Cell<usize>> {
        self.asked.clone()
    }
}

impl<T> Stream for Script<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        assert!(!self.ended, "it was asked after its end");
        self.asked.set(self.asked.get() + 1);
        match self.answers.pop_front() {
            Some(Some(item)) => Poll::Ready(Some(item)),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }
}
