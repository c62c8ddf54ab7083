//! A thread's end against unloading.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use agentsys_abi::threads::Destructor;
use shuttle::sync::atomic::{AtomicBool, Ordering};

use super::plugin::PLUGIN;
use super::{Generation, check, thread};
use crate::attribution::Activity;
use crate::lease::LeaseKind;
use crate::mapping::Mapping;
use crate::threads::{self, Stays};

#[test]
fn a_library_is_in_memory_until_each_thread_has_run_what_it_left() {
    check(|| {
        let generation = Generation::new();
        let ends = generation.mapping.clone();
        let ends = thread::spawn(move || leave_something(&ends));
        let passes_by = generation.mapping.clone();
        let passes_by = thread::spawn(move || {
            leave_something(&passes_by);
            threads::pass_by();
        });

        let mapping = generation.mapping.clone();
        generation.close();
        wait_for_threads(&mapping.stays);
        PLUGIN.is_unmapped();

        ends.join().unwrap();
        passes_by.join().unwrap();
    });
}

// Small enough to be tried in all ways there are.

#[test]
fn a_library_is_in_memory_until_the_last_instruction_of_a_thread_that_it_started() {
    let scenario = || {
        let stays = Arc::new(Stays::default());
        let own = stays.begin_own();
        outlast(&stays, move |stays| stays.end(&own));
    };
    shuttle::check_dfs(scenario, None);
}

#[test]
fn a_library_is_in_memory_until_the_last_instruction_of_a_destructor() {
    let scenario = || {
        let stays = Arc::new(Stays::default());
        let stay = stays.begin();
        stay.one_more();
        outlast(&stays, move |stays| stays.one_less(&stay));
    };
    shuttle::check_dfs(scenario, None);
}

/// A thread of which something is left until `leave`, and one that waits for just that.
fn outlast(stays: &Arc<Stays>, leave: impl FnOnce(&Stays) + Send + 'static) {
    let gone = Arc::new(AtomicBool::new(false));
    let thread = {
        let (stays, gone) = (stays.clone(), gone.clone());
        shuttle::thread::spawn(move || {
            assert!(!gone.load(Ordering::SeqCst));
            leave(&stays);
        })
    };
    wait_for_threads(stays);
    gone.store(true, Ordering::SeqCst);
    thread.join().unwrap();
}

/// As closing does, with no end to its patience: a wake that is lost is a deadlock here.
fn wait_for_threads(stays: &Stays) {
    while !stays.left().is_empty() {
        stays.wait(Duration::MAX);
    }
}

/// Calls the plugin, which leaves a thread-local whose destructor makes another one.
fn leave_something(mapping: &Arc<Mapping>) {
    let Some(lease) = mapping.lease(LeaseKind::Call) else {
        return;
    };
    let context = mapping.raw_host().context;
    lease.leases().run(Activity::Describing, || {
        PLUGIN.runs();
        at_exit(context, context.cast_mut().cast());
    });
}

fn at_exit(context: *const (), value: *mut c_void) {
    PLUGIN.leaves();
    // SAFETY: the context is a mapping's, which is never freed here.
    let error = unsafe { threads::at_exit(context, Destructor(destructor), value) };
    assert_eq!(error, 0);
}

/// The value is the context, or null for who leaves nothing more.
unsafe extern "C" fn destructor(value: *mut c_void) {
    if !value.is_null() {
        at_exit(value.cast_const().cast(), ptr::null_mut());
    }
    PLUGIN.destroys();
}
