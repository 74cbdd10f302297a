//! Which traits the types have. Point 41.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::rc::Rc;

use futures::stream::{self, Iter};
use openwork::io::{Lines, Split};
use openwork::stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, SignalStream, SplitStream,
    TcpListenerStream, UnboundedReceiverStream, UnixListenerStream, WatchStream,
};
use openwork::stream::{ChunksTimeout, Stream, StreamTimeExt, Throttle, Timeout};
use openwork::sync::mpsc;
use openwork::time::Duration;

/// Whether a type has a trait: an inherent constant shadows that of the trait `No`.
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

type NotSend = Rc<u8>;
type NotSync = Cell<u8>;
type Items<T> = Iter<std::vec::IntoIter<T>>;

#[test]
fn a_wrapper_has_the_auto_traits_of_what_it_holds() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<ReceiverStream<NotSync>>();
    check::<UnboundedReceiverStream<NotSync>>();
    check::<BroadcastStream<NotSync>>();
    check::<WatchStream<u8>>();
    check::<IntervalStream>();
    check::<LinesStream<&[u8]>>();
    check::<SplitStream<&[u8]>>();
    check::<TcpListenerStream>();
    check::<UnixListenerStream>();
    check::<SignalStream>();
    assert!(has!(ReceiverStream<PhantomPinned>: Unpin));
    assert!(!has!(ReceiverStream<NotSend>: Send));
    assert!(!has!(LinesStream<PhantomPinned>: Unpin));
}

#[test]
fn the_timed_streams_are_not_unpin() {
    type S = Pin<Box<dyn Stream<Item = u8>>>;
    assert!(!has!(Timeout<S>: Unpin));
    assert!(!has!(Throttle<S>: Unpin));
    assert!(!has!(ChunksTimeout<S>: Unpin));
    assert!(has!(Timeout<Items<NotSync>>: Send));
    assert!(has!(ChunksTimeout<Items<NotSync>>: Send));
    assert!(!has!(ChunksTimeout<Items<NotSend>>: Send));
}

#[test]
fn each_says_what_it_holds_when_it_is_printed() {
    let items = || stream::iter(vec![1, 2]);
    openwork::block_on(async {
        let texts = [
            format!("{:?}", items().throttle(Duration::ZERO)),
            format!("{:?}", items().timeout(Duration::ZERO)),
            format!("{:?}", items().chunks_timeout(1, Duration::ZERO)),
        ];
        assert!(
            texts.iter().all(|text| text.contains("Iter { iter: IntoIter([1, 2]) }")),
            "{texts:?}"
        );
    });
    let (_sender, receiver) = mpsc::channel::<u8>(1);
    assert!(format!("{:?}", ReceiverStream::new(receiver)).starts_with("ReceiverStream"));
}

#[test]
fn what_was_wrapped_can_be_borrowed() {
    fn borrows<T>(_: impl AsRef<T> + AsMut<T> + From<T>) {}
    borrows::<Lines<&[u8]>>(LinesStream::new(openwork::io::AsyncBufReadExt::lines(&b""[..])));
    borrows::<Split<&[u8]>>(SplitStream::new(openwork::io::AsyncBufReadExt::split(&b""[..], b'a')));
}
