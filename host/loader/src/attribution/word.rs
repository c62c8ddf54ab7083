//! Which generation, what of it, and which entry into it, in one word that is stored at once.

use super::activity::Activity;

/// From the top: 24 bits of the generation's serial, 16 of the activity's code, 24 of a count. 0 is no plugin's.
///
/// Counts begin anew after 16 million entries: a thread cannot make so many between two looks of the watchdog and end at the same one, but by a rare accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

/// The largest serial. The smallest is 1.
pub(super) const MAX_SERIAL: u32 = (1 << 24) - 1;

const COUNT: u64 = (1 << 24) - 1;

impl Word {
    /// The generation of this serial, doing nothing yet.
    pub(super) fn of_generation(serial: u32) -> Self {
        Self(u64::from(serial) << 40)
    }

    /// The same generation, doing that.
    #[inline]
    pub(super) fn doing(self, activity: Activity) -> Self {
        Self(self.0 | u64::from(activity.code()) << 24)
    }

    /// The same, which has no count yet, as the entry after `last`.
    #[inline]
    pub(super) fn counted_after(self, last: Self) -> Self {
        Self(self.0 | (last.0.wrapping_add(1) & COUNT))
    }

    pub(super) fn serial(self) -> u32 {
        // 24 bits are left.
        (self.0 >> 40) as u32
    }

    pub(super) fn activity(self) -> Option<Activity> {
        // The cast takes the 16 bits that are the code's.
        Activity::of_code((self.0 >> 24) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_what_it_was_made_of() {
        let what = Word::of_generation(MAX_SERIAL).doing(Activity::Handler(7));
        let word = what.counted_after(Word(u64::MAX));
        assert_eq!(word.serial(), MAX_SERIAL);
        assert_eq!(word.activity(), Some(Activity::Handler(7)));
        assert_ne!(what.counted_after(word), word);
    }

    #[test]
    fn a_count_that_overflows_changes_nothing_else() {
        let what = Word::of_generation(1).doing(Activity::Opening);
        let last = what.counted_after(Word(COUNT - 1));
        assert_eq!(last.0 & COUNT, COUNT);
        assert_eq!(what.counted_after(last), what);
    }
}
