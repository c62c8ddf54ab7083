//! For tests and benchmarks that open a plugin by the loader alone.

/// The services of a host that has none, but for those that stand above it; `no_other_services!(but send)`: which has a router.
macro_rules! no_other_services {
    () => {
        no_other_services!(but send);

        fn send(
            &self,
            _: Option<&dyn agentsys_loader::Task>,
            _: agentsys_loader::Target,
            _: &str,
            _: agentsys_loader::Data,
        ) -> agentsys_loader::Routed {
            unreachable!("this host routes nothing")
        }
    };
    (but send) => {
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
