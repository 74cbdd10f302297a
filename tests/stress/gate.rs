//! A gate: the least that a task can wait for, with a count of everything that happens.
//!
//! Each opening has a number. The waiting task stores its waker under the lock under which it reads the number,
//! so the gate itself has no race: if the task is not polled after an opening, the runtime has lost the wake.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::random::Random;

/// One task waits here, and any thread opens the gate.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    openings: u64,
    /// The last opening that a poll has seen.
    seen: u64,
    waker: Option<Waker>,
    polls: u64,
    /// Calls of a waker, counted before they are made.
    wakes: u64,
    /// No task waits here any more.
    left: bool,
}

impl Gate {
    /// Opens the gate, and wakes the task in one of the possible ways. Returns the number of the opening.
    pub fn open(&self, random: &mut Random) -> u64 {
        let way = random.below(6);
        let mut state = self.0.lock().unwrap();
        state.openings += 1;
        let opening = state.openings;
        state.wakes += if way == 0 { 2 } else { 1 };
        if way == 5 {
            // Under the lock, and the waker stays for a second use.
            state.waker.as_ref().inspect(|waker| waker.wake_by_ref());
            return opening;
        }
        let waker = state.waker.take();
        drop(state);
        let Some(waker) = waker else { return opening };
        match way {
            0 => {
                waker.wake_by_ref();
                waker.wake();
            }
            1 => waker.wake_by_ref(),
            2 => {
                drop(waker.clone());
                waker.wake();
            }
            3 => {
                let clone = waker.clone();
                drop(waker);
                clone.wake();
            }
            _ => waker.wake(),
        }
        opening
    }

    /// Wakes for no reason.
    pub fn poke(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.wakes += 1;
            state.waker.clone()
        };
        waker.inspect(Waker::wake_by_ref);
    }

    /// Whether the task has seen an opening, or is gone.
    pub fn is_answered(&self, opening: u64) -> bool {
        let state = self.0.lock().unwrap();
        state.seen >= opening || state.left
    }

    /// Waits for the next opening.
    pub fn opened(&self) -> Opened<'_> {
        Opened(self)
    }

    /// Called by the task: it waits no more.
    pub fn leave(&self) {
        self.0.lock().unwrap().left = true;
    }

    /// What the watchdog prints: openings / seen, polls, wakes.
    pub fn describe(&self) -> String {
        let Ok(state) = self.0.try_lock() else { return "locked".to_owned() };
        let State { openings, seen, waker, polls, wakes, left } = &*state;
        let waker = waker.is_some();
        format!(
            "seen {seen} of {openings}, {polls} polls, {wakes} wakes, waker {waker}, left {left}"
        )
    }
}

/// Ready after an opening that was not seen yet.
pub struct Opened<'a>(&'a Gate);

impl Future for Opened<'_> {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let mut state = self.0.0.lock().unwrap();
        if state.openings > state.seen {
            state.seen = state.openings;
            return Poll::Ready(state.seen);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Waits at a gate and does nothing else, so that its polls can be counted: the first, and at most one for
/// each wake.
pub struct Keeper<'a, F> {
    pub gate: &'a Gate,
    pub until: F,
}

impl<F: Fn() -> bool + Unpin> Future for Keeper<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.gate.0.lock().unwrap();
            state.polls += 1;
            assert!(state.polls <= 1 + state.wakes, "a poll without a wake: {state:?}");
        }
        while Pin::new(&mut self.gate.opened()).poll(cx).is_ready() {
            if (self.until)() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
