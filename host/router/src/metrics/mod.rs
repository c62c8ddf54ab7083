//! What is counted of routes and agents, at a price that the fastest call does not feel.
//!
//! Each call counts itself in two words that it writes anyway. Two looks at the clock would cost more than a plain handler's whole call: so of calls that are answered at once one in
//! [`TIMED_ONE_IN`] is timed, and of those that wait each. Everything else is counted on the path of failures alone.

mod meter;
mod report;
mod sketch;

pub(crate) use meter::{Meter, TIMED_ONE_IN};
pub use report::{AgentMetrics, RouteMetrics, Summary};
pub use sketch::Sketch;
