//! Numbers, buffers of the `bytes` crate, and vectored writes.

use std::io::{ErrorKind, IoSlice};

use crate::common::{Random, ends};
use crate::script::Step::{Data, Fail, Pending, Take};
use crate::script::{greedy, in_pieces, pattern, reader, text, writer};
use bytes::{BufMut, BytesMut};
use futures::FutureExt;
use futures::executor::block_on;
use openwork::io::{AsyncReadExt, AsyncWriteExt};

/// Writes each number, compares its bytes with std's, and reads it again, cut in different ways.
macro_rules! there_and_back {
    ($($number:ident $write:ident $read:ident $bytes:ident: $($value:expr),*;)*) => {$($({
        let value: $number = $value;
        let expected = value.$bytes();
        let mut steps = Vec::new();
        for _ in 0..expected.len() {
            steps.extend([Pending, Take(1), Fail(ErrorKind::Interrupted)]);
        }
        let mut written = writer(steps);
        block_on(written.$write(value)).unwrap();
        assert_eq!(written.written, expected, stringify!($write));

        let mut steps = Vec::new();
        for byte in expected {
            steps.extend([Fail(ErrorKind::Interrupted), Data(vec![byte]), Pending]);
        }
        steps.push(text("and on"));
        let mut read = reader(steps);
        let back: $number = block_on(read.$read()).unwrap();
        assert_eq!(back.to_ne_bytes(), value.to_ne_bytes(), stringify!($read));
        // No further byte was read.
        assert_eq!(block_on(read.read_u8()).unwrap(), b'a');
        assert!(read.rooms.iter().all(|room| *room <= expected.len()));

        // One byte is missing.
        let short = &expected[1..];
        let error = block_on((&short[..]).$read()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, stringify!($read));
        let error = block_on(writer([Take(expected.len() - 1)]).$write(value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero, stringify!($write));
    })*)*};
}

#[test]
fn a_number_is_written_in_the_byte_order_of_the_methods_name_and_read_back() {
    ends(|| {
        there_and_back! {
            u8 write_u8 read_u8 to_be_bytes: 0, 1, 0xAB, u8::MAX;
            i8 write_i8 read_i8 to_be_bytes: 0, -1, i8::MIN, i8::MAX;
            u16 write_u16 read_u16 to_be_bytes: 0, 0x0102, u16::MAX;
            i16 write_i16 read_i16 to_be_bytes: -2, 0x0102, i16::MIN;
            u32 write_u32 read_u32 to_be_bytes: 0, 0x0102_0304, u32::MAX;
            i32 write_i32 read_i32 to_be_bytes: -2, 0x0102_0304, i32::MIN;
            u64 write_u64 read_u64 to_be_bytes: 0, 0x0102_0304_0506_0708, u64::MAX;
            i64 write_i64 read_i64 to_be_bytes: -2, 0x0102_0304_0506_0708, i64::MIN;
            u128 write_u128 read_u128 to_be_bytes: 0, 0x0102 << 64 | 3, u128::MAX;
            i128 write_i128 read_i128 to_be_bytes: -2, 0x0102 << 64 | 3, i128::MIN;
            f32 write_f32 read_f32 to_be_bytes: 0.0, -1.5, f32::NAN, f32::MIN_POSITIVE;
            f64 write_f64 read_f64 to_be_bytes: 0.0, -1.5, f64::INFINITY, f64::EPSILON;
            u16 write_u16_le read_u16_le to_le_bytes: 0, 0x0102, u16::MAX;
            i16 write_i16_le read_i16_le to_le_bytes: -2, 0x0102, i16::MIN;
            u32 write_u32_le read_u32_le to_le_bytes: 0, 0x0102_0304, u32::MAX;
            i32 write_i32_le read_i32_le to_le_bytes: -2, 0x0102_0304, i32::MIN;
            u64 write_u64_le read_u64_le to_le_bytes: 0, 0x0102_0304_0506_0708, u64::MAX;
            i64 write_i64_le read_i64_le to_le_bytes: -2, 0x0102_0304_0506_0708, i64::MIN;
            u128 write_u128_le read_u128_le to_le_bytes: 0, 0x0102 << 64 | 3, u128::MAX;
            i128 write_i128_le read_i128_le to_le_bytes: -2, 0x0102 << 64 | 3, i128::MIN;
            f32 write_f32_le read_f32_le to_le_bytes: 0.0, -1.5, f32::NAN, f32::MIN_POSITIVE;
            f64 write_f64_le read_f64_le to_le_bytes: 0.0, -1.5, f64::INFINITY, f64::EPSILON;
        }
    });
}

#[test]
fn an_error_inside_a_number_is_returned() {
    let mut broken = reader([Data(vec![1, 2]), Fail(ErrorKind::ConnectionReset)]);
    assert_eq!(block_on(broken.read_u32()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut broken = writer([Take(2), Fail(ErrorKind::BrokenPipe)]);
    assert_eq!(block_on(broken.write_u32(7)).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// As in std and Tokio: an interrupted operation has done nothing.
#[test]
fn interrupted_operations_are_repeated() {
    ends(|| {
        const INTERRUPTED: crate::script::Step = Fail(ErrorKind::Interrupted);
        let pieces =
            || [INTERRUPTED, text("ab"), INTERRUPTED, INTERRUPTED, text("cd"), INTERRUPTED];
        let mut buf = [0; 4];
        block_on(reader(pieces()).read_exact(&mut buf)).unwrap();
        assert_eq!(&buf, b"abcd");
        for capacity in [0, 4, 100] {
            let mut buf = Vec::with_capacity(capacity);
            assert_eq!(block_on(reader(pieces()).read_to_end(&mut buf)).unwrap(), 4);
            assert_eq!(buf, b"abcd");
        }
        let mut buf = String::new();
        block_on(reader(pieces()).read_to_string(&mut buf)).unwrap();
        assert_eq!(buf, "abcd");
        let steps = [INTERRUPTED, Take(1), INTERRUPTED, INTERRUPTED, Take(9)];
        let mut written = writer(steps);
        block_on(written.write_all(b"abcd")).unwrap();
        assert_eq!(written.written, b"abcd");
    });
}

// ---- buffers of the `bytes` crate ----

#[test]
fn read_buf_appends_the_bytes_that_are_there_and_fit() {
    block_on(async {
        let mut stream = reader([text("hello "), Pending, text("world")]);
        let mut buf = BytesMut::with_capacity(64);
        assert_eq!(stream.read_buf(&mut buf).await.unwrap(), 6);
        assert_eq!(stream.read_buf(&mut buf).await.unwrap(), 5);
        assert_eq!(stream.read_buf(&mut buf).await.unwrap(), 0);
        assert_eq!(&buf[..], b"hello world");

        // A buffer with a fixed length.
        let mut room = [0; 4];
        let mut stream = reader([text("abcdef")]);
        let mut slice = &mut room[..];
        assert_eq!(stream.read_buf(&mut slice).await.unwrap(), 4);
        assert_eq!(stream.read_buf(&mut slice).await.unwrap(), 0);
        assert_eq!(&room, b"abcd");
        // The reader was not polled when the buffer was full.
        assert_eq!(stream.rooms, [4]);

        let mut vec = Vec::with_capacity(3);
        assert_eq!((&b"abcdef"[..]).read_buf(&mut vec).await.unwrap(), 3);
        assert_eq!(vec, b"abc");
        let mut limited = Vec::new().limit(2);
        assert_eq!((&b"abcdef"[..]).read_buf(&mut limited).await.unwrap(), 2);
    });
}

#[test]
fn a_dropped_or_failed_read_buf_leaves_the_buffer_unchanged() {
    let mut stream = reader([Pending, text("all"), Fail(ErrorKind::TimedOut)]);
    let mut buf = BytesMut::from(&b"so: "[..]);
    assert!(stream.read_buf(&mut buf).now_or_never().is_none());
    assert_eq!(&buf[..], b"so: ");
    assert_eq!(block_on(stream.read_buf(&mut buf)).unwrap(), 3);
    let error = block_on(stream.read_buf(&mut buf)).unwrap_err();
    assert_eq!((error.kind(), &buf[..]), (ErrorKind::TimedOut, &b"so: all"[..]));
}

#[test]
fn read_buf_reads_a_large_stream() {
    let mut random = Random(7);
    let sent = pattern(300_000);
    let mut stream = reader(in_pieces(&sent, 20_000, |limit| random.below(limit)));
    let mut buf = BytesMut::new();
    block_on(async {
        loop {
            match stream.read_buf(&mut buf).await {
                Ok(0) => break,
                Ok(_) => {}
                // A single read returns it.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
            }
        }
    });
    assert!(buf == sent);
}

// ---- vectored writes ----

#[test]
fn write_vectored_is_one_write() {
    let bufs = [IoSlice::new(b""), IoSlice::new(b"abc"), IoSlice::new(b""), IoSlice::new(b"def")];
    let mut stream = greedy();
    stream.vectored = true;
    assert_eq!(block_on(stream.write_vectored(&bufs)).unwrap(), 6);
    assert_eq!(stream.calls, ["write 6"]);
    // Behaviour 38.
    let mut stream = greedy();
    assert_eq!(block_on(stream.write_vectored(&bufs)).unwrap(), 3);
    assert_eq!(stream.written, b"abc");
    assert_eq!(block_on(stream.write_vectored(&[])).unwrap(), 0);
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<F: Future + Send + Sync + Unpin>(_: F) {}
    goes(reader([]).read_u32());
    goes(reader([]).read_f64_le());
    goes(greedy().write_u32(1));
    goes(reader([]).read_buf(&mut BytesMut::new()));
    goes(greedy().write_vectored(&[]));

    // In a generic function too, which knows the bounds only.
    fn sends(stream: impl AsyncReadExt + AsyncWriteExt + Unpin + Send) -> impl Future + Send {
        let mut stream = stream;
        async move {
            let number = stream.read_u32().await?;
            stream.write_u32(number).await
        }
    }
    drop(sends(reader([])));
}
