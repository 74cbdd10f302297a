//! Large futures are boxed before they are passed on: otherwise they overflow the stack before they are polled.
//!
//! A future is passed to `spawn` by value, and from there through several functions into its task. Each of
//! them may hold a copy in its frame; without optimisation almost every one does. A few copies of a large
//! future overflow a stack of 2 MiB, the default for a thread.
//!
//! So the function that the user calls boxes a large future or closure, and passes the box on. The cost is a
//! second allocation, for the large ones only. The idea and the sizes are Tokio's;
//! `tests/engine/large_futures.rs` has the sizes that fit on a stack.
//!
//! Next: `park.rs`, the first thing one builds from an atomic and a lock.

/// In bytes. A larger future or closure is boxed.
pub(crate) const LARGE: usize = if cfg!(debug_assertions) { 2048 } else { 16384 };

/// Evaluates the last expression, in which a value of type `$type` is used. If the type is
/// larger than [`LARGE`], the value is boxed first: `box_if_large!(F, future = Box::pin(future) => spawn(future))`.
///
/// Use it in the public function itself: each function in between adds a copy. The condition is `const`; otherwise,
/// without optimisation, the branch that is not taken would have its copy in the frame too.
macro_rules! box_if_large {
    ($type:ty, $value:ident = $boxed:expr => $use:expr) => {
        if const { size_of::<$type>() > $crate::engine::large::LARGE } {
            let $value = $boxed;
            $use
        } else {
            $use
        }
    };
}
pub(crate) use box_if_large;
