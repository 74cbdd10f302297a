//! Implementing a trait by handing each call to something inside.
//!
//! A wrapper that changes one direction of a stream hands the other direction on unchanged. The methods are the same for
//! each wrapper, so a macro for each trait writes them. The macro's arguments are `self`, which a macro cannot name itself,
//! and how to get the pinned inner stream from it: `self => self.project().inner`.
//!
//! [`accessors`] writes the methods that return the inner stream.
//!
//! Next: `interest.rs`.

/// The body of an `impl AsyncRead`.
macro_rules! read_from {
    ($self:ident => $stream:expr) => {
        fn poll_read(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            $stream.poll_read(cx, buf)
        }

        fn poll_read_vectored(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &mut [::std::io::IoSliceMut<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            $stream.poll_read_vectored(cx, bufs)
        }
    };
}

/// The body of an `impl AsyncBufRead`.
macro_rules! buf_read_from {
    ($self:ident => $stream:expr) => {
        fn poll_fill_buf(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<&[u8]>> {
            $stream.poll_fill_buf(cx)
        }

        fn consume($self: ::std::pin::Pin<&mut Self>, amount: usize) {
            $stream.consume(amount)
        }
    };
}

/// The body of an `impl AsyncWrite`.
macro_rules! write_to {
    ($self:ident => $stream:expr) => {
        fn poll_write(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &[u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            $stream.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &[::std::io::IoSlice<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            $stream.poll_write_vectored(cx, bufs)
        }

        fn poll_flush(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            $stream.poll_flush(cx)
        }

        fn poll_close(
            $self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            $stream.poll_close(cx)
        }
    };
}

/// The methods that return the inner stream, which is the field `$inner` of type `$type`.
macro_rules! accessors {
    ($type:ident => $($inner:ident).+) => {
        /// Returns the inner stream.
        pub fn get_ref(&self) -> &$type {
            &self.$($inner).+
        }

        /// Returns the inner stream. Bytes that are read or written there directly come out of order.
        pub fn get_mut(&mut self) -> &mut $type {
            &mut self.$($inner).+
        }

        /// Returns the inner stream. The bytes in the buffers of the wrapper are lost.
        pub fn into_inner(self) -> $type {
            self.$($inner).+
        }
    };
}

/// `AsFd` and `AsRawFd` of a type, as one of its fields has them.
macro_rules! as_fd_from {
    ($type:ty, $field:tt $(, $generic:ident: $bound:ident)?) => {
        impl $(<$generic: $bound>)? ::std::os::fd::AsFd for $type {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                self.$field.as_fd()
            }
        }

        impl $(<$generic: $bound>)? ::std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                self.$field.as_fd().as_raw_fd()
            }
        }
    };
}

pub(crate) use {accessors, as_fd_from, buf_read_from, read_from, write_to};
