//! The methods of readers and writers, on readers and writers that follow a script.
//!
//! The methods must handle everything that the traits allow: one byte at a time, `Pending` at any point, an error after half
//! the work, an early end. Tests that wait run on every flavour of runtime; tests that never wait need one only.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::common::{Wakes, on_every_flavour};
use futures::FutureExt;
use futures::io::{AllowStdIo, Cursor};
use openwork::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

// ---- the scripts ----

/// What a reader or a writer does when it is polled.
#[derive(Debug, Clone)]
enum Step {
    /// Returns these bytes, as many at a time as the buffer holds.
    Data(Vec<u8>),
    /// Takes at most this number of bytes, in one call.
    Take(usize),
    /// Returns `Pending` once, and wakes at once.
    Pending,
    /// Returns `Pending` and never wakes.
    Stall,
    Fail(ErrorKind),
    Panic,
}
use Step::{Data, Fail, Pending, Stall, Take};

fn text(text: &str) -> Step {
    Data(text.as_bytes().to_vec())
}

/// Follows a script. After its last step, a reader has ended and a writer takes nothing.
#[derive(Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    /// The bytes that were written, and the other calls.
    written: Vec<u8>,
    calls: Vec<&'static str>,
    /// The length of the buffer of each read.
    rooms: Vec<usize>,
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { steps: steps.into_iter().collect(), ..Script::default() }
}

impl Script {
    /// Does a step that is the same for all calls: `Pending`, an error or a panic. `None` means another step.
    fn common_step(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Error>> {
        let poll = match self.steps.front()? {
            Stall => return Some(Poll::Pending),
            Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Fail(kind) => Poll::Ready((*kind).into()),
            Step::Panic => panic!("this panic belongs to the test"),
            Data(_) | Take(_) => return None,
        };
        self.steps.pop_front();
        Some(poll)
    }

    fn poll_call(&mut self, cx: &mut Context<'_>, call: &'static str) -> Poll<io::Result<()>> {
        self.calls.push(call);
        self.common_step(cx).map_or(Poll::Ready(Ok(())), |poll| poll.map(Err))
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.rooms.push(buf.len());
        // A reader may leave anything in the part of the buffer that it does not use.
        buf.fill(0xEE);
        if let Some(poll) = self.common_step(cx) {
            return poll.map(Err);
        }
        let Some(Data(bytes)) = self.steps.front_mut() else { return Poll::Ready(Ok(0)) };
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        bytes.drain(..count);
        if bytes.is_empty() {
            self.steps.pop_front();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(poll) = self.common_step(cx) {
            return poll.map(Err);
        }
        let Some(Take(most)) = self.steps.pop_front() else { return Poll::Ready(Ok(0)) };
        let count = most.min(buf.len());
        self.written.extend_from_slice(&buf[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_call(cx, "flush")
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_call(cx, "close")
    }
}

fn run<F: Future>(future: F) -> F::Output {
    openwork::block_on(future)
}

/// Bytes in which a missing, repeated or misplaced piece is found by a comparison.
fn pattern(len: usize) -> Vec<u8> {
    // Blocks of a length that no buffer has, each with its number.
    let mut block: Vec<u8> =
        (0..4099_u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
    let mut bytes = Vec::with_capacity(len + block.len());
    for number in 0_u64.. {
        if bytes.len() >= len {
            break;
        }
        block[..8].copy_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(len);
    bytes
}

// ---- read ----

#[test]
fn read_returns_the_bytes_that_are_there_and_waits_only_if_there_are_none() {
    on_every_flavour(|flavour| {
        let mut reader = script([Pending, text("ab"), Pending, text("cdefg")]);
        let mut buf = [0; 4];
        assert_eq!(flavour.block_on(reader.read(&mut buf)).unwrap(), 2);
        assert_eq!(&buf[..2], b"ab");
        assert_eq!(flavour.block_on(reader.read(&mut buf)).unwrap(), 4);
        assert_eq!(&buf, b"cdef");
        assert_eq!(flavour.block_on(reader.read(&mut buf)).unwrap(), 1);
        assert_eq!(flavour.block_on(reader.read(&mut buf)).unwrap(), 0);
    });
}

#[test]
fn a_dropped_read_has_read_nothing() {
    let mut reader = script([Pending, text("all of it")]);
    assert!(reader.read(&mut [0; 4]).now_or_never().is_none());
    let mut buf = [0; 16];
    assert_eq!(run(reader.read(&mut buf)).unwrap(), 9);
}

#[test]
fn read_returns_an_error_of_the_reader_unchanged() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::Interrupted, ErrorKind::WouldBlock] {
        let mut reader = script([Fail(kind), text("and on")]);
        assert_eq!(run(reader.read(&mut [0; 4])).unwrap_err().kind(), kind);
        // The caller may try again; nothing is lost.
        assert_eq!(run(reader.read(&mut [0; 8])).unwrap(), 6);
    }
}

// ---- read_exact ----

#[test]
fn read_exact_fills_its_buffer_from_any_number_of_pieces_and_takes_no_more() {
    on_every_flavour(|flavour| {
        let mut reader = script([text("a"), Pending, text("bc"), Pending, Pending, text("defgh")]);
        let mut buf = [0; 6];
        assert_eq!(flavour.block_on(reader.read_exact(&mut buf)).unwrap(), 6);
        assert_eq!(&buf, b"abcdef");
        assert_eq!(flavour.block_on(reader.read_exact(&mut buf[..2])).unwrap(), 2);
        assert_eq!(&buf[..2], b"gh");
    });
}

#[test]
fn read_exact_of_a_stream_that_is_too_short_is_an_unexpected_end() {
    for steps in [vec![], vec![text("abc")], vec![text("ab"), Pending, text("c")]] {
        let error = run(script(steps).read_exact(&mut [0; 4])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn read_exact_into_an_empty_slice_does_not_poll_the_reader() {
    let mut reader = script([Fail(ErrorKind::Other)]);
    assert_eq!(run(reader.read_exact(&mut [])).unwrap(), 0);
    assert!(reader.rooms.is_empty());
}

#[test]
fn read_exact_returns_an_error_of_the_reader() {
    let mut reader = script([text("ab"), Fail(ErrorKind::TimedOut), text("cd")]);
    let error = run(reader.read_exact(&mut [0; 4])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

// ---- read_to_end ----

#[test]
fn read_to_end_appends_and_returns_what_it_has_read() {
    on_every_flavour(|flavour| {
        let mut reader = script([text("one "), Pending, text("two")]);
        let mut buf = b"zero ".to_vec();
        assert_eq!(flavour.block_on(reader.read_to_end(&mut buf)).unwrap(), 7);
        assert_eq!(buf, b"zero one two");
        assert_eq!(flavour.block_on(reader.read_to_end(&mut buf)).unwrap(), 0);
        assert_eq!(buf, b"zero one two");
    });
}

/// Behaviour 37.
#[test]
fn a_buffer_of_the_exact_size_does_not_grow() {
    for len in [0, 1, 31, 32, 33, 8 * 1024, 8 * 1024 + 1, 20_000, 700_000] {
        let sent = pattern(len);
        let mut buf = Vec::with_capacity(len);
        let (start, capacity) = (buf.as_ptr(), buf.capacity());
        let mut reader = script([Data(sent.clone()), Pending]);
        assert_eq!(run(reader.read_to_end(&mut buf)).unwrap(), len);
        assert!(buf == sent, "{len}");
        assert_eq!((buf.as_ptr(), buf.capacity()), (start, capacity), "{len}");
    }
}

/// Behaviour 37, even if the reader waits before its end, and fills the buffer in small pieces.
#[test]
fn a_buffer_of_the_exact_size_does_not_grow_while_waiting_for_the_end() {
    on_every_flavour(|flavour| {
        let mut steps = Vec::new();
        for byte in pattern(100) {
            steps.extend([Pending, Data(vec![byte])]);
        }
        steps.extend([Pending, Pending]);
        let mut buf = Vec::with_capacity(100);
        assert_eq!(flavour.block_on(script(steps).read_to_end(&mut buf)).unwrap(), 100);
        assert_eq!(buf, pattern(100));
        assert_eq!(buf.capacity(), 100);
    });
}

#[test]
fn one_byte_beyond_the_capacity_is_not_lost() {
    for len in [1, 33, 64, 8 * 1024 + 1] {
        let sent = pattern(len);
        let mut buf = Vec::with_capacity(len - 1);
        assert_eq!(run(script([Data(sent.clone())]).read_to_end(&mut buf)).unwrap(), len);
        assert!(buf == sent, "{len}");
    }
}

#[test]
fn read_to_end_returns_pieces_of_every_size() {
    on_every_flavour(|flavour| {
        // Sizes around the powers of two, where windows and capacities end, with a pause now and then.
        let sent = pattern(3 << 20);
        let mut sizes = (0..).flat_map(|power| {
            let size = 1_usize << (power % 19);
            [size, size + 1, size.saturating_sub(1).max(1)]
        });
        let (mut steps, mut rest) = (Vec::new(), &sent[..]);
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            rest = tail;
            steps.push(Data(piece.to_vec()));
            if piece.len() % 3 == 0 {
                steps.push(Pending);
            }
        }
        let mut buf = b"before".to_vec();
        assert_eq!(flavour.block_on(script(steps).read_to_end(&mut buf)).unwrap(), sent.len());
        assert!(buf[..6] == *b"before" && buf[6..] == sent);
    });
}

#[test]
fn the_window_grows_with_the_bytes_that_the_reader_returns() {
    let mut reader = script([Data(pattern(4 << 20))]);
    let mut buf = Vec::with_capacity(4 << 20);
    run(reader.read_to_end(&mut buf)).unwrap();
    assert!(reader.rooms.iter().all(|room| *room > 0));
    // 4 MiB in reads of the first window would be 512 reads.
    assert!(reader.rooms.len() < 40, "{:?}", reader.rooms);
    // A reader that returns little does not get a window of a megabyte that is zeroed for each byte.
    let mut trickle = script((0..100).map(|_| Data(vec![7])));
    run(trickle.read_to_end(&mut Vec::with_capacity(4 << 20))).unwrap();
    assert!(trickle.rooms.iter().all(|room| *room <= 8 << 10), "{:?}", trickle.rooms);
}

#[test]
fn the_bytes_read_before_an_error_stay() {
    for capacity in [0, 5, 64] {
        let mut reader = script([text("kept"), Fail(ErrorKind::TimedOut), text(" and on")]);
        let mut buf = Vec::with_capacity(capacity);
        let error = run(reader.read_to_end(&mut buf)).unwrap_err();
        assert_eq!((error.kind(), &buf[..]), (ErrorKind::TimedOut, &b"kept"[..]));
        run(reader.read_to_end(&mut buf)).unwrap();
        assert_eq!(buf, b"kept and on");
    }
}

#[test]
fn the_bytes_read_before_a_drop_stay() {
    for capacity in [0, 4, 64, 100_000] {
        let mut reader = script([text("kept"), Stall]);
        let mut buf = Vec::with_capacity(capacity);
        assert!(reader.read_to_end(&mut buf).now_or_never().is_none());
        assert_eq!(buf, b"kept", "{capacity}");
    }
}

#[test]
fn the_bytes_read_before_a_panic_stay() {
    for capacity in [0, 4, 64] {
        let mut reader = script([text("kept"), Step::Panic]);
        let mut buf = Vec::with_capacity(capacity);
        let read = AssertUnwindSafe(|| run(reader.read_to_end(&mut buf)));
        assert!(catch_unwind(read).is_err());
        assert_eq!(buf, b"kept", "{capacity}");
    }
}

// ---- read_to_string ----

#[test]
fn read_to_string_joins_a_character_that_came_in_pieces() {
    on_every_flavour(|flavour| {
        let word = "Übergröße €𝄞";
        let bytes = word.bytes().flat_map(|byte| [Data(vec![byte]), Pending]);
        let mut buf = "so: ".to_owned();
        assert_eq!(flavour.block_on(script(bytes).read_to_string(&mut buf)).unwrap(), word.len());
        assert_eq!(buf, format!("so: {word}"));
    });
}

/// Behaviour 37.
#[test]
fn bytes_that_are_not_utf8_are_invalid_data_and_leave_the_string_unchanged() {
    for bad in [&b"text \xFF text"[..], b"cut short \xE2\x82"] {
        let mut buf = "before".to_owned();
        let error = run(script([Data(bad.to_vec())]).read_to_string(&mut buf)).unwrap_err();
        assert_eq!((error.kind(), buf.as_str()), (ErrorKind::InvalidData, "before"));
    }
}

/// Behaviour 37.
#[test]
fn after_an_error_the_string_has_the_text_that_came_before() {
    let mut reader = script([text("some text"), Fail(ErrorKind::ConnectionReset), text("more")]);
    let mut buf = "before ".to_owned();
    let error = run(reader.read_to_string(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(buf, "before some text");
}

#[test]
fn after_an_error_inside_a_character_the_string_has_the_text_before_it() {
    let mut reader = script([Data(b"10 \xE2\x82".to_vec()), Fail(ErrorKind::ConnectionReset)]);
    let mut buf = "before ".to_owned();
    let error = run(reader.read_to_string(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(buf, "before 10 ");
}

#[test]
fn a_dropped_read_to_string_leaves_the_string_unchanged() {
    let mut reader = script([text("text"), Stall]);
    let mut buf = "before".to_owned();
    assert!(reader.read_to_string(&mut buf).now_or_never().is_none());
    assert_eq!(buf, "before");
}

// ---- write ----

#[test]
fn write_writes_what_there_is_room_for() {
    on_every_flavour(|flavour| {
        let mut writer = script([Pending, Take(2), Take(100)]);
        assert_eq!(flavour.block_on(writer.write(b"abcdef")).unwrap(), 2);
        assert_eq!(flavour.block_on(writer.write(b"cdef")).unwrap(), 4);
        assert_eq!(flavour.block_on(writer.write(b"none")).unwrap(), 0);
        assert_eq!(writer.written, b"abcdef");
    });
}

#[test]
fn write_all_writes_everything_once() {
    on_every_flavour(|flavour| {
        let sent = pattern(1000);
        let steps = (1..60).flat_map(|most| [Take(most), Pending, Pending]);
        let mut writer = script(steps);
        flavour.block_on(writer.write_all(&sent)).unwrap();
        assert!(writer.written == sent);
        assert!(writer.calls.is_empty(), "to flush is for the caller to ask");
    });
}

#[test]
fn write_all_to_a_full_writer_fails() {
    let mut writer = script([Take(3), Pending, Take(0), Take(100)]);
    let error = run(writer.write_all(b"abcdef")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(writer.written, b"abc");
}

#[test]
fn write_all_of_an_empty_slice_does_not_poll_the_writer() {
    run(script([Fail(ErrorKind::Other)]).write_all(b"")).unwrap();
}

#[test]
fn write_all_returns_an_error_of_the_writer() {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::TimedOut] {
        let mut writer = script([Take(3), Fail(kind), Take(100)]);
        assert_eq!(run(writer.write_all(b"abcdef")).unwrap_err().kind(), kind);
        assert_eq!(writer.written, b"abc");
    }
}

#[test]
fn flush_and_shutdown_wait_for_the_writer_and_call_nothing_else() {
    on_every_flavour(|flavour| {
        let mut writer = script([Pending, Pending]);
        flavour.block_on(writer.flush()).unwrap();
        assert_eq!(writer.calls, ["flush"; 3]);
        let mut writer = script([Pending]);
        flavour.block_on(writer.shutdown()).unwrap();
        assert_eq!(writer.calls, ["close"; 2]);
    });
    for kind in [ErrorKind::BrokenPipe, ErrorKind::Interrupted] {
        assert_eq!(run(script([Fail(kind)]).flush()).unwrap_err().kind(), kind);
        assert_eq!(run(script([Fail(kind)]).shutdown()).unwrap_err().kind(), kind);
    }
}

// ---- all of them ----

#[test]
fn the_waker_of_the_poll_reaches_the_reader_and_the_writer() {
    let mut stalled = script([Stall]);
    // The script wakes at once, and so with the waker of this poll.
    for step in 0..6 {
        let wakes = Wakes::new();
        let mut pending = script([Pending, Take(9)]);
        let is_pending = match step {
            0 => wakes.poll(pin!(pending.read(&mut [0; 1]))).is_pending(),
            1 => wakes.poll(pin!(pending.read_exact(&mut [0; 1]))).is_pending(),
            2 => wakes.poll(pin!(pending.read_to_end(&mut Vec::new()))).is_pending(),
            3 => wakes.poll(pin!(pending.write(b"!"))).is_pending(),
            4 => wakes.poll(pin!(pending.write_all(b"!"))).is_pending(),
            _ => wakes.poll(pin!(pending.shutdown())).is_pending(),
        };
        assert!(is_pending, "{step}");
        assert_eq!(wakes.count(), 1, "{step}");
    }
    // And the methods themselves call no waker.
    let wakes = Wakes::new();
    assert!(wakes.poll(pin!(stalled.read_to_end(&mut Vec::new()))).is_pending());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn the_methods_work_on_readers_and_writers_of_the_futures_crate() {
    run(async {
        let mut text = String::new();
        let mut cursor = Cursor::new("from a cursor".as_bytes());
        cursor.read_exact(&mut [0; 5]).await.unwrap();
        cursor.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "a cursor");

        let mut bytes = Vec::new();
        (&b"from a slice"[..]).read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"from a slice");

        let mut cursor = Cursor::new(Vec::new());
        cursor.write_all(b"into a cursor").await.unwrap();
        cursor.flush().await.unwrap();
        cursor.shutdown().await.unwrap();
        assert_eq!(cursor.get_ref(), b"into a cursor");

        // A full slice takes nothing more.
        let mut room = [0; 4];
        let error = Cursor::new(&mut room[..]).write_all(b"five!").await.unwrap_err();
        assert_eq!((error.kind(), &room), (ErrorKind::WriteZero, b"five"));

        let mut std = AllowStdIo::new(std::io::Cursor::new(b"std's".to_vec()));
        let mut buf = [0; 5];
        std.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"std's");
    });
}

#[test]
fn the_methods_work_through_boxes_references_and_trait_objects() {
    run(async {
        let mut boxed: Box<dyn AsyncRead + Unpin + Send> = Box::new(script([text("boxed")]));
        assert_eq!(boxed.read(&mut [0; 2]).await.unwrap(), 2);
        let by_reference = &mut boxed;
        let mut rest = String::new();
        by_reference.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "xed");
        let mut writer = script([Take(3), Take(3)]);
        let object: &mut (dyn AsyncWrite + Unpin) = &mut writer;
        object.write_all(b"object").await.unwrap();
        object.shutdown().await.unwrap();
        assert_eq!(writer.written, b"object");
    });
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_reader_is() {
    fn goes<F: Future + Send + Sync>(_: F) {}
    goes(script([]).read(&mut [0; 1]));
    goes(script([]).read_exact(&mut [0; 1]));
    goes(script([]).read_to_end(&mut Vec::new()));
    goes(script([]).read_to_string(&mut String::new()));
    goes(script([]).write(&[0; 1]));
    goes(script([]).write_all(&[0; 1]));
    goes(script([]).flush());
    goes(script([]).shutdown());
}
