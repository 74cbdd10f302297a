//! A task names the directions it waits for, and learns which of them are ready.
//!
//! An [`Interest`] is at least one direction: reading, writing, or both. [`Ready`] is the answer, and may be
//! empty. Both are sets of two bits. The end of a stream counts as readable, an error as both: the next
//! operation reports it.
//!
//! Tokio's sets have more members (the ends, errors, priority data). They are left out: a read of 0 bytes, the
//! operation's error and `poll(2)` tell the same.
//!
//! Next: `descriptor.rs`, which waits.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use crate::engine::reactor::Direction;

/// A set of directions with its constants, tests, operators and `Debug`.
macro_rules! directions {
    ($(#[$doc:meta])* $set:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $set(u8);

        impl $set {
            /// Reading, receiving or accepting.
            pub const READABLE: $set = $set(0b01);
            /// Writing or sending.
            pub const WRITABLE: $set = $set(0b10);

            /// Whether the set contains reading. The end of a stream counts as readable.
            pub const fn is_readable(self) -> bool {
                self.0 & Self::READABLE.0 != 0
            }

            /// Whether the set contains writing. A socket with an error counts as writable.
            pub const fn is_writable(self) -> bool {
                self.0 & Self::WRITABLE.0 != 0
            }
        }

        impl BitOr for $set {
            type Output = $set;

            fn bitor(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }
        }

        impl BitOrAssign for $set {
            fn bitor_assign(&mut self, other: $set) {
                self.0 |= other.0;
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(["EMPTY", "READABLE", "WRITABLE", "READABLE | WRITABLE"][self.0 as usize])
            }
        }
    };
}

directions! {
    /// The directions of a socket that a task waits for: at least one.
    ///
    /// ```
    /// use openwork::io::Interest;
    ///
    /// let both = Interest::READABLE | Interest::WRITABLE;
    /// assert!(both.is_readable() && both.is_writable());
    /// ```
    Interest
}

impl Interest {
    /// Whether the set contains a direction.
    pub(crate) const fn has(self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.is_readable(),
            Direction::Write => self.is_writable(),
        }
    }
}

directions! {
    /// The directions in which a socket is ready. From `ready`, for instance of
    /// [`TcpStream`](crate::net::TcpStream).
    Ready
}

impl Ready {
    /// Ready for nothing.
    pub const EMPTY: Ready = Ready(0b00);
    /// Ready for both directions.
    pub const ALL: Ready = Ready(0b11);

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
