//! Hello.

use crate::{mini, program};

#[test]
fn a_client_sets_a_key_and_gets_it() {
    program(|| async {
        let address = mini::start().await;
        let mut client = mini::connect(address).await?;
        client.set("hello", "world".into()).await?;
        let result = client.get("hello").await?;
        assert_eq!(result.as_deref(), Some(&b"world"[..]));
        assert_eq!(client.get("nothing").await?, None);
        mini::Result::Ok(())
    });
}

async fn say_world() -> &'static str {
    "world"
}

#[test]
fn an_async_fn_does_nothing_until_it_is_awaited() {
    program(|| async {
        let op = say_world();
        let mut said = String::from("hello, ");
        said.push_str(op.await);
        assert_eq!(said, "hello, world");
    });
}

#[test]
fn a_host_name_is_resolved() {
    program(|| async {
        let address = mini::start().await;
        let mut client = mini::connect(format!("localhost:{}", address.port())).await?;
        client.set("a", "b".into()).await?;
        let mut client = mini::connect(("127.0.0.1", address.port())).await?;
        assert_eq!(client.get("a").await?.unwrap(), "b");
        let nobody = mini::connect("no such host.invalid:1").await;
        assert!(nobody.is_err());
        Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    });
}
