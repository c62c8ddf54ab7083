//! Work that may hold a thread up.

use std::panic::resume_unwind;

use tokio::runtime::Handle;

use crate::StorageError;

/// Does the work on a blocking thread of the caller's runtime. A caller without one has its thread
/// to itself, and does the work there.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let Ok(runtime) = Handle::try_current() else {
        return work();
    };
    match runtime.spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(StorageError::Interrupted),
    }
}
