//! How does a task tell another task to stop, with all the tasks that it has started, and all that those have?
//!
//! By a flag, which stays set, and a [`Notify`] for the tasks that wait for it. The tokens form a tree: cancelling a
//! token cancels its children and theirs, but not its parent. A server has a token, each connection a child of it, and
//! each request a child of that.
//!
//! ```text
//!         server ●                 server ●          A token that is dropped leaves
//!              ╱   ╲                   ╱ │ ╲         the tree: its children become
//!         con ●     ● con    ──▶  req ●  ●  ● con    children of its parent.
//!            ╱ ╲    dropped:
//!       req ●   ●   the left `con`
//! ```
//!
//! The flag and the `Notify` belong to the token, so that looking at one or waiting for it costs the others nothing.
//! The tree is beside them under one lock, which is taken to add a child, to drop a token and to cancel one. It maps
//! numbers instead of linking nodes: it is walked without recursion, however deep it is.
//!
//! Next: `token.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

use crate::engine::prim::Mutex;
use crate::engine::prim::atomic::{AtomicBool, Ordering};
use crate::sync::notify::{HasNotify, Notify};

/// What all clones of a token share.
pub struct Node {
    /// Set once, under the tree's lock.
    cancelled: AtomicBool,
    /// Notified after `cancelled` is set.
    notify: Notify,
    tree: Arc<Mutex<Tree>>,
    id: u64,
}

/// A root and the tokens that descend from it, without those that are cancelled or dropped.
#[derive(Default)]
struct Tree {
    /// A token without a parent and without children needs no entry.
    entries: BTreeMap<u64, Entry>,
    last_id: u64,
}

struct Entry {
    node: Weak<Node>,
    parent: Option<u64>,
    children: BTreeSet<u64>,
}

impl Node {
    /// A token without a parent.
    pub(super) fn root() -> Arc<Node> {
        Node::new(Arc::default(), 0, false)
    }

    fn new(tree: Arc<Mutex<Tree>>, id: u64, cancelled: bool) -> Arc<Node> {
        Arc::new(Node { cancelled: AtomicBool::new(cancelled), notify: Notify::new(), tree, id })
    }

    pub(super) fn child(self: &Arc<Node>) -> Arc<Node> {
        let mut tree = self.tree.lock();
        tree.last_id += 1;
        let (id, cancelled) = (tree.last_id, self.is_cancelled());
        let child = Node::new(self.tree.clone(), id, cancelled);
        if !cancelled {
            tree.entry(self, None).children.insert(id);
            tree.entry(&child, Some(self.id));
        }
        child
    }

    pub(super) fn cancel(self: &Arc<Node>) {
        let mut nodes = vec![self.clone()];
        let mut tree = self.tree.lock();
        tree.remove_with_descendants(self.id, &mut nodes);
        for node in &nodes {
            // Release: matches the load in `is_cancelled`.
            node.cancelled.store(true, Ordering::Release);
        }
        drop(tree);
        nodes.iter().for_each(|node| node.notify.notify_waiters());
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

impl HasNotify for Node {
    fn notify(&self) -> &Notify {
        &self.notify
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tree.lock().remove(self.id);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

impl Tree {
    /// The entry of a token; made if there is none yet.
    fn entry(&mut self, node: &Arc<Node>, parent: Option<u64>) -> &mut Entry {
        self.entries.entry(node.id).or_insert_with(|| Entry {
            node: Arc::downgrade(node),
            parent,
            children: BTreeSet::new(),
        })
    }

    /// Removes a token. Its children become children of its parent.
    fn remove(&mut self, id: u64) {
        let Some(Entry { parent, children, .. }) = self.entries.remove(&id) else { return };
        for child in &children {
            self.existing(*child).parent = parent;
        }
        if let Some(parent) = parent {
            let siblings = &mut self.existing(parent).children;
            siblings.remove(&id);
            siblings.extend(children);
        }
    }

    /// Removes a token and all that descend from it, and collects those, the oldest of each level first. The caller
    /// drops them outside of the lock.
    fn remove_with_descendants(&mut self, id: u64, nodes: &mut Vec<Arc<Node>>) {
        let Some(Entry { parent, children, .. }) = self.entries.remove(&id) else { return };
        if let Some(parent) = parent {
            self.existing(parent).children.remove(&id);
        }
        let mut ids = VecDeque::from_iter(children);
        while let Some(id) = ids.pop_front() {
            let entry = self.entries.remove(&id).expect("a child has an entry");
            ids.extend(entry.children);
            // None: its last handle is being dropped, and waits for the lock.
            nodes.extend(entry.node.upgrade());
        }
    }

    fn existing(&mut self, id: u64) -> &mut Entry {
        self.entries.get_mut(&id).expect("a token with a parent or a child has an entry")
    }
}
