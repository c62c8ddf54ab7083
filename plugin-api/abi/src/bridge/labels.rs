//! Labels as bytes: written by who puts them on a task, read by the other side.
//!
//! For each one the lengths of name and value as `u32`s in little endian, and those two.

/// Writes labels. `None` where a part has more bytes than a `u32` counts.
#[must_use]
pub fn write<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in labels {
        bytes.extend(u32::try_from(name.len()).ok()?.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    Some(bytes)
}

/// Reads labels. `None` where the bytes are none.
#[must_use]
pub fn read(mut bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut labels = Vec::new();
    while !bytes.is_empty() {
        let (name, value);
        ((name, value), bytes) = read_one(bytes)?;
        labels.push((name, value));
    }
    Some(labels)
}

fn read_one(bytes: &[u8]) -> Option<((&str, &str), &[u8])> {
    let (name_len, bytes) = read_len(bytes)?;
    let (value_len, bytes) = read_len(bytes)?;
    let (name, bytes) = bytes.split_at_checked(name_len)?;
    let (value, rest) = bytes.split_at_checked(value_len)?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some(((text(name)?, text(value)?), rest))
}

fn read_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*len)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_as_they_were_written_and_cut_ones_do_not() {
        let labels = [("zone", "a"), ("", ""), ("tier", "grün")];
        let bytes = write(labels).unwrap();
        assert_eq!(read(&bytes), Some(labels.to_vec()));
        assert_eq!(read(&[]), Some(vec![]));
        let whole: Vec<usize> = (1..bytes.len())
            .filter(|end| read(&bytes[..*end]).is_some())
            .collect();
        assert_eq!(whole, [13, 21], "cut between labels, they are fewer");
        assert_eq!(read(b"\x01\0\0\0\0\0\0\0\xff"), None);
    }
}
