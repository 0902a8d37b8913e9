//! The deliveries that wait, as people see and drop them, and rejects of which there are more than are read at a time.

use raccord_serve::{Reply, Request};

use crate::shop::{ALL, Shop, told};

/// What is listed: `SEQUENCE KIND PATH? RECORD?`.
async fn listed(shop: &Shop, sequence: Option<u64>, limit: usize) -> Vec<String> {
    let transfer = Some("customers".parse().unwrap());
    let replies = shop.ask(Request::Deliveries { transfer, sequence, limit }).await;
    let line = |reply| {
        let Reply::Delivery(view) = reply else { panic!("{reply:?}") };
        let parts =
            [Some(view.sequence.to_string()), Some(view.kind.as_str().to_owned()), view.path, view.record];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    replies.into_iter().map(line).collect()
}

#[tokio::test]
async fn deliveries_that_wait_are_listed_shown_and_dropped() {
    let shop = Shop::new(&ALL).await;
    shop.push(&[r#"upsert {"id":"1","name":"Ann"}"#, "fetch /customers/2", r#"delete {"id":"3"}"#]).await;
    assert_eq!(listed(&shop, None, 10).await, ["1 upsert", "2 fetch /customers/2", "3 delete"]);
    assert_eq!(listed(&shop, None, 2).await, ["1 upsert", "2 fetch /customers/2"]);
    assert_eq!(listed(&shop, Some(1), 1).await, [r#"1 upsert {"id":"1","name":"Ann"}"#]);
    let refused = async |request| {
        let answered = shop.engine.handle(request, shop.stop.subscribe(), &mut |_| {}).await;
        answered.unwrap_err().to_string()
    };
    let missing = "there is no delivery `9`; `raccord deliveries list` shows those that wait";
    assert_eq!(refused(Request::DropDeliveries { sequences: vec![2, 9] }).await, missing);
    let missing_one = Request::Deliveries { transfer: None, sequence: Some(9), limit: 1 };
    assert_eq!(refused(missing_one).await, missing);
    assert_eq!(shop.waiting().await, 3, "nothing is dropped unless all of it is there");
    let replies = shop.ask(Request::DropDeliveries { sequences: vec![2] }).await;
    assert!(matches!(&replies[..], [Reply::Done(said)] if said == "1 delivery is dropped"), "{replies:?}");
    assert_eq!(listed(&shop, None, 10).await, ["1 upsert", "3 delete"]);
    assert_eq!(told(&shop.drain().await), "succeeded: created 1, skipped 1");
    assert_eq!(listed(&shop, None, 10).await, [""; 0]);
}

/// More than a replay learns of at a time; of those with one key the newest stands in the end.
#[tokio::test]
async fn many_rejects_are_replayed_in_their_order() {
    let shop = Shop::new(&ALL).await;
    let reject = |number| {
        let (id, name) = (number % 2_300, number);
        format!(r#"upsert {{"id":"{id:04}","name":"{name}","email":"nonsense"}}"#)
    };
    shop.push(&(0..2_310).map(reject).collect::<Vec<_>>()).await;
    assert_eq!(told(&shop.drain().await), "succeeded: rejected 2310");
    let replies =
        shop.ask(Request::ReplayRejects { transfer: "customers".parse().unwrap(), only: None }).await;
    assert!(matches!(&replies[..], [Reply::Done(said)] if said.starts_with("2310 replayed")), "{replies:?}");
    let explained = shop
        .ask(Request::Explain { entity: "crm.contact".parse().unwrap(), key: vec!["0003".parse().unwrap()] });
    let explained = explained.await;
    let [Reply::Explanation(explained)] = &explained[..] else { panic!("{explained:?}") };
    assert_eq!(explained.rejects.len(), 2, "those with the key, and no others");
}
