//! Between the router's and the storage's types, which know no plugin, and the loader's.

use std::borrow::Cow;

use bytes::Bytes;

use agentsys_loader::{Data, Failure, failure_kind as kind};
use agentsys_router::{ContentType, ErrorKind, Payload, TaskError};
use agentsys_storage::{StorageError, Value};

pub(crate) fn data(payload: Payload) -> Data {
    let (bytes, content_type) = payload.into_parts();
    let content_type = match content_type.known() {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(content_type.as_str().to_owned()),
    };
    Data {
        bytes,
        content_type,
    }
}

pub(crate) fn payload(data: Data) -> Payload {
    Payload::new(data.bytes, ContentType::new(&data.content_type))
}

pub(crate) fn task_error(failure: Failure) -> TaskError {
    TaskError::new(error_kind(failure.kind), failure.message)
        .with_causes(failure.causes)
        .retryable(failure.retryable)
}

/// A failure as plugins see it. One that the router has tried again in vain is not for the task round it to try again: else the tries of
/// nested tasks would multiply.
pub(crate) fn failure(error: &TaskError) -> Failure {
    let mut failure = Failure::new(code(error.kind()), error.message());
    failure.causes = error.causes().map(ToOwned::to_owned).collect();
    failure.retryable = error.is_retryable() && error.attempts() <= 1;
    failure
}

/// What was stored, as plugins see it.
pub(crate) fn stored(value: Value) -> Data {
    Data {
        bytes: value.bytes,
        content_type: value.content_type,
    }
}

/// What a plugin wants stored. Where it hands back bytes of a library's, they are copied: the storage may keep them longer than that.
pub(crate) fn to_store(data: Data) -> Value {
    Value::new(Bytes::copy_from_slice(&data.bytes), data.content_type)
}

pub(crate) fn storage_failure(error: &StorageError) -> Failure {
    let kind = match error {
        StorageError::EmptyKey
        | StorageError::KeyTooLong { .. }
        | StorageError::ValueTooLarge { .. }
        | StorageError::ContentTypeTooLong { .. }
        | StorageError::InvalidNamespace { .. } => kind::INVALID_INPUT,
        StorageError::Full { .. } => kind::OVERLOADED,
        StorageError::DamagedValue { .. } => kind::FAILED,
        _ => kind::UNAVAILABLE,
    };
    let mut failure = Failure::new(kind, error.to_string());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        failure.causes.push(cause.to_string());
        source = cause.source();
    }
    failure
}

/// What is wrong with a call of a plugin's `process`, in words of plugins and not of the route that stands for it.
pub(crate) fn no_process(error: TaskError, plugin: &str, route: &str) -> TaskError {
    // One that the plugin's `process` itself answers names the agent that it is.
    let refused = error.agent().is_none() && error.route() == Some(route);
    if error.kind() != ErrorKind::NotFound || !refused {
        return error;
    }
    let message = format!("no plugin {plugin:?} with a `process` of its own serves");
    TaskError::new(ErrorKind::NotFound, message)
}

fn error_kind(code: u32) -> ErrorKind {
    match code {
        kind::INVALID_INPUT => ErrorKind::InvalidInput,
        kind::NOT_FOUND => ErrorKind::NotFound,
        kind::TIMEOUT => ErrorKind::Timeout,
        kind::UNAVAILABLE => ErrorKind::Unavailable,
        kind::OVERLOADED => ErrorKind::Overloaded,
        kind::CANCELLED => ErrorKind::Cancelled,
        kind::PANICKED => ErrorKind::Panicked,
        kind::NOT_RUNNING => ErrorKind::NotRunning,
        kind::INTERNAL => ErrorKind::Internal,
        kind::LOOP_DETECTED => ErrorKind::LoopDetected,
        // A newer plugin may know kinds that we do not.
        _ => ErrorKind::Failed,
    }
}

pub(crate) fn code(error: ErrorKind) -> u32 {
    match error {
        ErrorKind::InvalidInput => kind::INVALID_INPUT,
        ErrorKind::NotFound => kind::NOT_FOUND,
        ErrorKind::Timeout => kind::TIMEOUT,
        ErrorKind::Unavailable => kind::UNAVAILABLE,
        ErrorKind::Overloaded => kind::OVERLOADED,
        ErrorKind::Cancelled => kind::CANCELLED,
        ErrorKind::Panicked => kind::PANICKED,
        ErrorKind::NotRunning => kind::NOT_RUNNING,
        ErrorKind::Internal => kind::INTERNAL,
        ErrorKind::LoopDetected => kind::LOOP_DETECTED,
        _ => kind::FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_seam_comes_back_from_the_routers() {
        for code_ in 0..=kind::LOOP_DETECTED {
            assert_eq!(code(error_kind(code_)), code_);
        }
    }

    #[test]
    fn a_failure_keeps_its_causes_on_its_way_through_the_router() {
        let mut before = Failure::new(kind::UNAVAILABLE, "no connection");
        before.causes = vec!["refused".to_owned(), "port closed".to_owned()];
        before.retryable = true;
        assert_eq!(failure(&task_error(before.clone())), before);
    }
}
