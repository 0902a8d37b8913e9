//! What happens to rows in tables that others use, too: those that cannot be deleted because rows of others refer to them, and
//! those of a table that was made anew. It is for the tests of destinations that keep rows in tables of a database, which say how
//! others do it.

use raccord_model::checkpoint::Counted;
use raccord_model::decide::row_that_stays;
use raccord_model::fact::Tally;
use raccord_model::port::destination::{
    Change, Destination, DestinationError, EntityShape, Intent, Ledger, RejectQuery, Staying, Sweep, Swept,
};
use raccord_model::value::Value;

use crate::fixture::{INC, checkpoint, effects, reject, sweep, transfer};
use crate::tables::{allowed, key, reasons, upsert};

/// How many rows there are at first.
const ROWS: u64 = 40;

/// The table is prepared and empty. `refer` has others refer to the rows `07` and `27`, `release` ends it, and `reason` is why
/// they cannot be deleted meanwhile.
pub async fn rows_to_which_others_refer_stay(
    destination: &(impl Destination + Ledger),
    (refer, release): (impl Fn(), impl Fn()),
    reason: &str,
) {
    let mut batch = allowed(destination).await;
    (0..ROWS).for_each(|number| upsert(&mut batch, &format!("{number:02}"), &[]));
    destination.commit(batch).await.unwrap();
    refer();
    // What records say is deleted.
    let mut batch = allowed(destination).await;
    batch.defer_deletes = true;
    for of in ["06", "07"] {
        let (intent, key) = (Intent::Delete, key(of));
        batch.changes.push(Change { intent, key: &key, patch: b"", version: b"", digest: None });
    }
    destination.commit(batch).await.unwrap();
    let mut request = sweep('A', None);
    request.snapshot = false;
    let tally = Tally { fetched: 2, deleted: 2, ..Tally::default() };
    request.checkpoint.counted = Some(Counted { run: request.run, pages: 1, tally });
    let staying = Staying { marked: 1, ..Staying::default() };
    assert_eq!(destination.sweep(request).await.unwrap(), Swept::Done { unseen: 0, marked: 1, staying });
    assert_eq!(destination.count(INC).await.unwrap(), ROWS - 1);
    assert_eq!(reasons(destination).await, [reason]);
    // It names no key, and who may see rows is told it.
    let rejects = destination.rejects(RejectQuery { limit: 9, ..RejectQuery::default() }).await.unwrap();
    let [(_, reject)] = rejects.as_slice() else { panic!("{rejects:?}") };
    assert_eq!(reject.position, "said to be deleted");
    assert_eq!(row_that_stays(reject).as_deref(), Some("row 07, said to be deleted"));
    // A run that is killed right after is told by this.
    let counted = destination.resume(transfer('A')).await.unwrap().unwrap().counted.unwrap();
    assert_eq!(effects(&counted.tally), "deleted 1, rejected 1");
    // What a snapshot does not show, again and again.
    for _ in 0..2 {
        show_the_first(destination).await;
        let swept = destination.sweep(sweep('A', None)).await.unwrap();
        let Swept::Done { staying, .. } = swept else { panic!("{swept:?}") };
        assert_eq!(staying, Staying { unseen: 2, ..Staying::default() });
        assert_eq!(destination.count(INC).await.unwrap(), 3);
        assert_eq!(reasons(destination).await, [reason, reason]);
    }
    release();
    show_the_first(destination).await;
    let staying = Staying::default();
    let swept = destination.sweep(sweep('A', None)).await.unwrap();
    assert_eq!(swept, Swept::Done { unseen: 2, marked: 0, staying });
    assert_eq!(reasons(destination).await, [""; 0]);
}

/// The table is prepared and empty. `refer` has others refer to all rows but the first.
pub async fn rejects_of_rows_that_stay_leave_those_of_records(
    destination: &(impl Destination + Ledger),
    refer: impl Fn(),
) {
    let mut batch = allowed(destination).await;
    (0..ROWS).for_each(|number| upsert(&mut batch, &format!("{number:02}"), &[]));
    batch.rejects.extend(["one", "two"].map(|payload| reject('A', None, payload, -10)));
    destination.commit(batch).await.unwrap();
    refer();
    // The same ones are told each time.
    for _ in 0..2 {
        show_the_first(destination).await;
        let request = Sweep { keep_rejects: (10, 86_400), ..sweep('A', None) };
        let staying = Staying { unseen: ROWS - 1, marked: 0, further: ROWS - 9 };
        let swept = destination.sweep(request).await.unwrap();
        assert_eq!(swept, Swept::Done { unseen: 0, marked: 0, staying });
        let mut reasons = reasons(destination).await;
        assert_eq!(reasons.len(), 10);
        reasons.retain(|reason| reason == "is not an e-mail address");
        assert_eq!(reasons.len(), 2);
    }
}

/// The table is prepared and empty, and its field 4, a text, refers to the key of the same table.
pub async fn rows_that_refer_to_each_other_are_swept_together(destination: &(impl Destination + Ledger)) {
    // Parents before their children, children before their parents, and a row that refers into the middle.
    let rising = (1..10_u64).map(|number| (number, number.checked_sub(1).filter(|parent| *parent > 0)));
    let falling = (10..ROWS).rev().map(|number| (number, Some(number + 1).filter(|parent| *parent < ROWS)));
    for (number, parent) in rising.chain(falling) {
        let mut batch = allowed(destination).await;
        let parent = parent.map(|parent| Value::Text(format!("{parent:02}").into()));
        upsert(&mut batch, &format!("{number:02}"), &[(4, parent)]);
        destination.commit(batch).await.unwrap();
    }
    for (parent, gone, stay) in [(Some("05"), ROWS - 6, 5), (None, 5, 0)] {
        let mut batch = allowed(destination).await;
        destination.begin_window(batch.transfer, batch.fence).await.unwrap();
        batch.mark_seen = true;
        upsert(&mut batch, "00", &[(4, parent.map(|parent| Value::Text(parent.into())))]);
        destination.commit(batch).await.unwrap();
        let staying = Staying { unseen: stay, ..Staying::default() };
        let swept = destination.sweep(sweep('A', None)).await.unwrap();
        assert_eq!(swept, Swept::Done { unseen: gone, marked: 0, staying });
        assert_eq!(destination.count(INC).await.unwrap(), stay + 1);
        assert_eq!(u64::try_from(reasons(destination).await.len()).unwrap(), stay);
    }
}

/// A window that shows the first row alone.
async fn show_the_first(destination: &impl Destination) {
    let mut batch = allowed(destination).await;
    destination.begin_window(batch.transfer, batch.fence).await.unwrap();
    batch.mark_seen = true;
    upsert(&mut batch, "00", &[]);
    assert_eq!(effects(&destination.commit(batch).await.unwrap()), "unchanged 1");
}

/// The table is prepared with this shape, and empty. `lose` takes the table away, or a column of it.
pub async fn what_is_made_anew_is_read_again(
    destination: &(impl Destination + Ledger),
    shape: EntityShape,
    lose: impl Fn(),
) {
    let shape = EntityShape { fed_by: vec![transfer('A')], ..shape };
    for letter in ['A', 'B'] {
        let mut batch = crate::fixture::batch(letter);
        destination.raise_fence(batch.transfer, batch.fence).await.unwrap();
        batch.checkpoint = Some(checkpoint(5));
        upsert(&mut batch, letter.encode_utf8(&mut [0; 4]), &[]);
        destination.commit(batch).await.unwrap();
    }
    // To make a table ready that is so already changes nothing.
    destination.prepare(shape.clone()).await.unwrap();
    assert_eq!(destination.resume(transfer('A')).await.unwrap(), Some(checkpoint(5)));
    let under_way = allowed(destination).await;
    // Lost again before a run came, it is no other than once.
    for _ in 0..2 {
        lose();
        let found = destination.inspect(shape.clone()).await.unwrap();
        assert!(found.recreated && found.refusals.is_empty(), "{found:?}");
        destination.prepare(shape.clone()).await.unwrap();
    }
    assert!(!destination.inspect(shape).await.unwrap().recreated);
    assert_eq!(destination.resume(transfer('A')).await.unwrap(), None);
    assert_eq!(
        destination.resume(transfer('B')).await.unwrap(),
        Some(checkpoint(5)),
        "it feeds another entity"
    );
    // What had been read before would be missing.
    let refused = destination.commit(under_way.clone()).await;
    assert!(matches!(refused, Err(DestinationError::LeaseLost { .. })), "{refused:?}");
    let mut batch = under_way;
    batch.fence.lease += 1;
    destination.raise_fence(batch.transfer, batch.fence).await.unwrap();
    upsert(&mut batch, "A", &[]);
    destination.commit(batch).await.unwrap();
}
