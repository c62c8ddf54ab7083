//! The storage, as plugins call it.

use std::sync::Arc;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::RSlice;
use agentsys_abi::bridge::entries::{self, Entry};
use agentsys_abi::bridge::{Answer, Failure, Handed, Payload};
use agentsys_abi::call::RawReply;
use agentsys_abi::error::kind;
use agentsys_abi::host::{StorageApi, StorageApiRef};
use agentsys_abi::payload::RawPayload;
use bytes::Bytes;

use super::answer_later;
use crate::mapping::Mapping;
use crate::output::Data;
use crate::services::{StorageAnswer, StorageOperation};

pub(super) const API: StorageApiRef = StorageApiRef(
    const {
        &WithMetadata::new(StorageApi {
            get,
            put,
            delete,
            scan,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn get(context: *const (), key: RSlice<'_, u8>) -> RawReply {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    let key = copy(&key);
    run(mapping, StorageOperation::Get { key })
}

unsafe extern "C" fn put(
    context: *const (),
    key: RSlice<'_, u8>,
    value: *mut RawPayload,
) -> RawReply {
    // SAFETY: the seam: `context` is ours, and the value is handed over.
    let (mapping, value) = unsafe { (Mapping::claim(context), Handed::new(&*value).take()) };
    let (key, value) = (copy(&key), Data::from_payload(value, &mapping));
    run(mapping, StorageOperation::Put { key, value })
}

unsafe extern "C" fn delete(context: *const (), key: RSlice<'_, u8>) -> RawReply {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    let key = copy(&key);
    run(mapping, StorageOperation::Delete { key })
}

unsafe extern "C" fn scan(
    context: *const (),
    prefix: RSlice<'_, u8>,
    after: RSlice<'_, u8>,
    limit: u32,
) -> RawReply {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    let operation = StorageOperation::Scan {
        prefix: copy(&prefix),
        after: copy(&after),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    run(mapping, operation)
}

fn copy(bytes: &RSlice<'_, u8>) -> Bytes {
    Bytes::copy_from_slice(bytes.as_slice())
}

fn run(mapping: Arc<Mapping>, operation: StorageOperation) -> RawReply {
    answer_later(mapping, "storage", |services| {
        let stored = services.storage(operation);
        Box::pin(async move { stored.await.and_then(into_payload) })
    })
}

fn into_payload(answer: StorageAnswer) -> Answer {
    match answer {
        StorageAnswer::Done => Ok(Payload::new(Bytes::new(), "")),
        StorageAnswer::Value(Some(value)) => Ok(value.into_payload()),
        StorageAnswer::Value(None) => Err(Failure::new(kind::NOT_FOUND, "")),
        StorageAnswer::Removed(was_there) => {
            let byte: &[u8] = if was_there { &[1] } else { &[0] };
            Ok(Payload::new(Bytes::from_static(byte), ""))
        }
        StorageAnswer::Page { entries, more } => {
            let entries = entries.iter().map(|(key, value)| Entry {
                key,
                content_type: &value.content_type,
                value: &value.bytes,
            });
            let page = entries::write(entries, more).ok_or_else(|| {
                let message = "a value is too large for a page of a scan: get it by its key";
                Failure::new(kind::INTERNAL, message)
            })?;
            Ok(Payload::new(page.into(), ""))
        }
    }
}
