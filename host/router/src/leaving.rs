//! Agents that are on their way out, or stand still while others are made to take their place.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Router;
use crate::member::Member;
use crate::router::CUT_OFF_GRACE;

/// Agents that were taken away, from [`Router::exchange`]: they begin no tasks, and finish those that they have.
pub struct Leaving {
    router: Router,
    members: Vec<Arc<Member>>,
}

impl Leaving {
    /// To be called once the table has them no more.
    pub(crate) fn new(router: &Router, members: Vec<Arc<Member>>) -> Self {
        members.iter().for_each(|member| member.retire());
        Self {
            router: router.clone(),
            members,
        }
    }

    /// How many tasks they have under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        under_way(&self.members)
    }

    /// Waits up to `limit` for their tasks. Gives the number of those that are left.
    pub async fn drained(&self, limit: Duration) -> usize {
        drained(&self.router, &self.members, limit).await
    }

    /// Gives the tasks up that they still have: their futures are dropped, and they are tried again with other agents where their route's policy allows it, or end as
    /// [`Cancelled`](crate::ErrorKind::Cancelled). Gives the number of those that cannot be given up, since they are inside of [`Agent::call`](crate::Agent::call), or of a poll that
    /// does not return.
    pub async fn cut_off(&self) -> usize {
        self.members.iter().for_each(|member| member.cut());
        self.router.shared.lifecycle.ring();
        self.drained(CUT_OFF_GRACE).await
    }
}

/// Agents whose tasks wait, from [`Router::hold`]; dropped, they take them.
pub struct Hold {
    router: Router,
    members: Vec<Arc<Member>>,
}

impl Hold {
    pub(crate) fn new(router: &Router, members: Vec<Arc<Member>>) -> Self {
        router.shared.registry.hold(&members);
        Self {
            router: router.clone(),
            members,
        }
    }

    /// Waits up to `limit` until they have no task under way, and then has all tasks wait, the nested ones too. Gives the number of those that are
    /// left when the time is up; while there are some, nested ones still begin.
    pub async fn drained(&self, limit: Duration) -> usize {
        let end = tokio::time::Instant::now().checked_add(limit);
        loop {
            let left = end.map_or(limit, |end| {
                end.saturating_duration_since(tokio::time::Instant::now())
            });
            let under_way = drained(&self.router, &self.members, left).await;
            if under_way > 0 {
                return under_way;
            }
            self.shut();
            // One that came in before the door was shut is waited for; while it is, what it nests must come in.
            if self::under_way(&self.members) == 0 {
                return 0;
            }
            self.router.shared.registry.hold_again(&self.members);
        }
    }

    /// As [`Leaving::cut_off`], and then has all tasks wait.
    pub async fn cut_off(&self) -> usize {
        self.shut();
        self.members.iter().for_each(|member| member.cut());
        self.router.shared.lifecycle.ring();
        drained(&self.router, &self.members, CUT_OFF_GRACE).await
    }

    /// Has all tasks wait, the nested ones too, whatever is under way.
    pub fn shut(&self) {
        self.members.iter().for_each(|member| member.shut());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.router.shared.registry.release(&self.members);
    }
}

impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Leaving({} agents, {} tasks)",
            self.members.len(),
            self.under_way()
        )
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Hold({} agents, {} tasks)",
            self.members.len(),
            under_way(&self.members)
        )
    }
}

fn under_way(members: &[Arc<Member>]) -> usize {
    members.iter().map(|member| member.in_flight()).sum()
}

async fn drained(router: &Router, members: &[Arc<Member>], limit: Duration) -> usize {
    let lifecycle = &router.shared.lifecycle;
    let watching = lifecycle.watch();
    let idle = lifecycle.idle(|| under_way(members));
    let drained = router.within(limit, idle).await;
    drop(watching);
    if drained { 0 } else { under_way(members) }
}
