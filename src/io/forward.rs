//! Whoever wraps a stream to change one side of it hands the other side on as it is.
//!
//! The same lines for each wrapper, so they are written once, as the bodies of the `impl`s. The field that
//! they are handed to must be pinned.
//!
//! Next: `buf_reader.rs`, which changes how one reads, and hands on what is written.

/// The body of an `impl AsyncRead`.
macro_rules! read_from {
    ($field:ident) => {
        fn poll_read(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.project().$field.poll_read(cx, buf)
        }

        fn poll_read_vectored(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &mut [::std::io::IoSliceMut<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.project().$field.poll_read_vectored(cx, bufs)
        }
    };
}

/// The body of an `impl AsyncBufRead`.
macro_rules! buf_read_from {
    ($field:ident) => {
        fn poll_fill_buf(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<&[u8]>> {
            self.project().$field.poll_fill_buf(cx)
        }

        fn consume(self: ::std::pin::Pin<&mut Self>, amount: usize) {
            self.project().$field.consume(amount)
        }
    };
}

/// The body of an `impl AsyncWrite`.
macro_rules! write_to {
    ($field:ident) => {
        fn poll_write(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &[u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.project().$field.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &[::std::io::IoSlice<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.project().$field.poll_write_vectored(cx, bufs)
        }

        fn poll_flush(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            self.project().$field.poll_flush(cx)
        }

        fn poll_close(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            self.project().$field.poll_close(cx)
        }
    };
}

pub(super) use {buf_read_from, read_from, write_to};
