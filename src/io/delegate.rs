//! A type that wraps a stream hands on the calls that it does not change.
//!
//! Each macro is the body of an `impl`, written once for all wrappers. Its argument is the pinned field that
//! takes the calls, or says how to get a pinned stream from `self`: `this => Pin::new(&mut this.get_mut().0)`.
//!
//! Next: `buf_reader.rs`, which changes reading and hands writing on.

/// The body of an `impl AsyncRead`.
macro_rules! read_from {
    ($field:ident) => {
        crate::io::delegate::read_from!(this => this.project().$field);
    };
    ($this:ident => $stream:expr) => {
        fn poll_read(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            let $this = self;
            $stream.poll_read(cx, buf)
        }

        fn poll_read_vectored(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &mut [::std::io::IoSliceMut<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            let $this = self;
            $stream.poll_read_vectored(cx, bufs)
        }
    };
}

/// The body of an `impl AsyncBufRead`.
macro_rules! buf_read_from {
    ($field:ident) => {
        crate::io::delegate::buf_read_from!(this => this.project().$field);
    };
    ($this:ident => $stream:expr) => {
        fn poll_fill_buf(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<&[u8]>> {
            let $this = self;
            $stream.poll_fill_buf(cx)
        }

        fn consume(self: ::std::pin::Pin<&mut Self>, amount: usize) {
            let $this = self;
            $stream.consume(amount)
        }
    };
}

/// The body of an `impl AsyncWrite`.
macro_rules! write_to {
    ($field:ident) => {
        crate::io::delegate::write_to!(this => this.project().$field);
    };
    ($this:ident => $stream:expr) => {
        fn poll_write(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &[u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            let $this = self;
            $stream.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &[::std::io::IoSlice<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            let $this = self;
            $stream.poll_write_vectored(cx, bufs)
        }

        fn poll_flush(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            let $this = self;
            $stream.poll_flush(cx)
        }

        fn poll_close(
            self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            let $this = self;
            $stream.poll_close(cx)
        }
    };
}

pub(crate) use {buf_read_from, read_from, write_to};
