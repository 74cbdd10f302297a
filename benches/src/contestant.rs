//! The contestants: what the benchmark compares.
//!
//! Next: `rt/`, one trait over the three runtimes.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    Openwork,
    Tokio,
    Smol,
    /// The echo server without a runtime.
    Epoll,
    /// Tokio, measured a second time. The distance of its ratio to Tokio from 1 is the error of measurement.
    TokioAgain,
}

impl Contestant {
    const ALL: [Contestant; 5] = [
        Contestant::Openwork,
        Contestant::Tokio,
        Contestant::Smol,
        Contestant::Epoll,
        Contestant::TokioAgain,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Contestant::Openwork => "Openwork",
            Contestant::Tokio => "Tokio",
            Contestant::Smol => "smol",
            Contestant::Epoll => "bare epoll",
            Contestant::TokioAgain => "Tokio again",
        }
    }

    pub fn parse(name: &str) -> Option<Contestant> {
        Self::ALL.into_iter().find(|contestant| contestant.name() == name)
    }
}
