//! What is kept of a task's data for the case that it has to be tried again. The agent gets the
//! data itself, and nearly all tasks are answered at the first attempt: so keeping it must cost
//! next to nothing.
//!
//! A clone of the data is cheap to look at and still not free. It takes an atomic operation now and
//! one at the end, on a word that all callers share who send the same bytes; and the first clone of
//! bytes that came as a `Vec` allocates their count. A few bytes are copied in less time than that.

use bytes::Bytes;

use crate::{ContentType, Payload};

/// Up to here a copy costs less than a clone.
const FEW: usize = 64;

pub(crate) enum Kept {
    /// The task is tried once.
    Nothing,
    Copy {
        buffer: [u8; FEW],
        len: usize,
        content_type: ContentType,
    },
    Clone(Payload),
}

impl Kept {
    #[inline]
    pub(crate) fn of(data: &Payload, again: bool) -> Self {
        if !again {
            return Self::Nothing;
        }
        let bytes = data.bytes();
        let len = bytes.len();
        let mut buffer = [0; FEW];
        match buffer.get_mut(..len) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Self::Copy {
                    buffer,
                    len,
                    content_type: data.content_type().clone(),
                }
            }
            None => Self::Clone(data.clone()),
        }
    }

    /// The data once more; none where it was not kept.
    pub(crate) fn again(&self) -> Option<Payload> {
        match self {
            Self::Nothing => None,
            Self::Copy {
                buffer,
                len,
                content_type,
            } => {
                let bytes = Bytes::copy_from_slice(&buffer[..*len]);
                Some(Payload::new(bytes, content_type.clone()))
            }
            Self::Clone(data) => Some(data.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_every_size_comes_back_as_it_was() {
        for len in [0, 1, FEW - 1, FEW, FEW + 1, 10 * FEW] {
            let sent = Payload::csv(vec![b'x'; len]);
            let kept = Kept::of(&sent, true);
            assert_eq!(kept.again().as_ref(), Some(&sent));
            assert_eq!(kept.again(), Some(sent));
        }
    }

    #[test]
    fn nothing_is_kept_of_a_task_that_is_tried_once() {
        assert!(Kept::of(&Payload::text("x"), false).again().is_none());
    }
}
