//! Where does a future stand while it waits for another one, and what if it goes away?
//!
//! Whoever waits for a lock, a permit or a message leaves a waker, and whoever has something to give
//! takes the one that was left first. So there is a line, and one thing makes it harder than it sounds:
//! a future may be dropped at any moment, from the middle of the line, or just after something was given
//! to it. Hence two rules, for everything that waits in this crate:
//!
//! - a place in the line has a **key**, by which its owner finds it wherever it stands, and must give it
//!   back ([`Waiters::remove`]);
//! - a place that is served leaves the line but **stays until its owner comes** for it. What was given
//!   is noted there; an owner that is dropped instead finds the note, and passes the gift on.
//!
//! The places are a list within a slab: no allocation for each, and no pointers. The list is no lock;
//! it lies within that of its primitive. Under such a lock no user code may run, or it could call back into
//! the primitive and wait for itself; and a waker's `clone`, `wake` and `drop` are user code. They may also
//! panic: a `clone` runs before anything is taken, and `wake` and `drop` run, contained, after the state is
//! settled. [`poll_or_register`](crate::engine::prim::poll_or_register), [`look_or_line_up`], [`leave_line`] and
//! [`Wakers`] keep to that.
//!
//! Next: `permits.rs`, which gives permits to those in the line.

use std::iter;
use std::mem;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::engine::prim::{Mutex, discard, wake};

/// A slab with room for more than so many places is let go when the last place is given back. Arbitrary;
/// its effect is that a burst of waiters leaves at most some kilobytes behind.
const KEEP_ROOM: usize = 64;

/// A place in the line, or one that was served and not yet given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(usize);

/// Those who wait, first come first served. `T` is a note about each, under the same lock.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    places: Slab<Place<T>>,
    ends: Option<Ends>,
}

/// The first and the last in the line.
#[derive(Debug, Clone, Copy)]
struct Ends {
    first: Key,
    last: Key,
}

#[derive(Debug)]
struct Place<T> {
    note: T,
    /// Some while the place is in the line, none once it was served.
    waker: Option<Waker>,
    /// Its neighbours, while it is in the line.
    before: Option<Key>,
    after: Option<Key>,
}

impl<T> Waiters<T> {
    pub(crate) const fn new() -> Self {
        Waiters { places: Slab::new(), ends: None }
    }

    /// A new place at the end of the line.
    pub(crate) fn push(&mut self, note: T, waker: Waker) -> Key {
        let before = self.ends.map(|ends| ends.last);
        let place = Place { note, waker: Some(waker), before, after: None };
        let key = Key(self.places.insert(place));
        if let Some(before) = before {
            self.place(before).after = Some(key);
        }
        self.ends = Some(Ends { first: self.ends.map_or(key, |ends| ends.first), last: key });
        key
    }

    /// The note of whoever is first in the line.
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        let first = self.ends?.first;
        Some(&mut self.place(first).note)
    }

    /// Takes the first out of the line. Its place stays, for its owner.
    pub(crate) fn serve(&mut self) -> Option<Waker> {
        let first = self.ends?.first;
        self.leave_line(first)
    }

    /// The note of whoever is last in the line.
    pub(crate) fn last(&mut self) -> Option<&mut T> {
        let last = self.ends?.last;
        Some(&mut self.place(last).note)
    }

    /// Takes the last out of the line, otherwise as [`serve`](Waiters::serve).
    pub(crate) fn serve_last(&mut self) -> Option<Waker> {
        let last = self.ends?.last;
        self.leave_line(last)
    }

    /// Takes everybody out of the line, from the first on.
    pub(crate) fn serve_all(&mut self, wakers: &mut Wakers) {
        wakers.extend(iter::from_fn(|| self.serve()));
    }

    /// The note at a place, in the line or served.
    pub(crate) fn note(&mut self, key: Key) -> &mut T {
        &mut self.place(key).note
    }

    /// The waker of a place that is in the line.
    pub(crate) fn waker(&mut self, key: Key) -> &mut Option<Waker> {
        &mut self.place(key).waker
    }

    /// Gives a place back, from wherever in the line. Drop the waker outside of the lock.
    #[must_use]
    pub(crate) fn remove(&mut self, key: Key) -> (T, Option<Waker>) {
        let waker = self.leave_line(key);
        let place = self.places.remove(key.0);
        if self.places.is_empty() && self.places.capacity() > KEEP_ROOM {
            self.places = Slab::new();
        }
        (place.note, waker)
    }

    /// Joins the neighbours of a place, if it is in the line.
    fn leave_line(&mut self, key: Key) -> Option<Waker> {
        let place = self.place(key);
        let waker = place.waker.take()?;
        let (before, after) = (place.before.take(), place.after.take());
        if let Some(before) = before {
            self.place(before).after = after;
        }
        if let Some(after) = after {
            self.place(after).before = before;
        }
        self.ends = self.ends.and_then(|ends| match (before, after) {
            (None, None) => None,
            (None, Some(first)) => Some(Ends { first, ..ends }),
            (Some(last), None) => Some(Ends { last, ..ends }),
            (Some(_), Some(_)) => Some(ends),
        });
        Some(waker)
    }

    fn place(&mut self, key: Key) -> &mut Place<T> {
        &mut self.places[key.0]
    }
}

/// Wakers that were taken under a lock and are called after it.
///
/// One is the usual number, and costs no allocation.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    pub(crate) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        wakers.into_iter().for_each(|waker| self.push(waker));
    }

    /// Wakes them all, in order, as [`wake`] does.
    #[inline]
    pub(crate) fn wake_all(self) {
        wake(self.first);
        wake(self.more);
    }
}

/// Looks as in [`poll_or_register`](crate::engine::prim::poll_or_register), and if there is nothing yet, stands in the line before letting go of the
/// lock: at its end, or where it stands already. `place` is the way back to it; whoever goes away while
/// there is one must [`remove`](Waiters::remove) it.
///
/// Who was served and finds that there is nothing (somebody else was quicker, or what was closed is open
/// again) goes to the end of the line.
pub(crate) fn look_or_line_up<S, T: Default, R>(
    shared: &Mutex<S>,
    cx: &mut Context<'_>,
    place: &mut Option<Key>,
    mut look: impl FnMut(&mut S) -> Poll<R>,
    line: impl Fn(&mut S) -> &mut Waiters<T>,
) -> Poll<R> {
    // Who has no place yet mostly gets one now: nothing has happened since it last looked. So its waker is
    // cloned in advance, which saves that case the second look.
    let mut ours = place.is_none().then(|| cx.waker().clone());
    let mut old = None;
    let found = loop {
        let mut state = shared.lock();
        let found = look(&mut state);
        let line = line(&mut state);
        if found.is_ready() {
            old = place.take().and_then(|key| line.remove(key).1);
            break found;
        }
        let stands = place.and_then(|key| line.waker(key).as_mut());
        if stands.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
            break Poll::Pending;
        }
        if let Some(waker) = ours.take() {
            old = match stands {
                Some(kept) => Some(mem::replace(kept, waker)),
                None => {
                    let served = place.take().and_then(|key| line.remove(key).1);
                    *place = Some(line.push(T::default(), waker));
                    served
                }
            };
            break Poll::Pending;
        }
        drop(state);
        ours = Some(cx.waker().clone());
    };
    discard(old);
    discard(ours);
    found
}

/// A future that waited goes away, and gives its place back, if it has one.
pub(crate) fn leave_line<S, T>(
    shared: &Mutex<S>,
    place: Option<Key>,
    line: impl FnOnce(&mut S) -> &mut Waiters<T>,
) {
    discard(place.and_then(|key| line(&mut shared.lock()).remove(key).1));
}
