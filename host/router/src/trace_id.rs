//! What tasks nested in each other have in common, in the form that tracing systems know. It is
//! worked out when somebody asks, so that a call does not pay for it.

use std::fmt;
use std::num::NonZeroU128;

use crate::seed::scatter;

/// Names a task from outside together with all that are nested in it. 128 bits, never all zero,
/// shown as 32 hexadecimal digits, as in W3C's `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// That of all tasks within the one with this number.
    pub(crate) fn of(outermost: u64) -> Self {
        let [high, low] = [0_u8, 1].map(|half| u128::from(scatter((outermost, half))));
        Self(NonZeroU128::new(high << 64 | low).unwrap_or(NonZeroU128::MIN))
    }

    /// One from outside; `None` for 0, which is none.
    pub fn from_u128(id: u128) -> Option<Self> {
        NonZeroU128::new(id).map(Self)
    }

    /// The id as a number.
    pub fn as_u128(self) -> u128 {
        self.0.get()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::TraceId;

    #[test]
    fn each_outermost_task_has_an_id_of_its_own_and_always_the_same() {
        let ids: HashSet<TraceId> = (1..=10_000).map(TraceId::of).collect();
        assert_eq!(ids.len(), 10_000);
        assert_eq!(TraceId::of(7), TraceId::of(7));
    }

    #[test]
    fn an_id_is_shown_as_32_digits() {
        for task in 1..=1000 {
            let shown = TraceId::of(task).to_string();
            assert_eq!(shown.len(), 32, "{shown}");
            assert_eq!(
                u128::from_str_radix(&shown, 16),
                Ok(TraceId::of(task).as_u128())
            );
        }
    }
}
