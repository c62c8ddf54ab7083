//! The lifecycle of plugins: a pure machine of states (`machine`), who needs whom (`needs`), what is known of each plugin (`entry`), and the small loop that
//! moves them (`driver`), with its jobs (`jobs`), its end (`ending`) and what it says (`telling`). `uses` makes the plugins of what was found and configured.

mod driver;
mod due;
mod ending;
mod entry;
mod hand_over;
mod jobs;
mod machine;
mod needs;
mod reconciling;
mod replaced;
mod replacing;
mod requests;
mod retired;
mod telling;
mod uses;

pub(crate) use driver::Driver;

pub(crate) use entry::{Entry, Origin};
pub use machine::PluginState;
pub(crate) use needs::unmet;
pub(crate) use requests::By;
pub(crate) use retired::CLOSE_GRACE;
pub(crate) use uses::{Uses, origin, uses};
