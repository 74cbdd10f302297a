//! The address of a Unix socket is a path in the file system.
//!
//! On Linux it may also be a name that is in no directory and vanishes with its socket; such an *abstract* name
//! is written as a path that begins with a NUL byte. std has a type for both, and rustix has the kernel's form.
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
pub(super) fn raw(path: &Path) -> io::Result<SocketAddrUnix> {
    let address = address(path)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    Ok(SocketAddrUnix::new(address.as_pathname().unwrap_or(path))?)
}
