//! How does a value follow a task from thread to thread, without being passed as an argument?
//!
//! Each line that is logged for a request should show the request's number, however deep the call. A
//! thread-local value does not do: tasks share threads, and change them at an `.await`. So the value is stored
//! in the future while that waits, and **swapped** into a thread-local cell for the time of each poll.
//!
//! ```text
//!              poll begins                       poll ends
//!   future: 7 ───── swap ────▶ cell: 7, `with` reads it ───── swap ────▶ future: 7
//!   cell: –                    future: –                                 cell: –
//! ```
//!
//! Scopes nest, as each swap puts back what it found. A task that is spawned within a scope is another future,
//! and does not inherit the value.
//!
//! Next: `budget.rs`.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

/// Declares values that belong to a task, each a `static` of type [`LocalKey`].
///
/// ```
/// openwork::task_local! {
///     /// The number of the request that the task serves.
///     static REQUEST: u32;
/// }
///
/// # openwork::block_on(async {
/// async fn log(line: &str) -> String {
///     format!("[{}] {line}", REQUEST.get())
/// }
/// assert_eq!(REQUEST.scope(7, log("accepted")).await, "[7] accepted");
/// # });
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty);* $(;)?) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::task::LocalKey<$type> = {
                ::std::thread_local! {
                    static __OPENWORK_CELL: ::std::cell::RefCell<::std::option::Option<$type>> =
                        const { ::std::cell::RefCell::new(::std::option::Option::None) };
                }
                $crate::task::LocalKey { cell: __OPENWORK_CELL }
            };
        )*
    };
}

/// A value that belongs to a task. From [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    /// Public for the macro, which expands in the user's crate.
    #[doc(hidden)]
    pub cell: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// Returns a future that runs `future` with this value. The value is set while `future` is dropped, too.
    ///
    /// Cancel safe if `future` is. Polling it panics while [`with`](LocalKey::with) of this key is on the stack.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        let (value, future) = (Some(value), Some(future));
        TaskLocalFuture { key: self, value, future, not_unpin: PhantomPinned }
    }

    /// Calls a closure with this value set.
    ///
    /// # Panics
    ///
    /// While [`with`](LocalKey::with) of this key is on the stack, and if the thread is ending and the cell is gone.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, call: F) -> R
    where
        F: FnOnce() -> R,
    {
        match self.swap_in(&mut Some(value), call) {
            Ok(returned) => returned,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// Calls a closure with a reference to the value.
    ///
    /// # Panics
    ///
    /// Outside of any scope of this key.
    #[track_caller]
    pub fn with<F, R>(&'static self, read: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(read) {
            Ok(returned) => returned,
            Err(error) => panic!("`LocalKey::with` outside of `LocalKey::scope`: {error}"),
        }
    }

    /// Calls a closure with a reference to the value.
    ///
    /// # Errors
    ///
    /// Outside of any scope of this key.
    pub fn try_with<F, R>(&'static self, read: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let read = self.cell.try_with(|cell| cell.borrow().as_ref().map(read));
        read.ok().flatten().ok_or(AccessError)
    }

    /// Calls a closure while the value is in the cell, and then puts it back into `value`, even after a panic. The
    /// error says why the value cannot be put into the cell.
    fn swap_in<R>(
        &'static self,
        value: &mut Option<T>,
        call: impl FnOnce() -> R,
    ) -> Result<R, &'static str> {
        let swapped = self.cell.try_with(|cell| {
            cell.try_borrow_mut().map(|mut inside| mem::swap(value, &mut *inside))
        });
        match swapped {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("a scope of a task-local value was entered within `with`"),
            Err(_) => return Err("a scope of a task-local value was entered at a thread's end"),
        }
        let returned = catch_unwind(AssertUnwindSafe(call));
        // The borrows of `call` have ended: `with` lends the value only for the time of a call.
        self.cell.with(|cell| mem::swap(value, &mut *cell.borrow_mut()));
        returned.map_or_else(|payload| resume_unwind(payload), Ok)
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// Returns a clone of the value.
    ///
    /// # Panics
    ///
    /// Outside of any scope of this key.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// Returns a clone of the value.
    ///
    /// # Errors
    ///
    /// Outside of any scope of this key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

pin_project! {
    /// Runs a future with a value of its own. From [`LocalKey::scope`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
        // Like Tokio's, which is never `Unpin`.
        #[pin]
        not_unpin: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // After an error, the future is dropped with the other fields, without the value.
                let _ = this.key.swap_in(this.value, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, for instance when the future has completed. From then on the future runs without it.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let polled = this.key.swap_in(this.value, || {
            let poll = this.future.as_mut().as_pin_mut()?.poll(cx);
            if poll.is_ready() {
                // Dropped here, where the value is set.
                this.future.set(None);
            }
            Some(poll)
        });
        match polled {
            Ok(Some(poll)) => poll,
            Ok(None) => panic!("a `TaskLocalFuture` was polled after it had completed"),
            Err(refused) => panic!("{refused}"),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: &dyn fmt::Debug = &format_args!("<missing>");
        let value = self.value.as_ref().map_or(missing, |value| value);
        f.debug_struct("TaskLocalFuture").field("value", value).finish()
    }
}

/// The task has no value of this key. From [`LocalKey::try_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl Error for AccessError {}
