//! For tests and benchmarks that open a plugin by the loader alone.

/// The services of a host that has none, but for those that stand above it; `but send`: which sends tasks; `but the router`: which also streams and broadcasts.
macro_rules! no_other_services {
    () => {
        no_other_services!(but send);

        fn send(
            &self,
            _: Option<&dyn agentsys_loader::Task>,
            _: agentsys_loader::Target,
            _: &str,
            _: agentsys_loader::Data,
            _: agentsys_loader::SendOptions,
        ) -> agentsys_loader::Routed {
            unreachable!("this host routes nothing")
        }
    };
    (but send) => {
        no_other_services!(but the router);

        fn stream(
            &self,
            _: Option<&dyn agentsys_loader::Task>,
            _: agentsys_loader::Target,
            _: &str,
            _: agentsys_loader::Data,
            _: agentsys_loader::SendOptions,
            _: Option<agentsys_loader::DataStream>,
        ) -> Result<agentsys_loader::DataStream, agentsys_loader::Failure> {
            unreachable!("this host streams nothing")
        }

        fn broadcast(
            &self,
            _: Option<&dyn agentsys_loader::Task>,
            _: &str,
            _: agentsys_loader::Data,
            _: agentsys_loader::SendOptions,
        ) -> Result<agentsys_loader::AgentAnswers, agentsys_loader::Failure> {
            unreachable!("this host broadcasts nothing")
        }
    };
    (but the router) => {
        fn add_route(
            &self,
            _: &std::sync::Weak<agentsys_loader::Instance>,
            _: agentsys_loader::AddedRoute,
        ) -> Result<(), agentsys_loader::Failure> {
            unreachable!("this host routes nothing")
        }

        fn remove_route(&self, _: &std::sync::Weak<agentsys_loader::Instance>, _: u32) -> bool {
            unreachable!("this host routes nothing")
        }

        fn storage(&self, _: agentsys_loader::StorageOperation) -> agentsys_loader::Stored {
            unreachable!("this host stores nothing")
        }

        fn register_metric(&self, _: agentsys_loader::MetricKind, _: &str) -> u64 {
            0
        }

        fn update_metric(&self, _: u64, _: agentsys_loader::MetricUpdate) {}
    };
}
pub(crate) use no_other_services;
