//! A page of a scan as bytes: written by the host, read by the plugin.
//!
//! One byte that is not 0 where more would follow; then for each entry the lengths of key, content type and value as `u32`s in little
//! endian, and those three.

/// One key with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value's content type; empty where none was given.
    pub content_type: &'a str,
    /// The value.
    pub value: &'a [u8],
}

/// Writes a page. `None` where a part has more bytes than a `u32` counts.
#[must_use]
pub fn write<'a>(entries: impl IntoIterator<Item = Entry<'a>>, more: bool) -> Option<Vec<u8>> {
    let mut page = vec![u8::from(more)];
    for entry in entries {
        let parts = [entry.key, entry.content_type.as_bytes(), entry.value];
        for part in parts {
            page.extend(u32::try_from(part.len()).ok()?.to_le_bytes());
        }
        parts.iter().for_each(|part| page.extend_from_slice(part));
    }
    Some(page)
}

/// Reads a page: its entries, and whether more would follow. `None` where it is none.
#[must_use]
pub fn read(page: &[u8]) -> Option<(Vec<Entry<'_>>, bool)> {
    let (more, mut rest) = page.split_first()?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let mut lens = [0; 3];
        for len in &mut lens {
            let (bytes, after) = rest.split_first_chunk()?;
            *len = usize::try_from(u32::from_le_bytes(*bytes)).ok()?;
            rest = after;
        }
        let mut parts = [[].as_slice(); 3];
        for (part, len) in parts.iter_mut().zip(lens) {
            (*part, rest) = rest.split_at_checked(len)?;
        }
        entries.push(Entry {
            key: parts[0],
            content_type: std::str::from_utf8(parts[1]).ok()?,
            value: parts[2],
        });
    }
    Some((entries, *more != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_back_as_it_was_written_and_a_cut_one_does_not() {
        let entries = [
            Entry {
                key: b"a\0b",
                content_type: "text/plain",
                value: b"",
            },
            Entry {
                key: b"c",
                content_type: "",
                value: b"value",
            },
        ];
        let page = write(entries, true).unwrap();
        assert_eq!(read(&page), Some((entries.to_vec(), true)));
        assert_eq!(read(&write([], false).unwrap()), Some((vec![], false)));
        let whole: Vec<usize> = (0..page.len())
            .filter(|end| read(&page[..*end]).is_some())
            .collect();
        assert_eq!(
            whole,
            [1, 26],
            "cut between entries, a page is a shorter one"
        );
        assert_eq!(read(&[]), None);
    }
}
