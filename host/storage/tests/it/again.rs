//! What is there after a restart, and on another runtime than the first.

use agentsys_storage::{Scan, Value};
use tokio::runtime::{Builder, Runtime};

use crate::Store;

#[tokio::test]
async fn values_and_their_types_are_there_after_a_restart() {
    let store = Store::new();
    let value = Value::new(vec![0, 255, 0], "image/x-tiny");
    store.space.put("typed", value.clone()).await.unwrap();
    store.space.put("gone", "x").await.unwrap();
    store.space.delete("gone").await.unwrap();
    store.storage.disconnect().await.unwrap();

    let again = store.another();
    let space = again.namespace("test").unwrap();
    assert_eq!(space.get("typed").await.unwrap(), Some(value));
    assert_eq!(space.scan(Scan::default()).await.unwrap().entries.len(), 1);
    again.disconnect().await.unwrap();
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[test]
fn the_runtime_that_connected_may_be_gone() {
    let store = Store::new();
    let first = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    first
        .block_on(store.space.put("key", "from the first"))
        .unwrap();
    drop(first);

    let second = current_thread();
    assert_eq!(second.block_on(store.get("key")).unwrap(), "from the first");
    let page = second.block_on(store.space.scan(Scan::default())).unwrap();
    assert_eq!(page.entries.len(), 1);
    drop(second);

    current_thread()
        .block_on(store.storage.disconnect())
        .unwrap();
}

/// Runs a future with nothing but the standard library.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn no_runtime_is_needed_at_all() {
    let store = Store::new();
    block_on(async {
        store.space.put("key", "value").await.unwrap();
        store.space.put("large", vec![0; 1 << 20]).await.unwrap();
        let page = store.space.scan(Scan::default()).await.unwrap();
        assert_eq!(page.entries.len(), 2);
        store.storage.flush().await.unwrap();
        store.storage.disconnect().await.unwrap();
    });
}
