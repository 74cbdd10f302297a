//! The workloads, compiled for Openwork.

#![allow(clippy::duplicate_mod, reason = "the same text for each of the two crates")]

use super::Workloads;
use crate::rt::OnOpenwork as Peer;
use openwork as peer;

#[path = "channels.rs"]
mod channels;
#[path = "locks.rs"]
mod locks;
#[path = "timers.rs"]
mod timers;

pub const WORKLOADS: [&Workloads<peer::runtime::Runtime>; 3] =
    [channels::WORKLOADS, locks::WORKLOADS, timers::WORKLOADS];
