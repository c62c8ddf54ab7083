//! What a test can do with its host: options, streams, items, and the plugin as a strategy and as an interceptor.

use agentsys_plugin::prelude::*;
use agentsys_plugin::testing::TestHost;
use agentsys_plugin::{Agents, Interceptor, RoutingStrategy, Selection, TaskOptions, Verdict};
use futures_util::stream;

/// All of it at once.
struct Shop;

#[plugin(name = "shop")]
impl Plugin for Shop {
    type Config = NoConfig;

    async fn initialize(_: NoConfig, _: &Host) -> Result<Self> {
        Ok(Self)
    }
}

#[routes]
impl Shop {
    /// Counts.
    #[route("count")]
    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>> {
        produce(async move |mut out| {
            for number in 1..=to {
                out.send(number).await;
            }
            Ok(())
        })
    }

    /// Adds up.
    #[route("sum")]
    async fn sum(&self, mut items: Items<u32>) -> Result<u32> {
        let mut sum = 0;
        while let Some(item) = items.next().await {
            sum += item?;
        }
        Ok(sum)
    }

    /// Says what its task came with.
    #[route("told")]
    fn told(&self, cx: &Context) -> Result<String> {
        Ok(format!("{:?} {:?}", cx.key(), cx.label("zone")))
    }
}

impl Interceptor for Shop {
    fn before(&self, task: &Context, _: &Payload) -> Result<Verdict> {
        match task.label("zone") {
            Some("closed") => Err(Error::failed("closed today")),
            _ => Ok(Verdict::Continue),
        }
    }
}

impl RoutingStrategy for Shop {
    fn select_agent(&self, agents: &Agents<'_>, _: &Context) -> Result<Selection> {
        Ok(Selection::Agent(agents.len() - 1))
    }
}

#[tokio::test]
async fn a_stream_is_read_item_by_item_and_items_can_be_sent() {
    let host = TestHost::of::<Shop>().start().await.unwrap();
    let mut items = host.stream("count", 3_u32).unwrap();
    assert_eq!(
        items.next().await.unwrap().unwrap().read::<u32>().unwrap(),
        1
    );
    assert_eq!(items.collect().await.unwrap().len(), 2);

    let sent = stream::iter((1..=4_u32).map(Ok));
    let answer = host
        .stream_with("sum", (), TaskOptions::new(), sent)
        .unwrap();
    let answer = answer.collect().await.unwrap().remove(0);
    assert_eq!(answer.read::<u32>().unwrap(), 10);
    let failing = stream::iter([Err::<u32, _>(Error::not_found("no more"))]);
    let answer = host
        .stream_with("sum", (), TaskOptions::new(), failing)
        .unwrap();
    assert_eq!(answer.collect().await.unwrap_err().message(), "no more");
    host.cleanup().await.unwrap();
}

#[tokio::test]
async fn a_task_has_options_and_the_plugin_may_intercept_it() {
    let host = TestHost::of::<Shop>().intercepting().start().await.unwrap();
    let options = TaskOptions::new().key("k").label("zone", "north");
    let told = host.call_with("told", (), options).await.unwrap();
    assert_eq!(
        told.read::<String>().unwrap(),
        "Some([107]) Some(\"north\")"
    );
    let options = TaskOptions::new().label("zone", "closed");
    let error = host.call_with("told", (), options).await.unwrap_err();
    assert_eq!(error.message(), "closed today");
    host.cleanup().await.unwrap();
}

#[tokio::test]
async fn the_plugin_may_choose_among_the_agents_of_a_route() {
    let host = TestHost::of::<Shop>()
        .fake("there", |_| Ok("one"))
        .fake("there", |_| Ok("other"))
        .strategy_of("there")
        .start()
        .await
        .unwrap();
    for _ in 0..4 {
        let answer = host.call("there", ()).await.unwrap();
        assert_eq!(answer.read::<String>().unwrap(), "other");
    }
    host.cleanup().await.unwrap();
}
