//! What clients asked for and what became of it, as seen at the edge of the node: a request has arrived when its
//! last byte was handed to the node, and is answered when the last byte of the reply left it.

use lockstep_core::Mono;

use crate::resp::{Reply, Words};
use crate::schedule::Micros;

/// A place in the committed log and in its time: after so many commands, at this time or later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Point {
    /// How many commands of the log have run.
    pub units: u64,
    /// The log's time, in milliseconds since the epoch.
    pub time_ms: u64,
}

/// A moment of the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// True time.
    pub true_us: Micros,
    /// The node's monotonic clock.
    pub mono: Mono,
    /// The node's wall clock, in milliseconds.
    pub wall_ms: u64,
}

/// What is known of a request's answer before it comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The model tells.
    Keys,
    /// It is always this.
    Fixed(Reply),
    /// Anything, as long as it is one reply.
    Free,
}

/// The number of a request in the history.
pub type OpId = usize;

/// One request.
#[derive(Clone, Debug)]
pub struct Op {
    /// The serial number of its connection.
    pub conn: usize,
    /// Which database the connection had chosen.
    pub database: usize,
    /// Its words.
    pub words: Words,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is known of its answer.
    pub kind: Kind,
    /// Where it ends in the stream of its connection.
    pub end: u64,
    /// When its last byte reached the node: what everybody had been told until then, and the log's time.
    pub arrived: Option<(Point, u64)>,
    /// Which command of the log it is.
    pub unit: Option<u64>,
    /// What the model says it answers, if it is in the log.
    pub expected: Option<Reply>,
    /// What was answered.
    pub answer: Option<Reply>,
}

impl Op {
    /// The request, to be shown.
    #[must_use]
    pub fn show(&self) -> String {
        let shown: Vec<String> = self
            .words
            .iter()
            .map(|word| {
                format!(
                    "{}{}",
                    word[..word.len().min(24)].escape_ascii(),
                    if word.len() > 24 { "…" } else { "" }
                )
            })
            .collect();
        shown.join(" ")
    }
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub text: String,
}

/// Stops with a violation.
///
/// # Errors
/// Always.
pub fn violated<T>(invariant: &'static str, text: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant, text: text.into() })
}
