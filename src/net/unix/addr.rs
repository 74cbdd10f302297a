//! Where is a process, and who?
//!
//! An address is a path in the file system. On Linux it may also be a name that is in no directory and
//! vanishes with its socket; such an *abstract* name is written as a path that begins with a NUL byte. Std has
//! a type for both, and the kernel's form is rustix's.
//!
//! The system knows who has made the other end of a stream, and no process can pretend to be another one.
//!
//! Next: `stream.rs`.

use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

/// The address that a path stands for.
pub(super) fn address(path: &Path) -> io::Result<SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = path.as_os_str().as_encoded_bytes().strip_prefix(b"\0") {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}

/// The same for the kernel.
pub(super) fn raw(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "the address has no name");
    Ok(SocketAddrUnix::new(address.as_pathname().ok_or_else(none)?)?)
}

/// Who has made the other end of a stream. From [`peer_cred`](super::UnixStream::peer_cred).
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UCred {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl UCred {
    /// Of whoever has made the other end of this socket.
    pub(super) fn of_peer(socket: &impl std::os::fd::AsFd) -> io::Result<UCred> {
        let rustix::net::UCred { pid, uid, gid } = rustix::net::sockopt::socket_peercred(socket)?;
        Ok(UCred { uid: uid.as_raw(), gid: gid.as_raw(), pid: Some(pid.as_raw_pid()) })
    }

    /// The user that the process ran as.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group that the process ran as.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process, where the system tells.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}
