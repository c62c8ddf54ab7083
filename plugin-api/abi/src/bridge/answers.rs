//! Who answered, of those to whom a task was broadcast: written by the host, read by the plugin.
//!
//! Eight bytes in little endian are the agent's number, and the rest is its name, in UTF-8. The answer itself is the item that follows, so that it need not be copied.

/// Who answered.
#[must_use]
pub fn write(agent: u64, name: &str) -> Vec<u8> {
    let mut header = Vec::with_capacity(8 + name.len());
    header.extend(agent.to_le_bytes());
    header.extend_from_slice(name.as_bytes());
    header
}

/// The agent's number and its name. `None` where it is none.
#[must_use]
pub fn read(header: &[u8]) -> Option<(u64, &str)> {
    let (agent, name) = header.split_first_chunk()?;
    Some((u64::from_le_bytes(*agent), std::str::from_utf8(name).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answered_comes_back_as_it_was_written() {
        for (agent, name) in [(0, ""), (u64::MAX, "data-agents")] {
            assert_eq!(read(&write(agent, name)), Some((agent, name)));
        }
        assert_eq!(read(&[0; 7]), None);
        assert_eq!(read(&[0xff; 9]), None);
    }
}
