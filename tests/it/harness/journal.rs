//! What plugins noted: one line a step.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PATIENCE;

pub(crate) struct Journal(PathBuf);

impl Journal {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until that line is there. Plugins write it from threads that no test can await.
    pub(crate) async fn wait_for(&self, line: &str) {
        let look = async {
            while !self.lines().iter().any(|noted| noted == line) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        assert!(found.is_ok(), "no line {line:?} in {:?}", self.lines());
    }
}
