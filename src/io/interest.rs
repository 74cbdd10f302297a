//! For what does one wait, and what does one find?
//!
//! A descriptor has two directions, and one may wait for either or for both. That is an [`Interest`]. What is
//! found says more, since there is more to find than one can wait for: that a direction has come to its
//! end, and that an error lies there. That is [`Ready`].
//!
//! Both are sets of a few bits, with the operators of sets.
//!
//! Tokio can also wait for "priority" data and for an error alone, on Linux. Here one waits for a direction;
//! an error wakes both.
//!
//! Next: `descriptor.rs`, where one waits.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use crate::engine::reactor::Direction;

/// The directions of a socket that one wants to use: at least one.
///
/// ```
/// use openwork::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// To read.
    pub const READABLE: Interest = Interest(0b01);
    /// To write.
    pub const WRITABLE: Interest = Interest(0b10);

    /// Whether reading is among it.
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether writing is among it.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Both together; the same as `|`.
    #[must_use = "it is the result that has both"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left without `other`; none if that is nothing.
    #[must_use = "it is the result that lacks the other"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Interest(left))
    }

    /// Whether this direction is among it.
    pub(crate) fn has(self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.is_readable(),
            Direction::Write => self.is_writable(),
        }
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(f, self.0, &["READABLE", "WRITABLE"])
    }
}

/// What a socket is ready for. From `ready`, for instance of [`TcpStream`](crate::net::TcpStream).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// Reading is worth a try.
    pub const READABLE: Ready = Ready(0b0_0001);
    /// Writing is worth a try.
    pub const WRITABLE: Ready = Ready(0b0_0010);
    /// The other side sends nothing more. What it has sent may still be there.
    pub const READ_CLOSED: Ready = Ready(0b0_0100);
    /// The other side takes nothing more.
    pub const WRITE_CLOSED: Ready = Ready(0b0_1000);
    /// An error lies there, which the next operation tells.
    pub const ERROR: Ready = Ready(0b1_0000);
    /// All of these.
    pub const ALL: Ready = Ready(0b1_1111);

    /// What concerns this interest.
    pub fn from_interest(interest: Interest) -> Ready {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() {
            ready |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if interest.is_writable() {
            ready |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        ready
    }

    /// Whether it is ready for nothing.
    pub fn is_empty(self) -> bool {
        self == Ready::EMPTY
    }

    /// Whether reading is worth a try; also at the end.
    pub fn is_readable(self) -> bool {
        self.has_one_of(Ready::READABLE | Ready::READ_CLOSED)
    }

    /// Whether writing is worth a try; also if it will tell an error.
    pub fn is_writable(self) -> bool {
        self.has_one_of(Ready::WRITABLE | Ready::WRITE_CLOSED)
    }

    /// Whether the other side sends nothing more.
    pub fn is_read_closed(self) -> bool {
        self.has_one_of(Ready::READ_CLOSED)
    }

    /// Whether the other side takes nothing more.
    pub fn is_write_closed(self) -> bool {
        self.has_one_of(Ready::WRITE_CLOSED)
    }

    /// Whether an error lies there.
    pub fn is_error(self) -> bool {
        self.has_one_of(Ready::ERROR)
    }

    pub(crate) fn has_one_of(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

/// What is in one and not in the other.
impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = ["READABLE", "WRITABLE", "READ_CLOSED", "WRITE_CLOSED", "ERROR"];
        names(f, self.0, &all)
    }
}

/// Writes the names of the bits that are set.
fn names(f: &mut fmt::Formatter<'_>, bits: u8, names: &[&str]) -> fmt::Result {
    let mut set = names.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0);
    let Some((_, first)) = set.next() else { return f.write_str("EMPTY") };
    f.write_str(first)?;
    set.try_for_each(|(_, name)| write!(f, " | {name}"))
}
