//! Who takes part.
//!
//! Next: `rt/`, how they run.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    Openwork,
    Tokio,
    Smol,
    /// The echo server without a runtime.
    Epoll,
    /// Tokio, measured a second time: what its ratio to itself is off 1 is the measurement's error.
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
