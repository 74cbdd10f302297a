//! What can be said of the types. Point 41.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::Ready;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use openwork::stream::wrappers::{
    BroadcastStream, IntervalStream, ReceiverStream, UnboundedReceiverStream, WatchStream,
};
use openwork::stream::{self, *};

/// Whether a type has a trait, asked of the type itself: the method that is nearer wins.
macro_rules! has {
    ($of:ty: $bound:path) => {{
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        trait No {
            const HAS: bool = false;
        }
        impl<T: ?Sized> No for Asked<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $bound> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$of>>::HAS
    }};
}

type Stuck = Rc<u8>;
type Moves = Cell<u8>;

#[test]
fn a_stream_goes_where_its_parts_go() {
    fn check<T: Send + Sync + Unpin>() {}
    type Source = Iter<std::vec::IntoIter<u8>>;
    type F = fn(u8) -> u8;
    check::<Source>();
    check::<Map<Source, F>>();
    check::<Filter<Source, F>>();
    check::<FilterMap<Source, F>>();
    check::<Then<Source, Ready<u8>, F>>();
    check::<Enumerate<Source>>();
    check::<Take<Source>>();
    check::<TakeWhile<Source, F>>();
    check::<MapWhile<Source, F>>();
    check::<Skip<Source>>();
    check::<SkipWhile<Source, F>>();
    check::<Fuse<Source>>();
    check::<Chain<Source, Source>>();
    check::<Merge<Source, Source>>();
    check::<Zip<Source, Source>>();
    check::<Unfold<u8, F, Ready<u8>>>();
    check::<PollFn<F>>();
    check::<Buffered<Iter<std::vec::IntoIter<Ready<u8>>>>>();
    check::<BufferUnordered<Iter<std::vec::IntoIter<Ready<u8>>>>>();
    check::<ReceiverStream<Moves>>();
    check::<UnboundedReceiverStream<Moves>>();
    check::<BroadcastStream<Moves>>();
    check::<WatchStream<u8>>();
    check::<IntervalStream>();
    // There is no item in these.
    check::<Empty<Stuck>>();
    check::<stream::Pending<Stuck>>();
    // Never pinned, whatever is in them.
    check::<Once<u8>>();
    assert!(has!(Once<PhantomPinned>: Unpin));
    assert!(has!(ReceiverStream<PhantomPinned>: Unpin));
    assert!(has!(BufferUnordered<Empty<PhantomPinned>>: Unpin));
}

#[test]
fn a_stream_does_not_go_where_a_part_does_not() {
    assert!(!has!(Once<Stuck>: Send));
    assert!(!has!(Map<Once<Stuck>, fn()>: Send));
    assert!(!has!(Zip<Once<Stuck>, Once<u8>>: Send));
    assert!(!has!(Buffered<Once<std::future::Ready<Stuck>>>: Send));
    assert!(!has!(ReceiverStream<Stuck>: Send));
    assert!(!has!(Then<Once<u8>, PhantomPinned, fn()>: Unpin));
}

#[test]
fn the_futures_and_the_timed_are_not_unpin() {
    type S = Pin<Box<dyn Stream<Item = u8>>>;
    assert!(!has!(Next<'static, S>: Unpin));
    assert!(!has!(TryNext<'static, S>: Unpin));
    assert!(!has!(AllFuture<'static, S, fn()>: Unpin));
    assert!(!has!(AnyFuture<'static, S, fn()>: Unpin));
    assert!(!has!(FoldFuture<S, u8, fn()>: Unpin));
    assert!(!has!(Collect<S, Vec<u8>>: Unpin));
    assert!(!has!(Timeout<S>: Unpin));
    assert!(!has!(Throttle<S>: Unpin));
    assert!(has!(Next<'static, Empty<Stuck>>: Send));
    assert!(has!(Timeout<Once<Moves>>: Send));
}

#[test]
fn nothing_is_asked_of_closures_in_order_to_print() {
    fn text(value: impl Debug) -> String {
        format!("{value:?}")
    }
    let it = || stream::iter(0..2);
    assert_eq!(text(it().map(|n| n)), "Map { stream: Iter { iter: 0..2 }, .. }");
    assert_eq!(text(it().take(1)), "Take { stream: Iter { iter: 0..2 }, .. }");
    for text in [
        text(it().filter(|_| true)),
        text(it().filter_map(Some)),
        text(it().take_while(|_| true)),
        text(it().map_while(Some)),
        text(it().skip_while(|_| true)),
        text(it().then(async |n| n)),
        text(it().map(async |n| n).buffered(1)),
        text(it().map(async |n| n).buffer_unordered(1)),
        text(it().map(|n| n).zip(it())),
        text(it().map(|n| n).merge(it())),
        text(it().map(|n| n).collect::<Vec<_>>()),
        text(it().map(|n| n).next()),
        text(it().throttle(Duration::ZERO)),
    ] {
        assert!(text.contains("Iter { iter: 0..2 }"), "{text}");
    }
    assert_eq!(text(stream::unfold(1, async |n| Some((n, n)))), "Unfold { state: Some(1), .. }");
    assert_eq!(text(stream::poll_fn(|_| std::task::Poll::Ready(None::<u8>))), "PollFn { .. }");
    assert_eq!(text(stream::pending::<Stuck>()), "Pending");
}

#[test]
fn a_stream_behind_a_pointer_has_the_methods_too() {
    let mut numbers = stream::iter(0..5);
    let by_reference: &mut (dyn Stream<Item = i32> + Unpin) = &mut numbers;
    assert_eq!(futures::executor::block_on(by_reference.next()), Some(0));
    let mut boxed: Box<dyn Stream<Item = i32> + Unpin> = Box::new(numbers);
    assert_eq!(futures::executor::block_on(boxed.next()), Some(1));
    assert!(!futures::executor::block_on(boxed.all(|n| n < 4)));
}

#[test]
fn a_stream_that_will_never_say_anything_says_so() {
    use openwork::trace::{Event, Waiting};
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let mut builder = openwork::runtime::Builder::new_current_thread();
    builder.on_event(move |record| {
        if let Event::Waiting(Waiting::On { what }) = record.event {
            log.lock().unwrap().push(what);
        }
    });
    builder.build().unwrap().block_on(async {
        assert_eq!(futures::FutureExt::now_or_never(stream::pending::<u8>().next()), None);
    });
    assert_eq!(*seen.lock().unwrap(), ["nothing that will ever come"]);
}
