//! The task at hand, as plugins ask for it.

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RSlice, RStr, RString};
use agentsys_abi::bridge::catch;
use agentsys_abi::host::{RawLabel, TaskApi, TaskApiRef};

use crate::task::Slot;

pub(super) const API: TaskApiRef = TaskApiRef(
    const {
        &WithMetadata::new(TaskApi {
            claim,
            release,
            remaining,
            is_cancelled,
            key,
            label,
            label_at,
            traceparent,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn claim(task: *const ()) -> *const () {
    // SAFETY: the seam: the task of a call that has not returned, or a claim.
    unsafe { Slot::claim(task) }
}

unsafe extern "C" fn release(task: *const ()) {
    // SAFETY: the seam: a claim, given up once.
    let _ = catch(|| unsafe { Slot::release(task) });
}

unsafe extern "C" fn remaining(task: *const ()) -> u64 {
    // SAFETY: the seam: the task of a call that has not returned, or a claim.
    let task = unsafe { Slot::task(task) };
    let remaining = catch(|| task.remaining()).ok().flatten();
    remaining.map_or(u64::MAX, |left| {
        u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1)
    })
}

unsafe extern "C" fn is_cancelled(task: *const ()) -> u32 {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    catch(|| task.is_cancelled()).map_or(1, u32::from)
}

// What these three lend is the task's own: the seam says how long it may be used.

unsafe extern "C" fn key(task: *const ()) -> ROption<RSlice<'static, u8>> {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    let key = catch(|| task.key()).ok().flatten();
    key.map(RSlice::from_slice).into()
}

unsafe extern "C" fn label(task: *const (), name: RStr<'_>) -> ROption<RStr<'static>> {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    let value = catch(|| task.label(name.as_str())).ok().flatten();
    value.map(RStr::from).into()
}

unsafe extern "C" fn label_at(task: *const (), place: usize) -> ROption<RawLabel<'static>> {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    let label = catch(|| task.label_at(place)).ok().flatten();
    label
        .map(|(name, value)| RawLabel {
            name: name.into(),
            value: value.into(),
        })
        .into()
}

unsafe extern "C" fn traceparent(task: *const ()) -> RString {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    let trace = catch(|| task.traceparent()).ok().flatten();
    trace.unwrap_or_default().into()
}
