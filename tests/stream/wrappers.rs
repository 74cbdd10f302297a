//! Channels as streams.

use futures::FutureExt;
use futures::executor::block_on;
use openwork::stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use openwork::stream::{Stream, StreamExt};
use openwork::sync::mpsc;

use crate::common::{Probe, ends};

#[test]
fn messages_are_items_and_the_end_of_the_channel_is_theirs() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(2);
        let mut stream = ReceiverStream::new(receiver);
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        sender.try_send(1).unwrap();
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), Some(1));
        drop(next);
        sender.try_send(2).unwrap();
        drop(sender);
        assert_eq!(block_on(stream.next()), Some(2));
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(block_on(stream.next()), None);

        let (sender, receiver) = mpsc::unbounded_channel();
        let stream = UnboundedReceiverStream::from(receiver);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        drop(sender);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [1, 2]);
    });
}

// Point 20.
#[test]
fn a_closed_stream_still_gives_what_was_sent_or_reserved() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(4);
        sender.try_send(1).unwrap();
        let permit = sender.try_reserve().unwrap();
        let unused = sender.try_reserve().unwrap();
        let mut stream = ReceiverStream::new(receiver);
        assert_eq!(stream.size_hint(), (1, None));
        stream.close();
        assert!(sender.try_send(2).is_err());
        assert_eq!(stream.size_hint(), (1, Some(3)));
        assert_eq!(block_on(stream.next()), Some(1));
        assert_eq!(stream.size_hint(), (0, Some(2)));
        assert_eq!(stream.next().now_or_never(), None);
        permit.send(3);
        assert_eq!(stream.size_hint(), (1, Some(2)));
        assert_eq!(block_on(stream.next()), Some(3));
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        drop(unused);
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), None);
        drop(next);
        assert_eq!(stream.size_hint(), (0, Some(0)));
    });
}

#[test]
fn a_closed_stream_knows_its_length() {
    ends(|| {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let mut stream = UnboundedReceiverStream::new(receiver);
        assert_eq!(stream.size_hint(), (2, None));
        stream.close();
        assert!(sender.send(3).is_err());
        assert_eq!(stream.size_hint(), (2, Some(2)));
        block_on(stream.next());
        assert_eq!(stream.size_hint(), (1, Some(1)));
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        drop(sender);
        assert_eq!(ReceiverStream::new(receiver).size_hint(), (1, Some(1)));
    });
}

#[test]
fn the_receiver_can_be_had_back_with_what_is_in_it() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        let mut stream = ReceiverStream::from(receiver);
        assert_eq!(block_on(stream.next()), Some(1));
        assert_eq!(stream.as_ref().len(), 1);
        assert_eq!(stream.as_mut().try_recv(), Ok(2));
        sender.try_send(3).unwrap();
        assert_eq!(stream.into_inner().try_recv(), Ok(3));
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut stream = UnboundedReceiverStream::new(receiver);
        sender.send(1).unwrap();
        assert_eq!((stream.as_ref().len(), stream.as_mut().try_recv()), (1, Ok(1)));
        sender.send(2).unwrap();
        assert_eq!(stream.into_inner().try_recv(), Ok(2));
    });
}
