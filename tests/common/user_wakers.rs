//! Wakers of user code: they call closures, panic, or own values.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::task::{RawWaker, RawWakerVTable, Waker};

use futures::task::{ArcWake, waker};

struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync + 'static> ArcWake for Calls<F> {
    fn wake_by_ref(calls: &Arc<Self>) {
        (calls.0)();
    }
}

/// Calls a closure when it is woken, and drops it with itself.
pub fn calls(call: impl Fn() + Send + Sync + 'static) -> Waker {
    waker(Arc::new(Calls(call)))
}

#[allow(dead_code, reason = "it is there to be dropped")]
struct Owns<T>(Mutex<T>);

impl<T: Send + 'static> ArcWake for Owns<T> {
    fn wake_by_ref(_: &Arc<Self>) {}
}

/// Owns a value, which is dropped with the waker.
pub fn owns<T: Send + 'static>(something: T) -> Waker {
    waker(Arc::new(Owns(Mutex::new(something))))
}

/// What is done to a waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Clone,
    /// By value or by reference.
    Wake,
    Drop,
}

/// What the waker below calls.
type Call = Box<dyn Fn(Act) + Send + Sync>;

/// A waker that is freed at its end without an [`Act::Drop`].
pub struct Uncalled(ManuallyDrop<Waker>);

impl Deref for Uncalled {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

impl Drop for Uncalled {
    fn drop(&mut self) {
        // SAFETY: it was made by `waker_of`, and is not used after this: its share is ours.
        drop(unsafe { Arc::from_raw(self.0.data().cast::<Call>()) });
    }
}

/// Calls a closure with everything that is done to it, except the drop of the waker that is returned.
pub fn at_each(call: impl Fn(Act) + Send + Sync + 'static) -> Uncalled {
    Uncalled(ManuallyDrop::new(waker_of(Box::new(call))))
}

fn waker_of(call: Call) -> Waker {
    // The data of each is a share of an `Arc<Call>`.
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: see above. The share stays with the waker that is cloned.
        let call = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Call>()) });
        call(Act::Clone);
        RawWaker::new(Arc::into_raw(Arc::clone(&call)).cast(), &TABLE)
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: see above. The waker goes, and its share with it.
        let call = unsafe { Arc::from_raw(data.cast::<Call>()) };
        call(Act::Wake);
    }
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: see above. The share stays with the waker.
        let call = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Call>()) });
        call(Act::Wake);
    }
    unsafe fn drop_waker(data: *const ()) {
        // SAFETY: see above. The waker goes, and its share with it.
        let call = unsafe { Arc::from_raw(data.cast::<Call>()) };
        call(Act::Drop);
    }
    let call: Arc<Call> = Arc::new(call);
    // SAFETY: see above.
    unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(call).cast(), &TABLE)) }
}

/// Calls a closure whenever it is cloned, and does nothing when it is woken.
pub fn at_clone(call: impl Fn() + Send + Sync + 'static) -> Waker {
    waker_of(Box::new(move |act| {
        if act == Act::Clone {
            call();
        }
    }))
}

/// Panics when this is done to it.
pub fn panics_at(panics: Act) -> Uncalled {
    at_each(move |act| assert!(act != panics, "a waker's panic"))
}
