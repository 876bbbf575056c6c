//! Clauses 2 (whole or absent), 3 (no overwriting), 7 (deleting) and 12 (no silent end, for writers).

use bytes::Bytes;
use dormouse_core::{Code, Error, ports::NewBlob};
use futures::{
    FutureExt, StreamExt,
    channel::oneshot,
    future::{Either, join, join_all, select},
    stream,
};

use super::{Shelf, TEXT, chunked, fresh, large, text};

pub(super) async fn check(shelf: &Shelf<'_>) {
    a_name_is_written_once(shelf).await;
    one_of_many_writers_wins(shelf).await;
    one_of_two_large_writers_wins(shelf).await;
    half_a_blob_is_not_seen(shelf).await;
    content_that_breaks_off_leaves_nothing(shelf).await;
    a_writer_who_leaves_leaves_nothing(shelf).await;
    a_deleted_name_is_free(shelf).await;
}

async fn a_name_is_written_once(shelf: &Shelf<'_>) {
    let name = fresh("once");
    assert!(shelf.put(&name, "first").await, "clause 3: a free name is written to");
    for content in ["second", "first", ""] {
        assert!(!shelf.put(&name, content).await, "clause 3: a taken one is not");
    }
    assert_eq!(shelf.read(&name).await.unwrap(), "first", "clause 3: nothing was overwritten");
    let other = NewBlob::whole("image/png", "third").unwrap();
    assert!(!shelf.blobs.put(&shelf.tenant, &name, other).await.unwrap(), "clause 3: nor changed");
    let head = shelf.blobs.head(&shelf.tenant, &name).await.unwrap().unwrap();
    assert_eq!(head.media_type, TEXT, "clause 3: nor is its media type");
}

async fn one_of_many_writers_wins(shelf: &Shelf<'_>) {
    let name = fresh("race");
    let written = join_all((0..16).map(|writer| shelf.put(&name, format!("{writer}")))).await;
    let winners: Vec<usize> = (0..16).filter(|writer| written[*writer]).collect();
    assert_eq!(winners.len(), 1, "clause 3: of 16 writers {winners:?} were told they wrote");
    let content = shelf.read(&name).await.unwrap();
    assert_eq!(content, winners[0].to_string(), "clause 3: and the winner's content is there");
}

async fn one_of_two_large_writers_wins(shelf: &Shelf<'_>) {
    let name = fresh("heavyweights");
    let contents = [large(0), large(1)];
    let written = join_all(contents.iter().map(|content| shelf.put(&name, content.clone()))).await;
    assert!(written[0] ^ written[1], "clause 3: of two large blobs one is kept: {written:?}");
    let winner = usize::from(written[1]);
    let content = shelf.read(&name).await.unwrap();
    assert!(content == contents[winner], "clause 3: and it is that of the winner");
    shelf.delete(&name).await;
}

async fn half_a_blob_is_not_seen(shelf: &Shelf<'_>) {
    let name = fresh("half");
    let (halfway, reached) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let second = async move {
        halfway.send(()).unwrap();
        released.await.unwrap();
        Ok(Bytes::from_static(b"second"))
    };
    let content = stream::iter([Ok(large(2))]).chain(second.into_stream()).boxed();
    let blob = NewBlob::streamed(TEXT, content).unwrap();
    let watch = async {
        reached.await.unwrap();
        shelf.is_absent("clause 2: of which half is written", &name).await;
        release.send(()).unwrap();
    };

    let (written, ()) = join(shelf.blobs.put(&shelf.tenant, &name, blob), watch).await;

    assert!(written.unwrap(), "clause 2: then it is written");
    let content = shelf.read(&name).await.unwrap();
    assert!(content.ends_with(b"second"), "clause 2: and all of it is there at once");
    shelf.delete(&name).await;
}

async fn content_that_breaks_off_leaves_nothing(shelf: &Shelf<'_>) {
    for first in [Bytes::new(), Bytes::from_static(b"first"), large(3)] {
        let name = fresh("broken");
        let broken = Err(Error::new(Code::BodyTooLarge, "the client sent too much"));
        let blob = chunked([Ok(first), broken]);
        let error = shelf.blobs.put(&shelf.tenant, &name, blob).await.unwrap_err();
        assert_eq!(
            error.code(),
            Code::BodyTooLarge,
            "clause 12: the writer's own error comes back"
        );
        shelf.is_absent("clause 2: whose content broke off", &name).await;
        assert!(shelf.put(&name, "whole").await, "clause 2: and its name is free");
    }
}

async fn a_writer_who_leaves_leaves_nothing(shelf: &Shelf<'_>) {
    let name = fresh("left");
    let (halfway, reached) = oneshot::channel();
    let never = async move {
        halfway.send(()).unwrap();
        std::future::pending().await
    };
    let content = stream::iter([Ok(large(4))]).chain(never.into_stream()).boxed();
    let blob = NewBlob::streamed(TEXT, content).unwrap();
    match select(shelf.blobs.put(&shelf.tenant, &name, blob), reached).await {
        Either::Left((put, _)) => panic!("the content had no end: {put:?}"),
        Either::Right((reached, put)) => {
            reached.unwrap();
            drop(put);
        }
    }
    shelf.is_absent("clause 2: whose writer left", &name).await;
    assert!(shelf.put(&name, "whole").await, "clause 2: and its name is free");
}

async fn a_deleted_name_is_free(shelf: &Shelf<'_>) {
    let name = fresh("phoenix");
    for round in ["one", "two"] {
        assert!(shelf.put(&name, round).await, "clause 7: the name is free");
        assert_eq!(shelf.read(&name).await.unwrap(), round, "clause 4: it is read at once");
        shelf.delete(&name).await;
        shelf.is_absent("clause 7: what was deleted", &name).await;
        shelf.delete(&name).await;
    }
    let neighbour = fresh("phoenix");
    shelf.blobs.put(&shelf.tenant, &neighbour, text("stays")).await.unwrap();
    shelf.delete(&name).await;
    assert!(shelf.read(&neighbour).await.is_some(), "clause 7: nothing else is deleted");
}
