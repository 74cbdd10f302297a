//! A value with permits for as many as may look at it. Next: `guards.rs`.

use std::cell::UnsafeCell;

use crate::engine::trace::Waiting;
use crate::sync::lock::{Guarded, HasRaw, RawLock};
use crate::sync::permits::{Gate, Permits};

/// Tokio's limit.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A value that many may look at, or one may change. Who waits for it is served in the order of the first
/// poll, readers and writers alike: a writer who waits lets no more readers in.
pub struct RwLock<T: ?Sized> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: by rule 6 there are several guards only if none of them changes the value: it is shared, and it
// moves from thread to thread. (That the lock is `Send` if the value is, the compiler finds by itself.)
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> HasRaw for RwLock<T> {
    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T: ?Sized> Gate for RwLock<T> {
    fn permits(&self) -> &Permits {
        &self.raw.permits
    }

    fn waiting(&self) -> Waiting {
        self.raw.waiting("a read-write lock")
    }

    fn is_exclusive(&self, permits: usize) -> bool {
        self.raw.is_exclusive(permits)
    }
}

impl<T: ?Sized> Guarded for RwLock<T> {
    type Value = T;

    fn cell(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

impl<T> RwLock<T> {
    /// A lock with this value. Up to `u32::MAX >> 3` readers may look at it at once.
    pub fn new(value: T) -> Self {
        RwLock { raw: RawLock::new(MAX_READERS as usize), value: UnsafeCell::new(value) }
    }

    /// A lock with this value, which up to `max_reads` readers may look at at once.
    ///
    /// # Panics
    ///
    /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        assert_number_of_readers(max_reads);
        RwLock { raw: RawLock::new(max_reads as usize), value: UnsafeCell::new(value) }
    }

    /// As [`new`](RwLock::new), for a `static`.
    #[cfg(not(loom))]
    pub const fn const_new(value: T) -> Self {
        RwLock { raw: RawLock::new(MAX_READERS as usize), value: UnsafeCell::new(value) }
    }

    /// As [`with_max_readers`](RwLock::with_max_readers), for a `static`.
    ///
    /// # Panics
    ///
    /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
    #[cfg(not(loom))]
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self {
        assert_number_of_readers(max_reads);
        RwLock { raw: RawLock::new(max_reads as usize), value: UnsafeCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

#[track_caller]
const fn assert_number_of_readers(max_reads: u32) {
    assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
    // A constant text: this runs at compile time, too.
    assert!(
        max_reads <= MAX_READERS,
        "a RwLock may not be created with more than 536870911 readers (u32::MAX >> 3)"
    );
}

impl<T: ?Sized> RwLock<T> {
    /// The value, without locking: who borrows the lock mutably has it to himself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}
