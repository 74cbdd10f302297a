//! The methods of readers and writers, on readers and writers that follow a script.
//!
//! The methods must handle everything that the traits allow: one byte at a time, `Pending` at any point, an error after half
//! the work, an early end. Tests that wait run on every flavour of runtime; tests that never wait need one only.

use std::future::Future;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use crate::common::{Wakes, on_every_flavour};
use crate::script::Step::{Data, Fail, Panic, Pending, Stall, Take};
use crate::script::{pattern, reader, text, writer};
use futures::FutureExt;
use futures::io::{AllowStdIo, Cursor};
use openwork::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

fn run<F: Future>(future: F) -> F::Output {
    openwork::block_on(future)
}

// ---- read ----

#[test]
fn read_returns_the_bytes_that_are_there_and_waits_only_if_there_are_none() {
    on_every_flavour(|flavour| {
        let mut reader = reader([Pending, text("ab"), Pending, text("cdefg")]);
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
    let mut reader = reader([Pending, text("all of it")]);
    assert!(reader.read(&mut [0; 4]).now_or_never().is_none());
    let mut buf = [0; 16];
    assert_eq!(run(reader.read(&mut buf)).unwrap(), 9);
}

#[test]
fn read_returns_an_error_of_the_reader_unchanged() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::Interrupted, ErrorKind::WouldBlock] {
        let mut reader = reader([Fail(kind), text("and on")]);
        assert_eq!(run(reader.read(&mut [0; 4])).unwrap_err().kind(), kind);
        // The caller may try again; nothing is lost.
        assert_eq!(run(reader.read(&mut [0; 8])).unwrap(), 6);
    }
}

// ---- read_exact ----

#[test]
fn read_exact_fills_its_buffer_from_any_number_of_pieces_and_takes_no_more() {
    on_every_flavour(|flavour| {
        let mut reader = reader([text("a"), Pending, text("bc"), Pending, Pending, text("defgh")]);
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
        let error = run(reader(steps).read_exact(&mut [0; 4])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn read_exact_into_an_empty_slice_does_not_poll_the_reader() {
    let mut reader = reader([Fail(ErrorKind::Other)]);
    assert_eq!(run(reader.read_exact(&mut [])).unwrap(), 0);
    assert!(reader.rooms.is_empty());
}

#[test]
fn read_exact_returns_an_error_of_the_reader() {
    let mut reader = reader([text("ab"), Fail(ErrorKind::TimedOut), text("cd")]);
    let error = run(reader.read_exact(&mut [0; 4])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

// ---- read_to_end ----

#[test]
fn read_to_end_appends_and_returns_what_it_has_read() {
    on_every_flavour(|flavour| {
        let mut reader = reader([text("one "), Pending, text("two")]);
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
        let mut reader = reader([Data(sent.clone()), Pending]);
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
        assert_eq!(flavour.block_on(reader(steps).read_to_end(&mut buf)).unwrap(), 100);
        assert_eq!(buf, pattern(100));
        assert_eq!(buf.capacity(), 100);
    });
}

#[test]
fn one_byte_beyond_the_capacity_is_not_lost() {
    for len in [1, 33, 64, 8 * 1024 + 1] {
        let sent = pattern(len);
        let mut buf = Vec::with_capacity(len - 1);
        assert_eq!(run(reader([Data(sent.clone())]).read_to_end(&mut buf)).unwrap(), len);
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
        assert_eq!(flavour.block_on(reader(steps).read_to_end(&mut buf)).unwrap(), sent.len());
        assert!(buf[..6] == *b"before" && buf[6..] == sent);
    });
}

#[test]
fn the_window_grows_with_the_bytes_that_the_reader_returns() {
    let mut full = reader([Data(pattern(4 << 20))]);
    let mut buf = Vec::with_capacity(4 << 20);
    run(full.read_to_end(&mut buf)).unwrap();
    assert!(full.rooms.iter().all(|room| *room > 0));
    // 4 MiB in reads of the first window would be 512 reads.
    assert!(full.rooms.len() < 40, "{:?}", full.rooms);
    // A reader that returns little does not get a window of a megabyte that is zeroed for each byte.
    let mut trickle = reader((0..100).map(|_| Data(vec![7])));
    run(trickle.read_to_end(&mut Vec::with_capacity(4 << 20))).unwrap();
    assert!(trickle.rooms.iter().all(|room| *room <= 8 << 10), "{:?}", trickle.rooms);
}

#[test]
fn the_bytes_read_before_an_error_stay() {
    for capacity in [0, 5, 64] {
        let mut reader = reader([text("kept"), Fail(ErrorKind::TimedOut), text(" and on")]);
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
        let mut reader = reader([text("kept"), Stall]);
        let mut buf = Vec::with_capacity(capacity);
        assert!(reader.read_to_end(&mut buf).now_or_never().is_none());
        assert_eq!(buf, b"kept", "{capacity}");
    }
}

#[test]
fn the_bytes_read_before_a_panic_stay() {
    for capacity in [0, 4, 64] {
        let mut reader = reader([text("kept"), Panic]);
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
        assert_eq!(flavour.block_on(reader(bytes).read_to_string(&mut buf)).unwrap(), word.len());
        assert_eq!(buf, format!("so: {word}"));
    });
}

/// Behaviour 37.
#[test]
fn bytes_that_are_not_utf8_are_invalid_data_and_leave_the_string_unchanged() {
    for bad in [&b"text \xFF text"[..], b"cut short \xE2\x82"] {
        let mut buf = "before".to_owned();
        let error = run(reader([Data(bad.to_vec())]).read_to_string(&mut buf)).unwrap_err();
        assert_eq!((error.kind(), buf.as_str()), (ErrorKind::InvalidData, "before"));
    }
}

/// Behaviour 37.
#[test]
fn after_an_error_the_string_has_the_text_that_came_before() {
    let mut reader = reader([text("some text"), Fail(ErrorKind::ConnectionReset), text("more")]);
    let mut buf = "before ".to_owned();
    let error = run(reader.read_to_string(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(buf, "before some text");
}

#[test]
fn after_an_error_inside_a_character_the_string_has_the_text_before_it() {
    let mut reader = reader([Data(b"10 \xE2\x82".to_vec()), Fail(ErrorKind::ConnectionReset)]);
    let mut buf = "before ".to_owned();
    let error = run(reader.read_to_string(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(buf, "before 10 ");
}

#[test]
fn a_dropped_read_to_string_leaves_the_string_unchanged() {
    let mut reader = reader([text("text"), Stall]);
    let mut buf = "before".to_owned();
    assert!(reader.read_to_string(&mut buf).now_or_never().is_none());
    assert_eq!(buf, "before");
}

// ---- write ----

#[test]
fn write_writes_what_there_is_room_for() {
    on_every_flavour(|flavour| {
        let mut writer = writer([Pending, Take(2), Take(100)]);
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
        let mut writer = writer(steps);
        flavour.block_on(writer.write_all(&sent)).unwrap();
        assert!(writer.written == sent);
        assert_eq!(writer.called("flush"), 0, "the caller decides when to flush");
    });
}

#[test]
fn write_all_to_a_full_writer_fails() {
    let mut writer = writer([Take(3), Pending, Take(0), Take(100)]);
    let error = run(writer.write_all(b"abcdef")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(writer.written, b"abc");
}

#[test]
fn write_all_of_an_empty_slice_does_not_poll_the_writer() {
    run(writer([Fail(ErrorKind::Other)]).write_all(b"")).unwrap();
}

#[test]
fn write_all_returns_an_error_of_the_writer() {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::TimedOut] {
        let mut writer = writer([Take(3), Fail(kind), Take(100)]);
        assert_eq!(run(writer.write_all(b"abcdef")).unwrap_err().kind(), kind);
        assert_eq!(writer.written, b"abc");
    }
}

#[test]
fn flush_and_shutdown_wait_for_the_writer_and_call_nothing_else() {
    on_every_flavour(|flavour| {
        let mut flushed = writer([Pending, Pending]);
        flavour.block_on(flushed.flush()).unwrap();
        assert_eq!(flushed.calls, ["flush"; 3]);
        let mut shut = writer([Pending]);
        flavour.block_on(shut.shutdown()).unwrap();
        assert_eq!(shut.calls, ["close"; 2]);
    });
    for kind in [ErrorKind::BrokenPipe, ErrorKind::Interrupted] {
        assert_eq!(run(writer([Fail(kind)]).flush()).unwrap_err().kind(), kind);
        assert_eq!(run(writer([Fail(kind)]).shutdown()).unwrap_err().kind(), kind);
    }
}

// ---- all of them ----

#[test]
fn the_waker_of_the_poll_reaches_the_reader_and_the_writer() {
    let mut stalled = reader([Stall]).with_writes([Stall]);
    // The script wakes at once, and so with the waker of this poll.
    for step in 0..6 {
        let wakes = Wakes::new();
        let mut pending = reader([Pending]).with_writes([Pending, Take(9)]);
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
        let mut boxed: Box<dyn AsyncRead + Unpin + Send> = Box::new(reader([text("boxed")]));
        assert_eq!(boxed.read(&mut [0; 2]).await.unwrap(), 2);
        let by_reference = &mut boxed;
        let mut rest = String::new();
        by_reference.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "xed");
        let mut writer = writer([Take(3), Take(3)]);
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
    goes(reader([]).read(&mut [0; 1]));
    goes(reader([]).read_exact(&mut [0; 1]));
    goes(reader([]).read_to_end(&mut Vec::new()));
    goes(reader([]).read_to_string(&mut String::new()));
    goes(writer([]).write(&[0; 1]));
    goes(writer([]).write_all(&[0; 1]));
    goes(writer([]).flush());
    goes(writer([]).shutdown());
}
