//! Clauses 5 (parts) and 7 (deleting while it is read).

use bytes::Bytes;
use dormouse_core::Code;
use futures::TryStreamExt;

use super::{LARGE, Shelf, chunked, fresh, large, length};

pub(super) async fn check(shelf: &Shelf<'_>) {
    a_part_is_exactly_what_was_asked_for(shelf).await;
    nothing_has_parts_too(shelf).await;
    a_large_blob_is_read_whole_and_in_parts(shelf).await;
    a_reader_of_a_deleted_blob_gets_no_short_content(shelf).await;
}

async fn a_part_is_exactly_what_was_asked_for(shelf: &Shelf<'_>) {
    let name = fresh("alphabet");
    let chunks = ["abc", "", "defghijklm", "nopqrstuvwxyz"];
    let blob = chunked(chunks.map(|chunk| Ok(Bytes::from(chunk))));
    assert!(shelf.blobs.put(&shelf.tenant, &name, blob).await.unwrap());
    for (range, expected) in [
        (0..26, "abcdefghijklmnopqrstuvwxyz"),
        (0..1, "a"),
        (2..5, "cde"),
        (25..26, "z"),
        (20..100, "uvwxyz"),
        (20..u64::MAX, "uvwxyz"),
        (0..u64::MAX, "abcdefghijklmnopqrstuvwxyz"),
        (0..0, ""),
        (5..5, ""),
        (26..27, ""),
        (26..u64::MAX, ""),
        (1000..2000, ""),
        (u64::MAX..u64::MAX, ""),
    ] {
        let blob = shelf.open(&name, Some(range.clone())).await.unwrap();
        assert_eq!(blob.info.length, 26, "clause 5: who reads {range:?} is told the whole length");
        assert_eq!(blob.collect().await.unwrap(), expected, "clause 5: bytes {range:?}");
    }
    let reversed = std::ops::Range { start: 5, end: 2 };
    assert_eq!(shelf.part(&name, reversed).await, "", "clause 5: a reversed range is empty");
}

async fn nothing_has_parts_too(shelf: &Shelf<'_>) {
    let name = fresh("empty");
    assert!(shelf.put(&name, "").await);
    for range in [0..0, 0..1, 0..u64::MAX, 7..9] {
        assert_eq!(shelf.part(&name, range.clone()).await, "", "clause 5: {range:?} of nothing");
    }
}

async fn a_large_blob_is_read_whole_and_in_parts(shelf: &Shelf<'_>) {
    let (name, content) = (fresh("large"), large(5));
    let pieces: Vec<_> = content.chunks(999_983).map(Bytes::copy_from_slice).map(Ok).collect();
    let written = shelf.blobs.put(&shelf.tenant, &name, chunked(pieces)).await.unwrap();
    assert!(written, "clause 9: a large blob is kept");

    let head = shelf.blobs.head(&shelf.tenant, &name).await.unwrap().unwrap();
    assert_eq!(head.length, length(&content), "clause 6: its length is known");
    assert!(shelf.read(&name).await.unwrap() == content, "clause 6: it comes back whole");
    let mebibyte = 1024 * 1024;
    for range in [
        0..10,
        8 * mebibyte - 1..8 * mebibyte + 1,
        3 * mebibyte..16 * mebibyte + 7,
        LARGE - 1..LARGE,
        LARGE - 300_000..LARGE,
    ] {
        let wanted = u64::try_from(range.start).unwrap()..u64::try_from(range.end).unwrap();
        let part = shelf.part(&name, wanted).await;
        assert!(part == content[range.clone()], "clause 5: bytes {range:?} of a large blob");
    }
    shelf.delete(&name).await;
}

async fn a_reader_of_a_deleted_blob_gets_no_short_content(shelf: &Shelf<'_>) {
    let (name, content) = (fresh("deleted"), large(6));
    assert!(shelf.put(&name, content.clone()).await);
    let mut reading = shelf.open(&name, None).await.unwrap().content;
    let mut read = reading.try_next().await.unwrap().unwrap().to_vec();

    shelf.delete(&name).await;
    assert!(shelf.put(&name, large(7)).await, "clause 7: the name is free at once");

    let end = loop {
        match reading.try_next().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.code()),
        }
    };
    assert!(content.starts_with(&read), "clause 7: nothing of another blob is read");
    match end {
        Ok(()) => assert_eq!(read.len(), LARGE, "clause 7: who reads on reads to the end"),
        Err(code) => assert_eq!(code, Code::StoreUnavailable, "clause 12: or is told"),
    }
    shelf.delete(&name).await;
}
