//! Frames: found no matter how the bytes were cut, and an error if they are broken.

mod sink_and_stream;
mod length_delimited;
mod lines;
mod memory;
mod splits;
mod reading;
mod writing;
