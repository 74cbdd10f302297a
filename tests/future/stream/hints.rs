//! `size_hint`: neither more nor less than what can be known, at every length.

use futures::FutureExt;
use futures::executor::block_on;
use openwork::stream::{self, Stream, StreamExt};

use crate::common::ends;

type Hint = (usize, Option<usize>);

/// A stream that only claims a length.
struct Claims(Hint);

impl Stream for Claims {
    type Item = u8;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<u8>> {
        std::task::Poll::Ready(Some(0))
    }

    fn size_hint(&self) -> Hint {
        self.0
    }
}

const MAX: usize = usize::MAX;

/// Asks before each item whether the hint was true.
fn assert_true<S: Stream>(stream: S) {
    let mut stream = Box::pin(stream);
    let mut hints = vec![stream.size_hint()];
    while block_on(stream.next()).is_some() {
        hints.push(stream.size_hint());
    }
    let count = hints.len() - 1;
    for (taken, (least, most)) in hints.into_iter().enumerate() {
        let left = count - taken;
        assert!(least <= left, "{least} of {left} claimed");
        assert!(most.is_none_or(|most| left <= most), "{most:?} of {left} claimed");
    }
}

fn iter() -> impl Stream<Item = usize> + Unpin {
    stream::iter(0..10)
}

#[test]
fn a_hint_is_true_at_every_item() {
    ends(|| {
        assert_true(iter());
        assert_true(stream::once(1));
        assert_true(stream::empty::<u8>());
        assert_true(iter().map(|n| n));
        assert_true(iter().filter(|n| n % 3 == 0));
        assert_true(iter().filter_map(|n| (n % 3 == 0).then_some(n)));
        assert_true(iter().then(async |n| n));
        assert_true(iter().enumerate());
        for count in [0, 3, 10, 12] {
            assert_true(iter().take(count));
            assert_true(iter().skip(count));
            assert_true(iter().take_while(|n| *n != count));
            assert_true(iter().map_while(|n| (n != count).then_some(n)));
            assert_true(iter().skip_while(|n| *n != count));
            assert_true(iter().chain(stream::iter(0..count)));
            assert_true(iter().merge(stream::iter(0..count)));
            assert_true(iter().zip(stream::iter(0..count)));
        }
        for limit in 1..12 {
            assert_true(iter().map(async |n| n).buffered(limit));
            assert_true(iter().map(async |n| n).buffer_unordered(limit));
        }
        assert_true(iter().fuse());
    });
}

#[test]
fn a_hint_says_all_that_is_known() {
    ends(|| {
        let claims = |least, most| Claims((least, most));
        assert_eq!(claims(3, Some(5)).map(|n| n).size_hint(), (3, Some(5)));
        assert_eq!(claims(3, Some(5)).filter(|_| true).size_hint(), (0, Some(5)));
        assert_eq!(claims(3, Some(5)).filter_map(Some).size_hint(), (0, Some(5)));
        assert_eq!(claims(3, Some(5)).then(async |n| n).size_hint(), (3, Some(5)));
        assert_eq!(claims(3, Some(5)).enumerate().size_hint(), (3, Some(5)));
        assert_eq!(claims(3, Some(5)).take(4).size_hint(), (3, Some(4)));
        assert_eq!(claims(3, None).take(2).size_hint(), (2, Some(2)));
        assert_eq!(claims(3, None).take(0).size_hint(), (0, Some(0)));
        assert_eq!(claims(3, Some(5)).skip(4).size_hint(), (0, Some(1)));
        assert_eq!(claims(3, None).skip(1).size_hint(), (2, None));
        assert_eq!(claims(3, Some(5)).take_while(|_| true).size_hint(), (0, Some(5)));
        assert_eq!(claims(3, Some(5)).map_while(Some).size_hint(), (0, Some(5)));
        assert_eq!(claims(3, Some(5)).chain(claims(1, Some(2))).size_hint(), (4, Some(7)));
        assert_eq!(claims(3, Some(5)).chain(claims(1, None)).size_hint(), (4, None));
        assert_eq!(claims(3, Some(5)).merge(claims(1, Some(2))).size_hint(), (4, Some(7)));
        assert_eq!(claims(3, Some(5)).zip(claims(1, None)).size_hint(), (1, Some(5)));
        assert_eq!(claims(3, None).zip(claims(4, Some(9))).size_hint(), (3, Some(9)));
        assert_eq!(stream::pending::<u8>().size_hint(), (0, Some(0)));
        assert_eq!(claims(3, Some(5)).throttle(std::time::Duration::MAX).size_hint(), (3, Some(5)));
        let mut skipped = claims(3, Some(5)).skip_while(|_| false);
        assert_eq!(skipped.size_hint(), (0, Some(5)));
        block_on(skipped.next());
        assert_eq!(skipped.size_hint(), (3, Some(5)));
    });
}

#[test]
fn what_is_held_back_is_counted() {
    ends(|| {
        let mut then = Box::pin(stream::iter(0..3).then(|_| std::future::pending::<()>()));
        assert_eq!(then.next().now_or_never(), None);
        assert_eq!(then.size_hint(), (3, Some(3)));
        let mut zip = stream::iter(0..3).zip(stream::pending::<u8>().chain(Claims((2, None))));
        assert_eq!(zip.size_hint(), (2, Some(3)));
        assert_eq!(zip.next().now_or_never(), None);
        assert_eq!(zip.size_hint(), (2, Some(3)));
        let futures = || stream::iter((0..5).map(|_| std::future::pending::<()>()));
        let mut buffered = futures().buffered(2);
        assert_eq!(buffered.next().now_or_never(), None);
        assert_eq!(buffered.size_hint(), (5, Some(5)));
        let mut buffered = futures().buffer_unordered(2);
        assert_eq!(buffered.next().now_or_never(), None);
        assert_eq!(buffered.size_hint(), (5, Some(5)));
    });
}

#[test]
fn no_hint_overflows() {
    ends(|| {
        let endless = || Claims((MAX, Some(MAX)));
        assert_eq!(endless().chain(endless()).size_hint(), (MAX, None));
        assert_eq!(endless().merge(endless()).size_hint(), (MAX, None));
        assert_eq!(endless().zip(endless()).size_hint(), (MAX, Some(MAX)));
        assert_eq!(endless().take(MAX).size_hint(), (MAX, Some(MAX)));
        assert_eq!(endless().skip(MAX).size_hint(), (0, Some(0)));
        let mut zip = endless().zip(stream::pending::<u8>());
        assert_eq!(zip.next().now_or_never(), None);
        assert_eq!(zip.size_hint(), (0, Some(0)));
        let mut then = Box::pin(endless().then(|_| std::future::pending::<()>()));
        assert_eq!(then.next().now_or_never(), None);
        assert_eq!(then.size_hint(), (MAX, None));
        let mut buffered = endless().map(|_| std::future::pending::<()>()).buffered(1);
        assert_eq!(buffered.next().now_or_never(), None);
        assert_eq!(buffered.size_hint(), (MAX, None));
        openwork::block_on(async {
            let timeout = endless().timeout(std::time::Duration::MAX);
            assert_eq!(timeout.size_hint(), (MAX, None));
            let timeout = stream::iter([1, 2]).timeout(std::time::Duration::MAX);
            assert_eq!(timeout.size_hint(), (2, Some(5)));
        });
    });
}
