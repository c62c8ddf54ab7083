//! How long agents take to register: all as one change, one by one, and to go again one by one. Each edit makes the table anew, so what one edit costs may
//! grow with what stands in the table; the parts of the table printed here show whether it does.

use std::time::{Duration, Instant};

use agentsys_router::AgentId;

use crate::agents::{agents, empty};

const PARTS: usize = 5;

pub(crate) fn compare(routes: usize, each: usize) {
    let count = routes * each;
    println!("{count} agents on {routes} routes:");
    let one_change = empty();
    let all = agents(routes, each);
    let began = Instant::now();
    one_change.register_agents(all).expect("good names");
    println!("  registered as one change: {:.2?}", began.elapsed());

    let router = empty();
    let mut all = agents(routes, each).into_iter();
    let mut ids: Vec<AgentId> = Vec::with_capacity(count);
    let mut parts = Vec::new();
    for _ in 0..PARTS {
        let began = Instant::now();
        for (route, agent) in all.by_ref().take(count / PARTS) {
            ids.extend(
                router
                    .register_agents(vec![(route, agent)])
                    .expect("a good name"),
            );
        }
        parts.push(began.elapsed());
    }
    print("registered one by one", count, &parts);

    parts.clear();
    for part in ids.chunks(count / PARTS) {
        let began = Instant::now();
        for id in part {
            router.replace_agents(&[*id], Vec::new()).expect("no name");
        }
        parts.push(began.elapsed());
    }
    print("taken away one by one", count, &parts);
}

fn print(what: &str, count: usize, parts: &[Duration]) {
    let each: Vec<String> = parts
        .iter()
        .map(|part| format!("{:.1}", part.as_micros() as f64 / (count / PARTS) as f64))
        .collect();
    println!(
        "  {what}: {:.2?} in all; microseconds for one, in each fifth: {}",
        parts.iter().sum::<Duration>(),
        each.join(", ")
    );
}
