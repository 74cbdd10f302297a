//! Memory grows with the bytes that a peer sends, not with the length that it announces.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use futures::FutureExt;
use openwork::io::framed::{FramedRead, LengthDelimitedCodec, LinesCodec};
use openwork::io::{AsyncReadExt, AsyncWriteExt, duplex, repeat};

/// Counts the bytes that this thread has allocated, and their maximum.
struct Counting;

thread_local! {
    static HAS: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    let _ = HAS.try_with(|has| {
        has.set(has.get() + bytes);
        MOST.set(MOST.get().max(has.get()));
    });
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The maximum of the memory that `body` has allocated at one time.
fn most(body: impl FnOnce()) -> usize {
    let before = HAS.get();
    MOST.set(before);
    body();
    usize::try_from(MOST.get() - before).unwrap()
}

const KIB: usize = 1024;

#[test]
fn the_length_in_a_header_is_not_reserved() {
    for claimed in [1_u64 << 30, 4 << 30, u64::MAX >> 1] {
        let used = most(|| {
            let (mut peer, stream) = duplex(KIB);
            peer.write_all(&claimed.to_be_bytes()).now_or_never().unwrap().unwrap();
            let mut frames = LengthDelimitedCodec::builder()
                .length_field_length(8)
                .max_frame_length(usize::MAX)
                .new_read(stream);
            // The length is within the limit, but no bytes follow.
            for _ in 0..10 {
                assert!(frames.next().now_or_never().is_none());
            }
        });
        assert!(used < 20 * KIB, "{used} bytes for a claim of {claimed}");
    }
}

#[test]
fn memory_is_in_proportion_to_the_bytes_that_have_come() {
    for come in [10 * KIB, 100 * KIB, 1000 * KIB, 4000 * KIB] {
        let used = most(|| {
            let header = u32::MAX.to_be_bytes();
            let stream = (&header[..]).chain(repeat(7).take(come as u64));
            let mut frames =
                LengthDelimitedCodec::builder().max_frame_length(usize::MAX).new_read(stream);
            let end = frames.next().now_or_never().unwrap().unwrap();
            assert!(end.is_err());
        });
        // A buffer that doubles needs the old and the new memory while it copies.
        assert!(used < 3 * come + 300 * KIB, "{used} bytes for {come} that came");
    }
}

#[test]
fn a_line_over_the_limit_is_not_kept_however_long_it_is() {
    let used = most(|| {
        let stream = repeat(b'x').take(10_000 * KIB as u64);
        let mut lines = FramedRead::new(stream, LinesCodec::new_with_max_length(100));
        assert!(lines.next().now_or_never().unwrap().unwrap().is_err());
        assert!(lines.next().now_or_never().unwrap().is_none());
        // Reads to the end of the stream.
        assert!(lines.next().now_or_never().unwrap().is_none());
    });
    // The window of a reader that always fills it grows to 128 KiB.
    assert!(used < 1000 * KIB, "{used} bytes");
}

#[test]
fn a_stream_of_small_frames_needs_no_more_memory_than_one() {
    let used = most(|| {
        let mut lines =
            FramedRead::new(Lines { left: 1_000_000 }, LinesCodec::new_with_max_length(100));
        let mut count = 0;
        while let Some(line) = lines.next().now_or_never().unwrap() {
            assert_eq!(line.unwrap().len(), 9);
            count += 1;
        }
        assert_eq!(count, 100_000);
    });
    assert!(used < 20 * KIB, "{used} bytes");
}

/// Lines of ten bytes, seven bytes at a time.
struct Lines {
    left: usize,
}

impl openwork::io::AsyncRead for Lines {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut [u8],
    ) -> std::task::Poll<openwork::io::Result<usize>> {
        let count = buf.len().min(7).min(self.left);
        for byte in &mut buf[..count] {
            self.left -= 1;
            *byte = if self.left.is_multiple_of(10) { b'\n' } else { b'x' };
        }
        std::task::Poll::Ready(Ok(count))
    }
}
