//! A future that must not move.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

/// What has become of the [`Placed`] futures that share this.
#[derive(Debug, Default)]
pub struct Places {
    pub polled: AtomicUsize,
    pub dropped: AtomicUsize,
    /// Polls and drops at another address than the first poll.
    pub moved: AtomicUsize,
}

/// Notes where it is polled and dropped. It wakes itself, and is ready at the last of `polls`.
pub struct Placed<const SIZE: usize> {
    places: Arc<Places>,
    /// The address at the first poll, or null.
    place: Cell<usize>,
    polls: Cell<usize>,
    _size: [u8; SIZE],
    _pinned: PhantomPinned,
}

impl<const SIZE: usize> Placed<SIZE> {
    pub fn new(places: &Arc<Places>, polls: usize) -> Self {
        Placed {
            places: places.clone(),
            place: Cell::new(0),
            polls: Cell::new(polls),
            _size: [0; SIZE],
            _pinned: PhantomPinned,
        }
    }

    fn look(&self) {
        let here = ptr::from_ref(self).addr();
        let first = self.place.get();
        if first != 0 && first != here {
            self.places.moved.fetch_add(1, SeqCst);
        }
    }
}

impl<const SIZE: usize> Future for Placed<SIZE> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.look();
        self.place.set(ptr::from_ref(&*self).addr());
        self.places.polled.fetch_add(1, SeqCst);
        self.polls.set(self.polls.get() - 1);
        if self.polls.get() == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<const SIZE: usize> Drop for Placed<SIZE> {
    fn drop(&mut self) {
        self.look();
        self.places.dropped.fetch_add(1, SeqCst);
    }
}
