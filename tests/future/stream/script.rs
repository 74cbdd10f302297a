//! A stream that gives the answers of a list, and counts how often it is polled.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use openwork::stream::Stream;

/// `Some` is an item, `None` is "pending" with the task woken at once. After the last answer the stream has ended;
/// it panics if it is polled again.
pub struct Script<T> {
    answers: VecDeque<Option<T>>,
    ended: bool,
    polls: Rc<Cell<usize>>,
}

impl<T> Unpin for Script<T> {}

pub fn script<T>(answers: impl IntoIterator<Item = Option<T>>) -> Script<T> {
    Script { answers: answers.into_iter().collect(), ended: false, polls: Rc::default() }
}

impl<T> Script<T> {
    /// How often it was polled. The count can be read after the stream was moved into another.
    pub fn polls(&self) -> Rc<Cell<usize>> {
        self.polls.clone()
    }
}

impl<T> Stream for Script<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        assert!(!self.ended, "polled after its end");
        self.polls.set(self.polls.get() + 1);
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
