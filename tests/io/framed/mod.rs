//! Messages on a stream of bytes: found however they were cut up, refused when they are broken.

mod sink_and_stream;
mod length_delimited;
mod lines;
mod memory;
mod reading;
mod writing;
