//! Operations that are dropped at any point lose no byte, no frame and no room: see `common/dropped.rs`.

use std::cell::RefCell;
use std::rc::Rc;

use futures::FutureExt;
use openwork::io::framed::{Framed, FramedRead, LengthDelimitedCodec, LinesCodec};
use openwork::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, DuplexStream,
    duplex,
};

use crate::common::dropped::{Resource, nothing_is_lost, wait};

const SCRIPTS: u64 = 1000;
const ROOM: usize = 5;

/// The bytes 0, 1, 2 … go through a pipe one by one, and a wait takes `size` of them.
#[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
fn no_byte_is_lost<R: 'static>(
    size: usize,
    bytes: impl Fn(usize) -> u8,
    reader: impl Fn(DuplexStream) -> R,
    read: impl AsyncFn(&mut R) -> Vec<u8> + Copy + 'static,
) {
    nothing_is_lost(SCRIPTS, || {
        let (mut far, near) = duplex(ROOM);
        let reader = Rc::new(RefCell::new(reader(near)));
        let seen = Rc::new(RefCell::new(Vec::new()));
        let all = seen.clone();
        let start = move || {
            let (reader, seen) = (reader.clone(), all.clone());
            wait(async move {
                let found = read(&mut reader.borrow_mut()).await;
                assert_eq!(found.len(), size);
                seen.borrow_mut().extend(found);
            })
        };
        let mut written = Vec::new();
        let bytes = &bytes;
        let add = move || {
            assert!(written.starts_with(&seen.borrow()), "{:?} of {written:?}", seen.borrow());
            let byte = [bytes(written.len())];
            let is_written = far.write(&byte).now_or_never().is_some();
            written.extend(is_written.then_some(byte[0]));
            is_written
        };
        Resource { size, waits: 1, ..Resource::new(start, add) }
    });
}

#[test]
fn reads() {
    no_byte_is_lost(1, |n| n as u8, |pipe| pipe, async |reader| read_one(reader).await);
    let buffered = |pipe| BufReader::with_capacity(3, pipe);
    no_byte_is_lost(1, |n| n as u8, buffered, async |reader| read_one(reader).await);
}

async fn read_one(reader: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut buf = [0];
    assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
    buf.to_vec()
}

/// Every fourth byte ends a line.
fn of_a_line(number: usize) -> u8 {
    if number % 4 == 3 { b'\n' } else { b'a' + (number % 26) as u8 }
}

#[test]
fn lines_and_frames() {
    let buffered = |pipe| BufReader::with_capacity(3, pipe).lines();
    no_byte_is_lost(4, of_a_line, buffered, async |lines| {
        let line = lines.next_line().await.unwrap().unwrap();
        (line + "\n").into_bytes()
    });
    let framed = |pipe| FramedRead::with_capacity(pipe, LinesCodec::new(), 3);
    no_byte_is_lost(4, of_a_line, framed, async |frames| {
        let line = frames.next().await.unwrap().unwrap();
        (line + "\n").into_bytes()
    });
    // A head of one byte, the length 3, and three bytes.
    let bytes = |number| if number % 4 == 0 { 3 } else { number as u8 };
    let framed = |pipe| {
        let mut config = LengthDelimitedCodec::builder();
        Framed::new(
            pipe,
            config.length_field_length(1).num_skip(0).length_adjustment(1).new_codec(),
        )
    };
    no_byte_is_lost(4, bytes, framed, async |frames| {
        frames.next().await.unwrap().unwrap().to_vec()
    });
}

/// The room in a pipe, which a write takes and a read gives back.
#[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
fn no_room_is_lost<W: 'static>(
    writer: impl Fn(DuplexStream) -> W,
    write: impl AsyncFn(&mut W, u8) + Copy + 'static,
) {
    nothing_is_lost(SCRIPTS, || {
        let (near, mut far) = duplex(ROOM);
        let writer = Rc::new(RefCell::new(writer(near)));
        let written = Rc::new(RefCell::new(0..));
        let start = move || {
            let (writer, written) = (writer.clone(), written.clone());
            wait(async move {
                let next = written.borrow().start;
                write(&mut writer.borrow_mut(), next).await;
                written.borrow_mut().next();
            })
        };
        let mut expected = 0..;
        let add = move || {
            let mut byte = [0];
            let is_read = far.read(&mut byte).now_or_never().is_some();
            assert!(!is_read || Some(byte[0]) == expected.next());
            is_read
        };
        Resource { units: ROOM, waits: 1, ..Resource::new(start, add) }
    });
}

#[test]
fn writes() {
    no_room_is_lost(
        |pipe| pipe,
        async |writer, byte| assert_eq!(writer.write(&[byte]).await.unwrap(), 1),
    );
    // What is in the buffer when a flush is dropped is flushed by the next.
    no_room_is_lost(
        |pipe| BufWriter::with_capacity(1, pipe),
        async |writer, byte| {
            if writer.buffer().is_empty() {
                assert_eq!(writer.write(&[byte]).await.unwrap(), 1);
            }
            writer.flush().await.unwrap();
        },
    );
}
