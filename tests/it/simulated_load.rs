//! How strategies do under load, in a small version of what `benches/load` prints: the orderings that hold whatever the draw, none of them a time of this machine's.

#[path = "../support/load/mod.rs"]
mod load;

use load::{CONTENDERS, Contender, Measure, Outcome, Policies, Scenario, Strategy};

const SEED: u64 = 3;
const TASKS: usize = 20_000;

fn ours(strategy: Strategy, policies: Policies, scenario: &Scenario) -> Outcome {
    Contender::Ours(strategy, policies).run(scenario)
}

#[test]
fn the_same_arrivals_have_the_same_outcome() {
    for scenario in Scenario::all(SEED, 2_000) {
        for contender in CONTENDERS {
            let (first, second) = (contender.run(&scenario), contender.run(&scenario));
            assert_eq!(first.tasks, scenario.tasks.len());
            // The router's waits between attempts are drawn anew in each process.
            if !matches!(
                contender,
                Contender::Ours(_, Policies::Retries | Policies::ALL)
            ) {
                assert_eq!(first, second, "{}: {}", scenario.name, contender.name());
            }
        }
    }
}

#[test]
fn agents_in_order_answer_everything() {
    let scenario = Scenario::equal(SEED, TASKS);
    for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded] {
        for policies in [Policies::Timeout, Policies::ALL] {
            assert_eq!(ours(strategy, policies, &scenario).errors, 0);
        }
    }
}

#[test]
fn least_loaded_with_its_policies_is_not_worse_than_p2c_with_the_same_limits_and_retries() {
    for scenario in Scenario::all(SEED, TASKS) {
        let own = ours(Strategy::LeastLoaded, Policies::ALL, &scenario);
        for measure in [Measure::PendingRequests, Measure::PeakEwma] {
            let p2c = Contender::Tower(measure).run(&scenario);
            assert!(
                own.p50 <= p2c.p50 && own.errors <= p2c.errors,
                "{}: {own} against {p2c}",
                scenario.name
            );
        }
    }
}

#[test]
fn least_loaded_waits_less_than_round_robin_where_agents_are_of_unequal_speed() {
    for scenario in [Scenario::equal(SEED, TASKS), Scenario::unequal(SEED, TASKS)] {
        let turns = ours(Strategy::RoundRobin, Policies::Timeout, &scenario);
        let least = ours(Strategy::LeastLoaded, Policies::Timeout, &scenario);
        assert!(
            least.p50 < turns.p50 && least.p99 < turns.p99 && least.errors <= turns.errors,
            "{}: {least} against {turns}",
            scenario.name
        );
    }
}

#[test]
fn an_agent_that_hangs_costs_least_loaded_less_than_round_robin() {
    let scenario = Scenario::hangs(SEED, TASKS);
    let turns = ours(Strategy::RoundRobin, Policies::Timeout, &scenario);
    let least = ours(Strategy::LeastLoaded, Policies::ALL, &scenario);
    assert!(
        least.p99 < turns.p99 && least.errors < turns.errors,
        "{least} against {turns}"
    );
}

#[test]
fn retries_answer_what_an_agent_that_fails_in_bursts_would_not() {
    let scenario = Scenario::bursts(SEED, TASKS);
    for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded] {
        let once = ours(strategy, Policies::Timeout, &scenario);
        let again = ours(strategy, Policies::ALL, &scenario);
        assert!(again.errors < once.errors, "{again} against {once}");
    }
}
