//! Under construction.
pub mod record;
