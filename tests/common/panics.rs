//! A catcher of panics, which also tells the place.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Once;

use super::flavours::on_every_flavour;

/// A panic that was expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked {
    pub message: String,
    pub file: String,
    pub line: u32,
}

thread_local! {
    /// Those of this thread, in order.
    static CAUGHT: RefCell<Vec<Panicked>> = const { RefCell::new(Vec::new()) };
    static CATCHING: RefCell<usize> = const { RefCell::new(0) };
}

/// What `body` panics with, and at which place, if it does so on this thread.
pub fn panic_of<T>(body: impl FnOnce() -> T) -> Option<Panicked> {
    let (result, mut caught) = catch(|| drop(body()));
    result.err().and(caught.pop())
}

/// What `body` returns, and the panics that reached the hook on this thread meanwhile. None of them may leave `body`.
#[track_caller]
pub fn reported<T>(body: impl FnOnce() -> T) -> (T, Vec<String>) {
    let (result, caught) = catch(body);
    let messages: Vec<_> = caught.into_iter().map(|panicked| panicked.message).collect();
    match result {
        Ok(returned) => (returned, messages),
        Err(_) => panic!("a panic went on to the caller; reported: {messages:?}"),
    }
}

/// Calls `body`, and keeps the hook from printing its panics.
fn catch<T>(body: impl FnOnce() -> T) -> (std::thread::Result<T>, Vec<Panicked>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|depth| *depth == 0) {
                return usual(info);
            }
            let place = info.location().expect("panics have a place");
            let message = message_of(info.payload());
            let file = place.file().to_owned();
            let panicked = Panicked { message, file, line: place.line() };
            CAUGHT.with_borrow_mut(|caught| caught.push(panicked));
        }));
    });
    CATCHING.with_borrow_mut(|depth| *depth += 1);
    let before = CAUGHT.with_borrow(Vec::len);
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    CATCHING.with_borrow_mut(|depth| *depth -= 1);
    (result, CAUGHT.with_borrow_mut(|caught| caught.split_off(before)))
}

/// Checks that `call`, which would block, panics with this text wherever tasks run: in `block_on`, and in a
/// task, on every flavour.
pub fn is_refused_among_tasks(text: &'static str, call: fn()) {
    on_every_flavour(move |flavour| {
        let runtime = flavour.build();
        let in_root = panic_of(|| runtime.block_on(async { call() }));
        let in_task = runtime.block_on(runtime.spawn(async move { panic_of(call) })).unwrap();
        for panicked in [in_root, in_task] {
            let message = panicked.expect("it is refused").message;
            assert!(message.contains(text), "{message}");
        }
    });
}

pub fn message_of(payload: &(dyn Any + Send)) -> String {
    match payload.downcast_ref::<&str>() {
        Some(message) => (*message).to_owned(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

/// Checks that `body` panics within the lines of this call, with a message that contains `part`.
#[track_caller]
pub fn assert_panics_here<T>(part: &str, body: impl FnOnce() -> T) {
    let here = Location::caller();
    let panicked = panic_of(body).expect("it did not panic");
    assert!(panicked.message.contains(part), "{panicked:?}");
    assert_eq!(panicked.file, here.file(), "{panicked:?}");
    assert!((here.line()..here.line() + 5).contains(&panicked.line), "{panicked:?}, {here}");
}
