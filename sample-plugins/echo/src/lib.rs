//! The smallest plugin: answers with what it was sent. The template to copy.

#![forbid(unsafe_code)]

use agentsys_plugin::prelude::*;

/// It needs nothing.
pub struct Echo;

#[plugin]
impl Plugin for Echo {
    type Config = NoConfig;

    async fn initialize(_config: NoConfig, _host: &Host) -> Result<Self> {
        Ok(Self)
    }

    async fn process(&self, _cx: &Context, data: Payload) -> Result<Payload> {
        Ok(data)
    }
}

#[routes]
impl Echo {
    /// Answers with the very bytes that it was sent.
    #[route("echo")]
    fn echo(&self, data: Payload) -> Result<Payload> {
        Ok(data)
    }
}
