//! The handle to a node of the tree: cancel it, wait for it, or have it cancelled when a guard is dropped.
//!
//! This is the last file of `sync`. Next: `task`.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::tree::Node;
use crate::engine::coop;
use crate::sync::notify::Wait;

/// Tells tasks to stop. Its clones are the same token; its children are cancelled with it.
///
/// ```
/// use openwork::sync::CancellationToken;
///
/// # openwork::block_on(async {
/// let token = CancellationToken::new();
/// let child = token.child_token();
/// let task = openwork::spawn(async move {
///     child.cancelled().await;
///     "cleaned up"
/// });
/// token.cancel();
/// assert_eq!(task.await.unwrap(), "cleaned up");
/// # });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

impl CancellationToken {
    /// A token without a parent.
    pub fn new() -> CancellationToken {
        CancellationToken { node: Node::root() }
    }

    /// A token that is cancelled when this one is, or by itself. It is cancelled at once if this one is.
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken { node: self.node.child() }
    }

    /// Cancels this token and all that descend from it, and wakes the tasks that wait for that.
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether this token was cancelled, by itself or with its parent.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Waits until the token is cancelled. Cancel safe.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellation { wait: Wait::new(&self.node) }
    }

    /// Waits until the token is cancelled, and owns the token meanwhile. Cancel safe.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellation { wait: Wait::new(self.node) }
    }

    /// Runs a future until it is ready, or until the token is cancelled: then the result is `None`, and the future is
    /// dropped. If the token is cancelled before the first poll, the future is not polled. If later both happen at
    /// once, the result is the future's.
    ///
    /// Cancel safe if `future` is.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        let (mut future, mut cancelled) = (pin!(future), self.cancelled());
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Even if the future has used up the budget of the poll.
            Poll::Pending => {
                coop::with_unconstrained(|| Pin::new(&mut cancelled).poll(cx)).map(|()| None)
            }
        })
        .await
    }

    /// Runs a future as [`run_until_cancelled`](Self::run_until_cancelled) does, and owns the token meanwhile.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }

    /// A guard that cancels the token when it is dropped.
    #[must_use = "a guard that is dropped at once cancels at once"]
    pub fn drop_guard(self) -> DropGuard {
        CancelOnDrop { token: Some(self) }
    }

    /// A guard that borrows the token, and cancels it when it is dropped.
    #[must_use = "a guard that is dropped at once cancels at once"]
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        CancelOnDrop { token: Some(self) }
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// Whether both are the same token: one is a clone of the other.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &CancellationToken) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl Default for CancellationToken {
    fn default() -> CancellationToken {
        CancellationToken::new()
    }
}

/// Waits until a token is cancelled. `N` is a reference to what the token's clones share, or an `Arc`.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WaitForCancellation<N: Deref<Target = Node>> {
    wait: Wait<N>,
}

/// Waits until a token is cancelled. From [`CancellationToken::cancelled`].
pub type WaitForCancellationFuture<'a> = WaitForCancellation<&'a Node>;

/// Waits until a token is cancelled, and owns it. From [`CancellationToken::cancelled_owned`].
pub type WaitForCancellationFutureOwned = WaitForCancellation<Arc<Node>>;

impl<N: Deref<Target = Node> + Unpin> Future for WaitForCancellation<N> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll_until(cx, "a cancellation", |node| match node.is_cancelled() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
    }
}

/// Cancels its token when it is dropped. `T` is the token, or a reference to it.
#[derive(Debug)]
pub struct CancelOnDrop<T: Borrow<CancellationToken>> {
    /// None once the guard was disarmed.
    token: Option<T>,
}

/// Cancels its token when it is dropped. From [`CancellationToken::drop_guard`].
pub type DropGuard = CancelOnDrop<CancellationToken>;

/// Cancels its token when it is dropped. From [`CancellationToken::drop_guard_ref`].
pub type DropGuardRef<'a> = CancelOnDrop<&'a CancellationToken>;

impl<T: Borrow<CancellationToken>> CancelOnDrop<T> {
    /// Gives the token back, and does not cancel it.
    pub fn disarm(mut self) -> T {
        self.token.take().expect("only `disarm` takes it")
    }
}

impl<T: Borrow<CancellationToken>> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.borrow().cancel();
        }
    }
}
