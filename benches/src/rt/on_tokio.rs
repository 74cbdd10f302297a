//! `on_peer.rs`, compiled for Tokio.

#![allow(clippy::duplicate_mod, reason = "the same text for each of the two crates")]

use tokio as peer;

#[path = "on_peer.rs"]
mod on_peer;

pub use on_peer::OnPeer as OnTokio;
