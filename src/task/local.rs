//! How does a value follow a task, wherever it runs, without being passed along?
//!
//! A request's number should be in every line that is logged on its behalf, however deep in the calls. A
//! thread-local value would do if a request had a thread; but tasks share threads and change them at each
//! `.await`. So the value travels with the future: it lies in the future while that waits, and is
//! **swapped** into a thread-local cell for as long as a poll lasts.
//!
//! ```text
//!              poll begins                       poll ends
//!   future: 7 ───── swap ────▶ cell: 7, `with` sees it ───── swap ────▶ future: 7
//!   cell: –                    future: –                                cell: –
//! ```
//!
//! Scopes nest, as each swap puts back what it found. A task that is spawned within a scope is another
//! future, and does not inherit the value.
//!
//! Next: `budget.rs`, the last of what belongs to a task.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

/// Declares values that belong to a task, each a `static` of type [`LocalKey`].
///
/// ```
/// openwork::task_local! {
///     /// Which request is this about?
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
    /// For the macro, which writes it in the user's crate.
    #[doc(hidden)]
    pub cell: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// Runs a future with this value. The value is also there while the future is dropped.
    ///
    /// Polling panics if the value is being [looked at](LocalKey::with) at that moment.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(future),
            pinned: PhantomPinned,
        }
    }

    /// Calls a closure with this value.
    ///
    /// # Panics
    ///
    /// If the value is being [looked at](LocalKey::with), and if the thread is ending and the cell gone.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, call: F) -> R
    where
        F: FnOnce() -> R,
    {
        match self.swap_in(&mut Some(value), call) {
            Ok(returned) => returned,
            Err(why) => why.panic(),
        }
    }

    /// Calls a closure with a reference to the value.
    ///
    /// # Panics
    ///
    /// Outside of any scope of this key.
    #[track_caller]
    pub fn with<F, R>(&'static self, look: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(look) {
            Ok(returned) => returned,
            Err(error) => panic!("`LocalKey::with` outside of `LocalKey::scope`: {error}"),
        }
    }

    /// Calls a closure with a reference to the value.
    ///
    /// # Errors
    ///
    /// Outside of any scope of this key.
    pub fn try_with<F, R>(&'static self, look: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let seen = self.cell.try_with(|cell| cell.borrow().as_ref().map(look));
        seen.ok().flatten().ok_or(AccessError(()))
    }

    /// Calls a closure while the value is in the cell. It is back in `value` afterwards, also by a panic.
    fn swap_in<R>(
        &'static self,
        value: &mut Option<T>,
        call: impl FnOnce() -> R,
    ) -> Result<R, Refused> {
        struct SwapBack<'a, T: 'static> {
            key: &'static LocalKey<T>,
            value: &'a mut Option<T>,
        }
        impl<T> Drop for SwapBack<'_, T> {
            fn drop(&mut self) {
                // What was borrowed since is borrowed no more: `with` lends for the time of a call only.
                self.key.cell.with(|cell| mem::swap(self.value, &mut *cell.borrow_mut()));
            }
        }
        let swapped = self.cell.try_with(|cell| match cell.try_borrow_mut() {
            Ok(mut inside) => {
                mem::swap(value, &mut *inside);
                Ok(())
            }
            Err(_) => Err(Refused::Borrowed),
        });
        swapped.unwrap_or(Err(Refused::ThreadEnds))?;
        let _swap_back = SwapBack { key: self, value };
        Ok(call())
    }
}

/// Why a value cannot be put into the cell.
enum Refused {
    Borrowed,
    ThreadEnds,
}

impl Refused {
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            Refused::Borrowed => {
                panic!("a scope of a task-local value was entered while the value was looked at")
            }
            Refused::ThreadEnds => {
                panic!("a scope of a task-local value was entered at the end of the thread")
            }
        }
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    ///
    /// Outside of any scope of this key.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value.
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
        // Tokio's is not `Unpin` either, whatever the future is.
        #[pin]
        pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // If the cell is refused, the future is dropped after this, without the value.
                let _ = this.key.swap_in(this.value, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, for instance when the future is ready. From then on the future has none.
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
            let future = this.future.as_mut().as_pin_mut()?;
            let poll = future.poll(cx);
            if poll.is_ready() {
                // It still has the value.
                this.future.set(None);
            }
            Some(poll)
        });
        match polled {
            Ok(Some(poll)) => poll,
            Ok(None) => panic!("a `TaskLocalFuture` was polled after it had been ready"),
            Err(why) => why.panic(),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskLocalFuture");
        match &self.value {
            Some(value) => debug.field("value", value),
            None => debug.field("value", &format_args!("<missing>")),
        };
        debug.finish()
    }
}

/// There is no value here. From [`LocalKey::try_with`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl Error for AccessError {}
