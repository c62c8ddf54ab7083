//! How large things may be, checked once for every backend, before it is asked.

use crate::error::shown;
use crate::{StorageError, Value};

/// The longest key, in bytes; the shortest has one.
pub const MAX_KEY_BYTES: usize = 4096;

/// The largest value, in bytes: 64 MiB.
pub const MAX_VALUE_BYTES: usize = 64 * 1024 * 1024;

/// The longest content type of a value, in bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// The longest name of a namespace, in bytes; the shortest has one.
pub const MAX_NAMESPACE_BYTES: usize = 64;

pub(crate) fn check_key(key: &[u8]) -> Result<(), StorageError> {
    match key.len() {
        0 => Err(StorageError::EmptyKey),
        1..=MAX_KEY_BYTES => Ok(()),
        size => Err(StorageError::KeyTooLong {
            key: shown(key),
            size,
            limit: MAX_KEY_BYTES,
        }),
    }
}

pub(crate) fn check_value(key: &[u8], value: &Value) -> Result<(), StorageError> {
    let size = value.bytes.len();
    if size > MAX_VALUE_BYTES {
        return Err(StorageError::ValueTooLarge {
            key: shown(key),
            size,
            limit: MAX_VALUE_BYTES,
        });
    }
    let size = value.content_type.len();
    if size > MAX_CONTENT_TYPE_BYTES {
        return Err(StorageError::ContentTypeTooLong {
            key: shown(key),
            size,
            limit: MAX_CONTENT_TYPE_BYTES,
        });
    }
    Ok(())
}

pub(crate) fn is_namespace(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| check_namespace(name).is_ok())
}

pub(crate) fn check_namespace(name: &str) -> Result<(), StorageError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAMESPACE_BYTES {
        "it is longer than 64 bytes"
    } else if !name.chars().all(allowed) {
        "only a-z, 0-9, _ and - may be in it"
    } else if name.starts_with(['_', '-']) {
        "it must begin with a letter or a digit"
    } else {
        return Ok(());
    };
    Err(StorageError::InvalidNamespace {
        name: name.to_owned(),
        reason,
    })
}
