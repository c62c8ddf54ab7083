//! A stack for signals' handlers, for threads that have none.
//!
//! A stack that overflowed has no room for the handler that would say so. The standard library gives the threads that it starts another one; those that
//! a plugin starts have a standard library of their own, which does not know that anybody handles signals, and others come from elsewhere.

use std::{mem, ptr};

/// More than any processor's registers need, and what handled the signal before us.
const LEN: usize = 64 * 1024;

/// The calling thread's stack for signals, until this is dropped on the same thread.
#[derive(Debug)]
pub(super) struct SignalStack {
    start: *mut libc::c_void,
}

impl SignalStack {
    /// Gives the thread one, unless it has one, or there is no memory.
    pub(super) fn give() -> Option<Self> {
        // SAFETY: all zeros are a valid `stack_t`, to be overwritten.
        let mut now: libc::stack_t = unsafe { mem::zeroed() };
        // SAFETY: asks only.
        let asked = unsafe { libc::sigaltstack(ptr::null(), &mut now) };
        if asked != 0 || now.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
        );
        // SAFETY: new memory, at a place that the system chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), LEN, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let stack = Self { start };
        // SAFETY: the memory is there until `drop` takes it from the thread.
        let given = unsafe { libc::sigaltstack(&stack.described(0), ptr::null_mut()) };
        (given == 0).then_some(stack)
    }

    fn described(&self, flags: i32) -> libc::stack_t {
        libc::stack_t {
            ss_sp: self.start,
            ss_flags: flags,
            ss_size: LEN,
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: all zeros are a valid `stack_t`, to be overwritten.
        let mut now: libc::stack_t = unsafe { mem::zeroed() };
        // SAFETY: the thread uses it no more once it was told so; where it has another one by now, it keeps that.
        unsafe {
            libc::sigaltstack(ptr::null(), &mut now);
            if now.ss_sp == self.start {
                let none = self.described(libc::SS_DISABLE);
                libc::sigaltstack(&none, ptr::null_mut());
            }
            libc::munmap(self.start, LEN);
        }
    }
}
