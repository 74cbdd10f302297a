//! The types: their auto traits (point 41), their texts, and what they require of the message.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use openwork::sync::mpsc::error::*;
use openwork::sync::mpsc::*;

type Moves = Cell<u8>;

#[test]
fn the_ends_go_wherever_the_message_goes() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Sender<Moves>>();
    check::<WeakSender<Moves>>();
    check::<Receiver<Moves>>();
    check::<Permit<'static, Moves>>();
    check::<OwnedPermit<Moves>>();
    check::<UnboundedSender<Moves>>();
    check::<WeakUnboundedSender<Moves>>();
    check::<UnboundedReceiver<Moves>>();
    fn unpin<T: Unpin>() {}
    unpin::<Receiver<PhantomPinned>>();
    unpin::<UnboundedReceiver<PhantomPinned>>();
    unpin::<Sender<PhantomPinned>>();
    unpin::<OwnedPermit<PhantomPinned>>();
}

#[test]
fn a_panic_leaves_them_whole() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    fn for_any_message<T: 'static>() {
        check::<Sender<T>>();
        check::<WeakSender<T>>();
        check::<Receiver<T>>();
        check::<Permit<'static, T>>();
        check::<OwnedPermit<T>>();
        check::<UnboundedSender<T>>();
        check::<WeakUnboundedSender<T>>();
        check::<UnboundedReceiver<T>>();
    }
    for_any_message::<Moves>();
}

#[test]
fn the_futures_go_where_tokios_go() {
    fn send_and_sync<F: Send + Sync>(_: &F) {}
    fn send<F: Send>(_: &F) {}
    let second = Duration::from_secs(1);
    let (tx, mut rx) = channel::<Moves>(1);
    send(&tx.send(Moves::new(1)));
    send(&tx.send_timeout(Moves::new(1), second));
    send_and_sync(&tx.reserve());
    send_and_sync(&tx.clone().reserve_owned());
    send_and_sync(&tx.closed());
    send_and_sync(&rx.recv());
    fn unpin<F: Unpin>(_: &F) {}
    unpin(&tx.closed());
    unpin(&rx.recv());
    send(&rx.recv_many(&mut Vec::new(), 1));
    let (tx, mut rx) = channel::<u8>(1);
    send_and_sync(&tx.send(1));
    send_and_sync(&tx.send_timeout(1, second));
    send_and_sync(&rx.recv_many(&mut Vec::new(), 1));
}

// Point 21.
#[test]
fn nothing_is_asked_of_the_message() {
    struct Plain(#[expect(dead_code, reason = "it makes the type neither Send nor Sync")] Rc<()>);
    fn debug(_: &impl Debug) {}
    let (tx, mut rx) = channel::<Plain>(4);
    debug(&tx);
    debug(&rx);
    debug(&tx.downgrade());
    debug(&tx.try_reserve().unwrap());
    debug(&tx.clone().try_reserve_owned().unwrap());
    assert!(tx.clone().try_send(Plain(Rc::new(()))).is_ok());
    assert!(rx.try_recv().is_ok());
    let (tx, mut rx) = unbounded_channel::<Plain>();
    debug(&tx);
    debug(&rx);
    debug(&tx.downgrade());
    assert!(tx.clone().send(Plain(Rc::new(()))).is_ok());
    assert!(rx.try_recv().is_ok());
}

#[test]
fn the_errors_say_what_tokios_say() {
    fn texts(error: &dyn Error) -> String {
        format!("{error} / {error:?}")
    }
    assert_eq!(texts(&SendError(1)), "channel closed / SendError { .. }");
    assert_eq!(texts(&TrySendError::Full(1)), r#"no available capacity / "Full(..)""#);
    assert_eq!(texts(&TrySendError::Closed(1)), r#"channel closed / "Closed(..)""#);
    let timeout = SendTimeoutError::Timeout(1);
    assert_eq!(texts(&timeout), r#"timed out waiting on send operation / "Timeout(..)""#);
    assert_eq!(texts(&SendTimeoutError::Closed(1)), r#"channel closed / "Closed(..)""#);
    assert_eq!(texts(&TryRecvError::Empty), "receiving on an empty channel / Empty");
    assert_eq!(texts(&TryRecvError::Disconnected), "receiving on a closed channel / Disconnected");
}

// Point 40.
#[test]
fn a_panic_names_the_callers_line() {
    use std::sync::{Arc, Mutex};
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = lines.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().unwrap();
        if place.file().ends_with("types.rs") {
            heard.lock().unwrap().push(place.line());
        }
    }));
    let call = |wrong: fn()| {
        assert!(std::panic::catch_unwind(|| openwork::block_on(async { wrong() })).is_err());
    };
    let first = line!() + 1;
    call(|| _ = channel::<u8>(0));
    call(|| _ = channel::<u8>(1).1.blocking_recv());
    call(|| _ = channel::<u8>(1).1.blocking_recv_many(&mut Vec::new(), 1));
    call(|| _ = channel::<u8>(1).0.blocking_send(1));
    call(|| _ = unbounded_channel::<u8>().1.blocking_recv());
    call(|| _ = unbounded_channel::<u8>().1.blocking_recv_many(&mut Vec::new(), 1));
    call(|| _ = openwork::sync::oneshot::channel::<u8>().1.blocking_recv());
    std::panic::set_hook(before);
    let heard = lines.lock().unwrap().clone();
    assert_eq!(heard, (first..first + 7).collect::<Vec<_>>());
}
