//! How tasks run. The part that everybody reads, top to bottom.

pub(crate) mod prim;
pub(crate) mod large;
pub(crate) mod park;
pub(crate) mod block_on;
pub(crate) mod clock;
pub(crate) mod random;
pub(crate) mod context;
pub(crate) mod trace;
pub(crate) mod state;
pub(crate) mod task;
pub(crate) mod live;
pub(crate) mod queue;
pub(crate) mod timer;
pub(crate) mod poller;
pub(crate) mod reactor;
pub(crate) mod driver;
pub(crate) mod idle;
pub(crate) mod shared;
pub(crate) mod worker;
pub(crate) mod root;
pub(crate) mod threads;
pub(crate) mod blocking;
