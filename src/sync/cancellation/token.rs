//! A handle on a node of the tree, and what one does with it: cancel it, look at it, wait for it, or have it
//! cancelled when a guard is dropped.
//!
//! Next: `run_until_cancelled.rs`.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::tree::Node;
use crate::sync::waiters::Key;

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
///     "tidied up"
/// });
/// token.cancel();
/// assert_eq!(task.await.unwrap(), "tidied up");
/// # });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    pub(super) node: Arc<Node>,
}

impl CancellationToken {
    /// A token without a parent.
    pub fn new() -> CancellationToken {
        CancellationToken { node: Node::root() }
    }

    /// A token that is cancelled when this one is, or by itself. If this one is cancelled, so is the
    /// child.
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken { node: self.node.child() }
    }

    /// Cancels this token and all that descend from it, and wakes all who wait for that.
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether this token or one that it descends from was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Waits until the token is cancelled. Cancel safe.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture { node: &self.node, place: None }
    }

    /// The same, for a future that holds the token.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned { token: self, place: None }
    }

    /// A guard that cancels the token when it is dropped.
    #[must_use = "a guard that is dropped at once cancels at once"]
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// A guard that cancels the token when it is dropped, and borrows it.
    #[must_use = "a guard that is dropped at once cancels at once"]
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef { token: Some(self) }
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
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

/// Waits until a token is cancelled. From [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitForCancellationFuture<'a> {
    pub(super) node: &'a Node,
    /// Where it stands in line, once it does.
    pub(super) place: Option<Key>,
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.node.poll_in_turn(cx, &mut self.place)
    }
}

impl Drop for WaitForCancellationFuture<'_> {
    fn drop(&mut self) {
        self.node.leave(self.place);
    }
}

/// Waits until a token is cancelled, and holds it. From [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitForCancellationFutureOwned {
    pub(super) token: CancellationToken,
    pub(super) place: Option<Key>,
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.token.node.poll_in_turn(cx, &mut this.place)
    }
}

impl Drop for WaitForCancellationFutureOwned {
    fn drop(&mut self) {
        self.token.node.leave(self.place);
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned")
            .field("token", &self.token)
            .field("place", &self.place)
            .finish()
    }
}

/// Cancels its token when it is dropped. From [`CancellationToken::drop_guard`].
#[derive(Debug)]
pub struct DropGuard {
    /// None once it was disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    /// Gives the token back, and cancels nothing.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("only `disarm` takes it")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

/// Cancels its token when it is dropped. From [`CancellationToken::drop_guard_ref`].
#[derive(Debug)]
pub struct DropGuardRef<'a> {
    /// None once it was disarmed.
    token: Option<&'a CancellationToken>,
}

impl<'a> DropGuardRef<'a> {
    /// Gives the token back, and cancels nothing.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect("only `disarm` takes it")
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            token.cancel();
        }
    }
}
