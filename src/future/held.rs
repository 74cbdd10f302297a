//! A value that is pinned elsewhere, and dropped here.
//!
//! `join!` and `select!` are lists of futures that grow by one at a time. A list that holds its futures moves all
//! of them whenever it grows, and a large future then overflows the stack. So the macro pins each future in a
//! variable of the caller's function, and the list holds a reference. But the list must also say when a future
//! is dropped: as soon as it is ready, or with the list, in the order of the list.
//!
//! Next: `join.rs`.

use std::fmt;
use std::pin::Pin;

/// A value that a macro has pinned in a variable. It is dropped with this: when and in which order the list
/// says, and not in the order of the variables.
pub struct Held<'a, S: Default>(pub Pin<&'a mut S>);

impl<S: Default> Held<'_, S> {
    /// Drops the value. On its own, as a frame that assigns a large value holds copies of it.
    pub fn clear(&mut self) {
        self.0.set(S::default());
    }
}

impl<S: Default> Drop for Held<'_, S> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<S: Default + fmt::Debug> fmt::Debug for Held<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
