//! A host in a program of one's own: `cargo run -p agentsys-host --example embed -- PLUGIN_DIR STATE_DIR`.

use std::error::Error;
use std::sync::Arc;

use agentsys_host::{Host, Payload, agent_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut dirs = std::env::args().skip(1);
    let plugin_dir = dirs.next().ok_or("name a directory with plugins")?;
    let state_dir = dirs.next().unwrap_or_else(|| ".agentsys".to_owned());
    let host = Host::builder()
        .plugin_dir(plugin_dir)
        .state_dir(state_dir)
        .build()
        .await?;
    for plugin in host.plugins() {
        println!("plugin {} is {}", plugin.name, plugin.state);
    }

    // An agent of the program's own, beside those of the plugins.
    let shout = agent_fn("shout", "Says it louder.", async |data: Payload| {
        Ok(String::from_utf8_lossy(data.bytes()).to_uppercase())
    });
    host.router()
        .register_agent("shout", Arc::new(shout))
        .await?;
    for route in ["shout", "echo"] {
        match host.router().route_task(route, "hello").await {
            Ok(answer) => println!("{route} answers {}", answer.to_str()?),
            Err(error) => println!("{route} fails: {error}"),
        }
    }
    host.shutdown().await;
    Ok(())
}
