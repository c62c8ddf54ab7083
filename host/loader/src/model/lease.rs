//! Lease against close.

use super::plugin::PLUGIN;
use super::{Generation, check, thread};
use crate::attribution::Activity;
use crate::lease::{Lease, LeaseKind};

#[test]
fn a_generation_is_closed_once_and_not_before_its_last_lease_is_gone() {
    check(|| {
        let generation = Generation::new();
        let callers = [(); 2].map(|()| {
            let mapping = generation.mapping.clone();
            thread::spawn(move || {
                if let Some(call) = mapping.lease(LeaseKind::Call) {
                    run(&call);
                    let reply = call.another(LeaseKind::Reply);
                    drop(call);
                    run(&reply);
                }
            })
        });
        let mapping = generation.mapping.clone();
        generation.close();
        assert!(mapping.lease(LeaseKind::Call).is_none());
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

fn run(lease: &Lease) {
    lease.leases().run(Activity::Describing, || PLUGIN.runs());
}
