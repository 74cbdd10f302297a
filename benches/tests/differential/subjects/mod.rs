//! What each primitive can do. The text knows neither crate: the module above it says which one `peer` is.

use super::{Token, codec, peer, poll_flush, poll_read, poll_shutdown, poll_write, runtime};

mod oneshot;
mod mpsc;
mod broadcast;
mod watch;
mod notify;
mod semaphore;
mod locks;
mod cancellation;
mod within;
mod join_set;
mod time;
mod codecs;
mod duplex;

pub use broadcast::Broadcast;
pub use cancellation::CancellationToken;
pub use codecs::{LengthDelimitedCodec, LinesCodec};
pub use duplex::Duplex;
pub use join_set::JoinSet;
pub use locks::{Mutex, RwLock};
pub use mpsc::{BoundedMpsc, UnboundedMpsc};
pub use notify::Notify;
pub use oneshot::Oneshot;
pub use semaphore::Semaphore;
pub use time::Time;
pub use watch::Watch;
