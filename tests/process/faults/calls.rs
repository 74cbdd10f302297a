//! The system calls that this crate makes, by itself or by std, and the errors that each of them may return.
//!
//! Left out: `EAGAIN` on a descriptor that is ready, which no kernel returns and which would lose the edge; `close`,
//! because the kernel closes the descriptor even if it returns an error; the calls of the allocator and of std's locks.

use libc::{
    EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EBADF, ECONNABORTED, ECONNREFUSED, ECONNRESET,
    EINTR, EINVAL, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPIPE, ETIMEDOUT,
};

/// A kind of system call.
#[derive(Debug)]
pub struct Call {
    pub name: &'static str,
    pub number: i64,
    /// Counts only calls on descriptors whose link in `/proc/self/fd` begins so. Empty: counts all calls.
    pub on: &'static str,
    pub errors: &'static [i32],
    /// The error means that the poller is broken. It ends the runtime: `block_on` panics, or the tasks are cancelled.
    pub is_fatal: bool,
}

macro_rules! calls {
    ($($number:ident $(on $on:literal)? $(, $fatal:ident)?: $($error:ident)*;)*) => {
        pub const CALLS: &[Call] = &[$(Call {
            name: stringify!($number),
            number: libc::$number,
            on: concat!($($on)?),
            errors: &[$($error),*],
            is_fatal: !stringify!($($fatal)?).is_empty(),
        }),*];
    };
}

calls! {
    // First: the action of each signal is set once in a process, and there are few signals.
    SYS_rt_sigaction: EINVAL;
    SYS_socketpair: EMFILE ENFILE;
    SYS_ioctl: EINVAL;
    // The poller.
    SYS_epoll_create1: EMFILE ENOMEM;
    SYS_eventfd2: EMFILE ENOMEM;
    SYS_timerfd_create: EMFILE ENOMEM;
    SYS_epoll_ctl: ENOSPC ENOMEM;
    SYS_epoll_pwait: EINTR;
    SYS_epoll_pwait, fatal: EBADF;
    SYS_timerfd_settime, fatal: EBADF;
    SYS_write on "anon_inode:[eventfd]": EINTR;
    // Threads.
    SYS_clone3: EAGAIN;
    SYS_prctl: EINVAL;
    SYS_sched_getaffinity: EINVAL;
    // Sockets.
    SYS_socket: EMFILE ENOBUFS;
    SYS_setsockopt: ENOBUFS;
    SYS_bind: EADDRINUSE;
    SYS_listen: EADDRINUSE;
    SYS_getsockname: ENOBUFS;
    SYS_connect: ECONNREFUSED EADDRNOTAVAIL ETIMEDOUT;
    SYS_getsockopt: ENOBUFS;
    SYS_accept4: EMFILE ECONNABORTED ENOMEM EINTR;
    SYS_recvfrom: EINTR ECONNRESET;
    SYS_sendto: EINTR ECONNRESET EPIPE;
    SYS_shutdown: ENOBUFS;
    // Pipes.
    SYS_pipe2: EMFILE;
    SYS_read on "pipe:": EINTR EIO;
    SYS_write on "pipe:": EINTR EPIPE;
    // Files.
    SYS_openat: EMFILE EACCES EINTR;
    SYS_read on "/": EINTR EIO;
    SYS_write on "/": EINTR ENOSPC EIO;
    SYS_lseek: EINVAL;
    SYS_fsync: EIO;
}
