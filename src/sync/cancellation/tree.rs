//! How does one tell a task to stop, and all that it has started, and all that those have?
//!
//! By a flag, which stays up once it is raised, and a line of those who wait for it. What is more than that
//! is the tree: a token has children, and to cancel it cancels them, and theirs; but not the other way
//! round. A server has a token, each connection a child of it, and each request a child of that.
//!
//! ```text
//!                server ●                     ● held   ○ dropped
//!                ╱     │  ╲
//!           con ●      ○   ● con              a dropped token that has one child only, or
//!              ╱ ╲    ╱ ╲                     none, leaves the tree; one with more has to
//!         req ●   ●  ●   ● req                stay, to hold them together
//! ```
//!
//! The flag and the line belong to the token, so that to look at it or to wait for it costs nothing for
//! the others. The tree lies beside them under one lock, which is needed to add a child, to drop a token and
//! to cancel one. It is a map of numbers, not of pointers: a tree as deep as you like is walked and dropped
//! without recursion, and a token that was dropped leaves no memory in it. There are fewer places without a
//! token than with one, as each of those has two children at least.
//!
//! Next: `token.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use crate::engine::coop;
use crate::engine::prim::Mutex;
use crate::engine::prim::atomic::{AtomicBool, Ordering};
use crate::engine::trace::{self, Waiting};
use crate::sync::waiters::{Key, Waiters, Wakers, leave_line, look_or_line_up};

/// What all clones of a token share.
pub(super) struct Node {
    /// Once true it stays so. It becomes so under the tree's lock.
    cancelled: AtomicBool,
    /// Who waits for that.
    line: Mutex<Waiters<()>>,
    tree: Arc<Mutex<Tree>>,
    id: u64,
}

/// The tokens that descend from one, as far as they are not cancelled.
#[derive(Default)]
struct Tree {
    /// Who has neither a parent nor a child needs no place.
    places: BTreeMap<u64, Place>,
    last_id: u64,
}

#[derive(Default)]
struct Place {
    node: Weak<Node>,
    parent: Option<u64>,
    children: BTreeSet<u64>,
}

impl Node {
    /// Without a parent.
    pub(super) fn root() -> Arc<Node> {
        Node::new(Arc::default(), 0, false)
    }

    fn new(tree: Arc<Mutex<Tree>>, id: u64, cancelled: bool) -> Arc<Node> {
        let line = Mutex::new(Waiters::new());
        Arc::new(Node { cancelled: AtomicBool::new(cancelled), line, tree, id })
    }

    pub(super) fn child(self: &Arc<Node>) -> Arc<Node> {
        let mut tree = self.tree.lock();
        tree.last_id += 1;
        let (id, is_cancelled) = (tree.last_id, self.is_cancelled());
        let child = Node::new(self.tree.clone(), id, is_cancelled);
        if !is_cancelled {
            tree.add(self, &child);
        }
        child
    }

    pub(super) fn cancel(self: &Arc<Node>) {
        let mut tree = self.tree.lock();
        if self.is_cancelled() {
            return;
        }
        let mut nodes = vec![self.clone()];
        tree.remove_descendants(self.id, &mut nodes);
        for node in &nodes {
            // Release: matches the load in `is_cancelled`.
            node.cancelled.store(true, Ordering::Release);
        }
        drop(tree);
        let mut wakers = Wakers::default();
        for node in &nodes {
            // Who looked at the flag before stands in the line now, as it looked under this lock.
            node.line.lock().serve_all(&mut wakers);
        }
        wakers.wake_all();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Ready when it is cancelled, also if the poll's budget is gone.
    pub(super) fn poll_cancelled(&self, cx: &mut Context<'_>, place: &mut Option<Key>) -> Poll<()> {
        let look = |_: &mut Waiters<()>| match self.is_cancelled() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        look_or_line_up(&self.line, cx, place, look, |line| line)
    }

    /// The same as one operation of the poll.
    pub(super) fn poll_in_turn(&self, cx: &mut Context<'_>, place: &mut Option<Key>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        if self.poll_cancelled(cx, place).is_pending() {
            trace::waiting(Waiting::On { what: "a cancellation" });
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(())
    }

    /// A future that waited goes away.
    pub(super) fn leave(&self, place: Option<Key>) {
        leave_line(&self.line, place, |line| line);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // What is cancelled has left the tree.
        if !self.is_cancelled() {
            self.tree.lock().tidy(self.id);
        }
    }
}

impl Tree {
    fn add(&mut self, parent: &Arc<Node>, child: &Arc<Node>) {
        let place = self.places.entry(parent.id).or_default();
        place.node = Arc::downgrade(parent);
        place.children.insert(child.id);
        let (parent, node) = (Some(parent.id), Arc::downgrade(child));
        self.places.insert(child.id, Place { node, parent, ..Place::default() });
    }

    /// Takes a place and all below it out of the tree, and collects the tokens of those below, the elder
    /// first. Drop them outside of the lock.
    fn remove_descendants(&mut self, id: u64, nodes: &mut Vec<Arc<Node>>) {
        let Some(place) = self.places.remove(&id) else { return };
        if let Some(parent) = place.parent {
            self.place(parent).children.remove(&id);
            self.tidy(parent);
        }
        let mut ids = VecDeque::from_iter(place.children);
        while let Some(id) = ids.pop_front() {
            let place = self.places.remove(&id).expect("a child has a place");
            ids.extend(place.children);
            // None: nobody holds it, or its last handle is being dropped and waits for our lock.
            nodes.extend(place.node.upgrade());
        }
    }

    /// Takes a place out of the tree if nobody holds its token and it holds no two children together. The
    /// only child becomes one of the parent's. That may be the last thing for which the parent was there.
    fn tidy(&mut self, mut id: u64) {
        while let Some(place) = self.places.get_mut(&id) {
            if place.node.strong_count() > 0 {
                return;
            }
            // It may hold the node's memory.
            place.node = Weak::new();
            if place.children.len() > 1 {
                return;
            }
            let Place { parent, children, .. } = self.places.remove(&id).expect("it is there");
            for child in &children {
                self.place(*child).parent = parent;
            }
            let Some(parent) = parent else { return };
            let siblings = &mut self.place(parent).children;
            siblings.remove(&id);
            siblings.extend(children);
            id = parent;
        }
    }

    fn place(&mut self, id: u64) -> &mut Place {
        self.places.get_mut(&id).expect("who has a relative has a place")
    }
}
