//! Clause 5: versions never repeat.

use std::{collections::BTreeSet, time::Duration};

use dormouse_core::ports::{When, Write};
use futures::future::join_all;

use super::{Room, THINGS, fresh};

pub(super) async fn check(room: &Room<'_>) {
    versions_never_repeat(room).await;
    concurrent_writes_get_different_versions(room).await;
}

async fn versions_never_repeat(room: &Room<'_>) {
    let id = fresh("phoenix");
    let mut seen = BTreeSet::new();
    let soon = || room.clock.now() + Duration::from_millis(200);
    for round in 0..8 {
        let writes = [
            Write::put(THINGS, &id, "the same"),
            Write::put(THINGS, &id, "the same"),
            Write::add(THINGS, &id, [("count", 0)]),
            Write::add::<String>(THINGS, &id, []),
        ];
        for write in writes {
            let version = room.apply(vec![write.clone()]).await[0].unwrap();
            assert!(seen.insert(version.0), "clause 5: {write:?} brought back {version:?}");
        }
        if round == 6 {
            room.apply(vec![Write::put_until(THINGS, &id, "", soon(), When::Any)]).await;
            room.clock.pass(Duration::from_millis(250)).await;
            assert_eq!(room.get(&id).await, None, "clause 7: the record has expired");
        } else {
            room.apply(vec![Write::delete(THINGS, &id)]).await;
        }
    }
}

async fn concurrent_writes_get_different_versions(room: &Room<'_>) {
    let id = fresh("busy");
    let write = async || room.put(&id, "").await.0;

    let versions: BTreeSet<_> = join_all((0..64).map(|_| write())).await.into_iter().collect();

    assert_eq!(versions.len(), 64, "clause 5: every concurrent write gets a version of its own");
}
