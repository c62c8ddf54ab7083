//! Whether a closed library can be unmapped, and doing so: the part that knows the platform.
//!
//! | platform | a closed library |
//! |---|---|
//! | Linux with glibc, on x86-64 and aarch64 | is unmapped, and seen to be |
//! | all others | stays in memory: `pinned: platform` |

use std::sync::Arc;

use crate::closing::Pin;
use crate::mapping::{Early, Mapping};
use crate::threads;

/// What stands in the way of unmapping now.
pub(crate) fn obstacle(mapping: &Arc<Mapping>) -> Option<Pin> {
    let left = mapping.stays.left();
    let names = |threads: &[u32]| threads.iter().map(|it| threads::name_of(*it)).collect();
    match mapping.early() {
        None => Some(Pin::Platform),
        Some(Early {
            keys: 0,
            threads: 0,
        }) => {
            if !left.own.is_empty() {
                Some(Pin::Threads(names(&left.own)))
            } else if !left.others.is_empty() {
                Some(Pin::Values(names(&left.others)))
            } else {
                system::obstacle(mapping)
            }
        }
        Some(_) => Some(Pin::Constructors),
    }
}

/// Unmaps it. The caller has seen that nothing stands in the way.
pub(crate) fn unmap(mapping: &Arc<Mapping>) -> Result<(), Pin> {
    system::unmap(mapping)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "unmap/glibc.rs"]
mod system;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    use super::{Arc, Mapping, Pin};

    pub(super) fn obstacle(_: &Arc<Mapping>) -> Option<Pin> {
        Some(Pin::Platform)
    }

    pub(super) fn unmap(_: &Arc<Mapping>) -> Result<(), Pin> {
        Err(Pin::Platform)
    }
}
