//! hyper as server and as client, on the adapter of this package: real sockets of 127.0.0.1, or streams in
//! memory where the clock is a virtual one.

#[path = "../../../../tests/common/mod.rs"]
mod common;

mod sides;
mod http1;
mod http2;
mod ends;
