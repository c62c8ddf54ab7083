//! Plugins of another seam: what differs in a way that matters is refused with one line, what was appended is not.

use agentsys_host::PluginState;

use crate::harness::{Setup, logged};

/// A host with `echo` and that fixture: the reason for which the fixture does not run, and `echo` serves.
async fn refused(fixture: &str) -> String {
    let host = Setup::with(&["echo", fixture]).start().await;
    host.assert_serves().await;
    let all = host.plugins();
    let bad = all.iter().find(|plugin| plugin.name != "echo").unwrap();
    assert_eq!(bad.state, PluginState::Failed);
    host.place.shorten(bad.reason.as_deref().unwrap())
}

#[tokio::test]
async fn a_library_without_a_root_module_is_refused() {
    assert_eq!(
        refused("no_root_module").await,
        "DIR/libno_root_module.so: has no root module: it carries a plugin's records, but not its entry; \
         build it with #[plugin] of agentsys-plugin"
    );
}

#[tokio::test]
async fn a_library_that_is_refused_after_its_constructors_ran_costs_one_line() {
    assert_eq!(
        refused("leaves_a_key").await,
        "DIR/libleaves_a_key.so: has no root module: it carries a plugin's records, but not its entry; \
         build it with #[plugin] of agentsys-plugin"
    );
}

#[tokio::test]
async fn another_abi_stable_is_refused() {
    assert_eq!(
        refused("other_abi_stable").await,
        "DIR/libother_abi_stable.so: built against abi_stable 0.99, this host speaks 0.11: \
         rebuild the plugin with this host's agentsys-plugin"
    );
}

#[tokio::test]
async fn another_interface_in_the_record_is_refused_before_the_library_is_opened() {
    assert_eq!(
        refused("other_interface_record").await,
        "DIR/libother_interface_record.so: built for interface 2.1, this host speaks 1.x: \
         update the host or rebuild the plugin against it"
    );
}

#[tokio::test]
async fn another_interface_in_the_root_module_is_refused() {
    assert_eq!(
        refused("other_interface").await,
        "DIR/libother_interface.so: built for interface 2.0, this host speaks 1.x: \
         update the host, or rebuild the plugin with this host's agentsys-plugin"
    );
}

#[tokio::test]
async fn another_layout_is_refused_with_one_line() {
    let reason = refused("other_layout").await;
    let beginning =
        "DIR/libother_layout.so: its seam is laid out differently from this host's, in ";
    let end = " place(s): rebuild the plugin with this host's agentsys-plugin (--verbose shows the places)";
    let places = reason
        .strip_prefix(beginning)
        .and_then(|rest| rest.strip_suffix(end));
    let places: usize = places
        .unwrap_or_else(|| panic!("{reason}"))
        .parse()
        .unwrap();
    assert!(places > 0);
    let lines = logged("other_layout");
    let report = lines.iter().rfind(|line| line["level"] == "DEBUG").unwrap();
    assert!(
        report.to_string().contains("PluginModule"),
        "the whole report is in the log"
    );
}

#[tokio::test]
async fn a_module_that_refuses_its_host_does_not_run() {
    assert_eq!(
        refused("refuses_its_host").await,
        "DIR/librefuses_its_host.so: its root module cannot be made: not on this machine"
    );
}

#[tokio::test]
async fn a_module_that_describes_itself_in_garbage_does_not_run() {
    assert_eq!(
        refused("describes_garbage").await,
        "DIR/libdescribes_garbage.so: its description cannot be read: expected value at line 1 column 1: \
         the file's records and its code do not belong together; rebuild the plugin"
    );
}

#[tokio::test]
async fn a_module_whose_code_and_records_differ_does_not_run() {
    assert_eq!(
        refused("describes_another").await,
        "DIR/libdescribes_another.so: its records name the routes [], its code [\"hidden\"]: \
         the file's records and its code do not belong together; rebuild the plugin"
    );
}

#[tokio::test]
async fn a_module_that_makes_no_instance_does_not_run() {
    assert_eq!(
        refused("makes_no_instance").await,
        "`initialize` failed: the plugin could not make an instance"
    );
}

/// Its root module lacks a function and a field at the end.
#[tokio::test]
async fn an_older_plugin_serves_on_this_host() {
    let host = Setup::with(&["echo_older"]).start().await;
    assert_eq!(
        host.status("echo").state,
        PluginState::Running,
        "{:?}",
        host.status("echo").reason
    );
    host.assert_serves().await;
    host.shutdown().await;
    assert_eq!(host.status("echo").reason, None);
}

/// Its root module has a field and a function more, and so has the host that it was built for.
#[tokio::test]
async fn a_newer_plugin_serves_on_this_host() {
    let host = Setup::with(&["echo_newer"]).start().await;
    assert_eq!(
        host.status("echo").state,
        PluginState::Running,
        "{:?}",
        host.status("echo").reason
    );
    host.assert_serves().await;
    host.shutdown().await;
    assert_eq!(host.status("echo").reason, None);
}
