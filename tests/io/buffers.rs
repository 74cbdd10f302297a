//! `BufReader`, `BufWriter`, `Take`, `Chain`, and the streams that hold nothing.

use std::io::{ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::{Random, ends, panic_of};
use crate::script::Step::{Data, Fail, Panic, Pending, Stall, Take};
use crate::script::{bites, consume, fill_buf, greedy, in_pieces, pattern, reader, text, writer};
use futures::FutureExt;
use futures::executor::block_on;
use futures::io::Cursor;
use openwork::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, SeekFrom,
    empty, repeat, sink,
};

// ---- reading ----

#[test]
fn small_reads_come_from_the_buffer_and_large_ones_bypass_it() {
    block_on(async {
        let mut stream = BufReader::with_capacity(4, reader([Data(pattern(100))]));
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(stream.read_u8().await.unwrap());
        }
        assert_eq!(stream.get_ref().rooms, [4]);
        // The buffer is empty and the read is as large as the buffer: it bypasses the buffer.
        let mut large = [0; 10];
        assert_eq!(stream.read(&mut large).await.unwrap(), 10);
        all.extend(large);
        assert_eq!(stream.get_ref().rooms, [4, 10]);
        all.push(stream.read_u8().await.unwrap());
        assert_eq!(stream.buffer(), &pattern(100)[15..18]);
        // A read returns the bytes in the buffer first, and no others.
        assert_eq!(stream.read(&mut large).await.unwrap(), 3);
        all.extend(&large[..3]);
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, pattern(100));
    });
}

#[test]
fn a_reader_that_has_ended_may_continue() {
    let pieces = [text(""), text("a"), text("bc"), text(""), text("d")];
    let mut stream = BufReader::new(reader(pieces));
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(block_on(stream.read(&mut [0; 2])).unwrap());
    }
    assert_eq!(counts, [0, 1, 2, 0, 1, 0, 0]);
}

#[test]
fn a_read_into_an_empty_slice_reads_nothing_and_is_no_end() {
    block_on(async {
        let mut stream = BufReader::new(reader([text("abc")]));
        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        assert_eq!(stream.read_u8().await.unwrap(), b'a');
        let mut stream = reader([text("abc")]).take(3).chain(&b"def"[..]);
        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "abcdef");
    });
}

#[test]
fn a_capacity_of_zero_panics_at_the_callers_line() {
    let panicked = panic_of(|| BufReader::with_capacity(0, empty())).unwrap();
    assert_eq!(panicked.message, "capacity must be greater than zero");
    assert_eq!(panicked.file, file!());
}

#[test]
fn reads_of_random_sizes_come_out_as_one() {
    ends(|| {
        for seed in 1..500 {
            let mut random = Random(seed);
            let sent = pattern(random.below(400));
            let steps = in_pieces(&sent, 20, |limit| random.below(limit));
            let mut stream = BufReader::with_capacity(1 + random.below(30), reader(steps));
            let mut found: Vec<u8> = Vec::new();
            while found.len() < sent.len() {
                let mut room = vec![0; random.below(40)];
                match block_on(stream.read(&mut room)) {
                    Ok(count) => found.extend(&room[..count]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                }
            }
            assert!(found == sent, "seed {seed}");
        }
    });
}

// ---- writing ----

#[test]
fn small_writes_are_collected_and_large_ones_bypass_the_buffer() {
    block_on(async {
        let mut stream = BufWriter::with_capacity(4, greedy());
        stream.write_all(b"ab").await.unwrap();
        stream.write_all(b"cd").await.unwrap();
        assert_eq!((stream.buffer(), stream.get_ref().calls.len()), (&b"abcd"[..], 0));
        // It does not fit: the earlier bytes are written, and this one stays in the buffer.
        stream.write_all(b"e").await.unwrap();
        assert_eq!((stream.buffer(), &stream.get_ref().written[..]), (&b"e"[..], &b"abcd"[..]));
        stream.write_all(b"fghi").await.unwrap();
        assert_eq!(stream.get_ref().calls, ["write 4", "write 1", "write 4"]);
        stream.write_all(b"j").await.unwrap();
        stream.flush().await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.get_ref().calls[3..], ["write 1", "flush", "close"]);
        assert_eq!(stream.get_ref().written, b"abcdefghij");
    });
}

#[test]
fn shutdown_writes_the_buffer_out() {
    let mut stream = BufWriter::new(greedy());
    block_on(stream.write_all(b"last words")).unwrap();
    block_on(stream.shutdown()).unwrap();
    assert_eq!(stream.get_ref().calls, ["write 10", "close"]);
}

#[test]
fn writes_of_random_sizes_come_out_as_one() {
    ends(|| {
        for seed in 1..500 {
            let mut random = Random(seed);
            let sent = pattern(random.below(400));
            let mut inner = writer(bites(800, 20, |limit| random.below(limit)));
            inner.vectored = random.below(2) == 0;
            let mut stream = BufWriter::with_capacity(random.below(30), inner);
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (one, after) = rest.split_at(random.below(40).min(rest.len()));
                let (two, _) = after.split_at(random.below(40).min(after.len()));
                let count = match random.below(3) {
                    0 => block_on(stream.write(one)),
                    1 => block_on(stream.write_vectored(&[IoSlice::new(one), IoSlice::new(two)])),
                    _ => block_on(stream.flush()).map(|()| 0),
                };
                match count {
                    Ok(count) => rest = &rest[count..],
                    // A write that bypasses the buffer is a single write, and may be interrupted.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                }
                assert!(stream.buffer().len() <= 30);
            }
            // A flush of the inner writer may be interrupted too.
            while block_on(stream.flush()).is_err() {}
            assert!(stream.get_ref().written == sent, "seed {seed}");
        }
    });
}

/// Behaviour 38.
#[test]
fn a_vectored_write_is_buffered_if_it_fits_and_passed_on_if_not() {
    let slices = |len| [pattern(len), Vec::new(), pattern(len)];
    for (vectored, taken) in [(true, 12), (false, 6)] {
        let mut inner = greedy();
        inner.vectored = vectored;
        let mut stream = BufWriter::with_capacity(8, inner);
        let [a, b, c] = slices(3);
        let bufs = [IoSlice::new(&a), IoSlice::new(&b), IoSlice::new(&c)];
        assert_eq!(block_on(stream.write_vectored(&bufs)).unwrap(), 6);
        assert_eq!((stream.buffer().len(), stream.get_ref().calls.len()), (6, 0));
        let [a, b, c] = slices(6);
        let bufs = [IoSlice::new(&b), IoSlice::new(&a), IoSlice::new(&c)];
        assert_eq!(block_on(stream.write_vectored(&bufs)).unwrap(), taken);
        assert_eq!(stream.get_ref().written.len(), 6 + taken);
        assert_eq!(block_on(stream.write_vectored(&[])).unwrap(), 0);
    }
}

#[test]
fn a_dropped_flush_continues_where_it_was() {
    let mut stream = BufWriter::new(writer([Take(2), Stall]));
    block_on(stream.write_all(b"abcd")).unwrap();
    assert!(stream.flush().now_or_never().is_none());
    assert_eq!(stream.buffer(), b"cd");
    block_on(stream.write_all(b"ef")).unwrap();
    stream.get_mut().writes = [Take(100)].into();
    block_on(stream.flush()).unwrap();
    assert_eq!(stream.get_ref().written, b"abcdef");
}

#[test]
fn after_an_error_the_buffer_keeps_the_unwritten_bytes() {
    for (step, kind) in [
        (Fail(ErrorKind::TimedOut), ErrorKind::TimedOut),
        (Take(0), ErrorKind::WriteZero),
        (Panic, ErrorKind::Other),
    ] {
        let mut stream = BufWriter::new(writer([Take(2), step]));
        block_on(stream.write_all(b"abcd")).unwrap();
        let flush = AssertUnwindSafe(|| block_on(stream.flush()));
        match catch_unwind(flush) {
            Ok(flushed) => assert_eq!(flushed.unwrap_err().kind(), kind),
            Err(_) => assert_eq!(kind, ErrorKind::Other),
        }
        assert_eq!(stream.buffer(), b"cd");
        stream.get_mut().takes_all = true;
        block_on(stream.flush()).unwrap();
        assert_eq!(stream.get_ref().written, b"abcd");
    }
}

// ---- seeking ----

#[test]
fn a_relative_seek_counts_from_the_readers_position_and_not_the_streams() {
    block_on(async {
        let bytes: &[u8] = &[5, 6, 7, 0, 1, 2, 3, 4];
        let mut stream = BufReader::with_capacity(2, Cursor::new(bytes));
        assert_eq!(stream.seek(SeekFrom::Start(3)).await.unwrap(), 3);
        assert_eq!(fill_buf(&mut stream).await.unwrap(), [0, 1]);
        assert!(stream.seek(SeekFrom::Current(i64::MIN)).await.is_err());
        assert_eq!(fill_buf(&mut stream).await.unwrap(), [0, 1]);
        assert_eq!(stream.seek(SeekFrom::Current(0)).await.unwrap(), 3);
        assert_eq!(fill_buf(&mut stream).await.unwrap(), [0, 1]);
        assert_eq!(stream.seek(SeekFrom::Current(1)).await.unwrap(), 4);
        assert_eq!(fill_buf(&mut stream).await.unwrap(), [1, 2]);
        consume(&mut stream, 1);
        assert_eq!(stream.seek(SeekFrom::Current(-2)).await.unwrap(), 3);
        stream.rewind().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 5);
    });
}

#[test]
fn the_buffer_is_written_out_before_a_seek() {
    block_on(async {
        let mut stream = BufWriter::new(Cursor::new(Vec::new()));
        stream.write_all(b"hello world").await.unwrap();
        assert_eq!(stream.seek(SeekFrom::Start(6)).await.unwrap(), 6);
        stream.write_all(b"there").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.get_ref().get_ref(), b"hello there");
    });
}

#[test]
fn a_stream_with_two_buffers_reads_and_writes_through_them() {
    block_on(async {
        let stream = reader([text("one\ntwo\n")]).with_writes([Take(100)]);
        let mut stream = BufReader::new(BufWriter::new(stream));
        stream.write_all(b"answer").await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!((line.as_str(), stream.get_ref().get_ref().calls.len()), ("one\n", 0));
        stream.flush().await.unwrap();
        assert_eq!(stream.get_ref().get_ref().written, b"answer");

        let file = BufWriter::with_capacity(8, Cursor::new(b"a\nb\n".to_vec()));
        let mut file = BufReader::with_capacity(1, file);
        file.read_line(&mut line).await.unwrap();
        file.write_all(b"B").await.unwrap();
        file.rewind().await.unwrap();
        assert_eq!(file.into_inner().into_inner().into_inner(), b"a\nB\n");
    });
}

// ---- memory ----

#[test]
fn a_cursor_reads_writes_and_seeks_in_memory() {
    block_on(async {
        let mut cursor = Cursor::new(Vec::new());
        cursor.write_all(b"one\ntwo\n").await.unwrap();
        assert_eq!(cursor.seek(SeekFrom::Current(0)).await.unwrap(), 8);
        cursor.rewind().await.unwrap();
        let mut line = String::new();
        cursor.read_line(&mut line).await.unwrap();
        assert_eq!((line.as_str(), cursor.position()), ("one\n", 4));
        assert_eq!(cursor.seek(SeekFrom::End(-2)).await.unwrap(), 6);
        assert_eq!(cursor.read_u8().await.unwrap(), b'o');
        let error = cursor.seek(SeekFrom::Current(-100)).await.unwrap_err();
        assert_eq!((error.kind(), cursor.position()), (ErrorKind::InvalidInput, 7));
        assert_eq!(cursor.seek(SeekFrom::Start(100)).await.unwrap(), 100);
        assert_eq!(cursor.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(cursor.into_inner(), b"one\ntwo\n");

        let mut room = [0; 4];
        let mut cursor = Cursor::new(&mut room[..]);
        let error = cursor.write_all(b"five!").await.unwrap_err();
        assert_eq!((error.kind(), &room), (ErrorKind::WriteZero, b"five"));
    });
}

// ---- limits ----

#[test]
fn at_the_limit_the_reader_is_not_polled() {
    block_on(async {
        let mut stream = reader([text("hello world"), Stall]).take(4);
        let mut buf = [0; 6];
        assert_eq!(stream.read(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"hell\0\0");
        stream.get_mut().reads = [Stall].into();
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        stream.set_limit(u64::MAX);
        stream.get_mut().reads = [text("more")].into();
        assert_eq!(stream.read(&mut buf).await.unwrap(), 4);
        assert_eq!(stream.limit(), u64::MAX - 4);

        // A buffer with more bytes than the limit, and a caller that consumes more than that.
        let mut stream = BufReader::new(reader([text("hello")])).take(2);
        assert_eq!(fill_buf(&mut stream).await.unwrap(), b"he");
        consume(&mut stream, 5);
        assert_eq!(stream.limit(), 0);
        assert_eq!(fill_buf(&mut stream).await.unwrap(), b"");
        assert_eq!(stream.into_inner().buffer(), b"llo");
    });
}

#[test]
fn the_first_reader_of_a_chain_is_not_polled_after_its_end() {
    let first = reader([text("ab"), Pending, text(""), text("never")]);
    let mut both = first.chain(reader([text("cd"), Fail(ErrorKind::TimedOut), text("ef")]));
    let mut all = Vec::new();
    assert_eq!(block_on(both.read_to_end(&mut all)).unwrap_err().kind(), ErrorKind::TimedOut);
    block_on(both.read_to_end(&mut all)).unwrap();
    assert_eq!(all, b"abcdef");
}

// ---- nothing ----

#[test]
fn empty_sink_and_repeat_work() {
    block_on(async {
        assert_eq!(empty().read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(empty().write(b"gone").await.unwrap(), 4);
        let bufs = [IoSlice::new(b""), IoSlice::new(b"hello"), IoSlice::new(b"world")];
        assert_eq!(sink().write_vectored(&bufs).await.unwrap(), 10);
        sink().flush().await.unwrap();
        sink().shutdown().await.unwrap();
        let mut all = Vec::new();
        repeat(7).take(10_000).read_to_end(&mut all).await.unwrap();
        assert_eq!(all, [7; 10_000]);
    });
}

#[test]
fn debug_shows_the_fill_of_a_buffer_and_not_its_bytes() {
    let mut stream = BufReader::with_capacity(8, &b"secret"[..]);
    block_on(stream.read_u8()).unwrap();
    assert_eq!(format!("{stream:?}"), "BufReader { reader: [], buffer: 5/8 }");
    let mut stream = BufWriter::with_capacity(8, sink());
    block_on(stream.write_u8(1)).unwrap();
    assert!(format!("{stream:?}").ends_with("buffer: 1/8 }"));
}

/// Behaviour 41.
#[test]
fn the_types_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<T: Send + Sync + Unpin>() {}
    goes::<BufReader<std::net::TcpStream>>();
    goes::<BufWriter<std::net::TcpStream>>();
    goes::<openwork::io::Take<()>>();
    goes::<openwork::io::Chain<(), ()>>();
    goes::<openwork::io::Lines<()>>();
}
