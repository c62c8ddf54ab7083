use super::*;

const POLICY: Ejection = Ejection {
    after: 3,
    base: Duration::from_secs(10),
    longest: Duration::from_secs(35),
};

fn counts(calls: u64, failures: u64, calls_of_all: u64, failures_of_all: u64) -> Counts {
    Counts {
        calls,
        failures,
        calls_of_all,
        failures_of_all,
    }
}

fn fail(health: &Health) -> Verdict {
    health.failed(
        &POLICY,
        ErrorKind::Failed,
        Instant::now(),
        |failures| counts(failures, failures, failures, failures),
        || true,
    )
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_eject_for_a_time_that_grows_with_each_failed_trial() {
    let health = Health::default();
    assert_eq!(
        (fail(&health), fail(&health)),
        (Verdict::Stays, Verdict::Stays)
    );
    health.succeeded();
    assert_eq!(
        (fail(&health), fail(&health)),
        (Verdict::Stays, Verdict::Stays)
    );
    let mut time = Duration::from_secs(10);
    assert_eq!(fail(&health), Verdict::Ejected(time));
    for next in [20, 35, 35] {
        tokio::time::advance(time - Duration::from_millis(1)).await;
        assert!(!health.claim_trial(Instant::now()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(health.claim_trial(Instant::now()));
        assert!(!health.claim_trial(Instant::now()), "one task tries it");
        time = Duration::from_secs(next);
        let verdict = health.trial_failed(&POLICY, ErrorKind::Timeout, Instant::now());
        assert_eq!(verdict, Verdict::Ejected(time));
    }
    assert_eq!(health.ejections(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_goes_well_brings_it_back_and_its_past_is_forgotten_after_a_while() {
    let health = Health::default();
    let eject = || (0..3).map(|_| fail(&health)).last();
    assert_eq!(eject(), Some(Verdict::Ejected(Duration::from_secs(10))));
    assert!(health.readmit(Instant::now()) && !health.is_out());
    assert_eq!(
        eject(),
        Some(Verdict::Ejected(Duration::from_secs(20))),
        "again, and soon"
    );
    assert!(health.readmit(Instant::now()));
    tokio::time::advance(POLICY.longest).await;
    assert_eq!(eject(), Some(Verdict::Ejected(Duration::from_secs(10))));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_far_more_than_its_peers_is_ejected_without_a_row() {
    let health = Health::default();
    let failed = |counts| {
        health.succeeded();
        health.failed(
            &POLICY,
            ErrorKind::Failed,
            Instant::now(),
            |_| counts,
            || true,
        )
    };
    assert_eq!(
        failed(counts(0, 0, 0, 0)),
        Verdict::Stays,
        "the window begins"
    );
    assert_eq!(
        failed(counts(19, 19, 1_000, 19)),
        Verdict::Stays,
        "too few calls"
    );
    assert_eq!(
        failed(counts(40, 9, 1_000, 9)),
        Verdict::Stays,
        "less than a quarter"
    );
    assert_eq!(
        failed(counts(40, 20, 1_000, 300)),
        Verdict::Stays,
        "the others fail too"
    );
    assert_eq!(
        failed(counts(40, 40, 40, 40)),
        Verdict::Stays,
        "there are no others"
    );
    assert!(matches!(
        failed(counts(40, 20, 1_000, 30)),
        Verdict::Ejected(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_its_fault_does_not_count() {
    let health = Health::default();
    for kind in [
        ErrorKind::InvalidInput,
        ErrorKind::Cancelled,
        ErrorKind::NotFound,
    ] {
        for _ in 0..10 {
            let verdict = health.failed(
                &POLICY,
                kind,
                Instant::now(),
                |_| counts(0, 0, 0, 0),
                || true,
            );
            assert_eq!(verdict, Verdict::Stays);
        }
    }
    for _ in 0..10 {
        let verdict = health.failed(
            &Ejection::OFF,
            ErrorKind::Failed,
            Instant::now(),
            |_| counts(0, 0, 0, 0),
            || true,
        );
        assert_eq!(verdict, Verdict::Stays);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_one_stays() {
    let health = Health::default();
    for _ in 0..10 {
        let verdict = health.failed(
            &POLICY,
            ErrorKind::Failed,
            Instant::now(),
            |_| counts(0, 0, 0, 0),
            || false,
        );
        assert_eq!(verdict, Verdict::Stays);
    }
    assert!(!health.is_out());
}
