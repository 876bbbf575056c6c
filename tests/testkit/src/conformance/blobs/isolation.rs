//! Clauses 1 (isolation), 4 (read your writes), 6 (blobs come back as written) and 10 (absence is a value).

use dormouse_core::ports::{BlobInfo, BlobPage, ListedBlob, NewBlob};

use super::{Shelf, fresh, length};

pub(super) async fn check(shelf: &Shelf<'_>) {
    what_is_missing_is_none(shelf).await;
    a_blob_comes_back_as_it_was_written(shelf).await;
    tenants_do_not_meet(shelf).await;
    names_do_not_meet(shelf).await;
}

async fn what_is_missing_is_none(shelf: &Shelf<'_>) {
    let nobody = shelf.next_door(fresh("nobody"));
    nobody.is_absent("clause 10: a missing blob", "nothing").await;
    assert!(nobody.names(BlobPage::default()).await.is_empty(), "clause 10: the list is empty");
    nobody.delete("nothing").await;
}

async fn a_blob_comes_back_as_it_was_written(shelf: &Shelf<'_>) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    for (content, media_type) in [
        (every_byte, "application/octet-stream"),
        (Vec::new(), "image/png"),
        ("käse 🧀".into(), "text/plain; charset=\"utf-8\""),
    ] {
        let name = fresh("blob");
        let blob = NewBlob::whole(media_type, content.clone()).unwrap();
        let written = shelf.blobs.put(&shelf.tenant, &name, blob).await.unwrap();
        assert!(written, "clause 3: a free name is written to");

        let info = BlobInfo { length: length(&content), media_type: media_type.into() };
        let head = shelf.blobs.head(&shelf.tenant, &name).await.unwrap();
        assert_eq!(head.as_ref(), Some(&info), "clause 6: a blob keeps its media type");
        let blob = shelf.open(&name, None).await.unwrap();
        assert_eq!(blob.info, info, "clause 6: who reads it is told the same");
        assert_eq!(blob.collect().await.unwrap(), content, "clause 6: and reads what was written");
        let listed = shelf.blobs.list(&shelf.tenant, BlobPage::default()).await.unwrap();
        let wanted = ListedBlob { name, length: info.length };
        assert!(listed.contains(&wanted), "clause 4: it is listed at once");
    }
}

/// Names that would meet if a store glued them together, or took them for paths.
async fn tenants_do_not_meet(shelf: &Shelf<'_>) {
    let mine = shelf.tenant.as_str();
    let neighbours = [
        (format!("{mine}/a"), "b"),
        (mine.to_owned(), "a/b"),
        (format!("{mine}/a/b"), "c"),
        (mine.to_owned(), "../c"),
        (format!("../{mine}"), "c"),
        (format!("{mine}/.."), "c"),
        (format!("{mine}\\"), "c"),
        (format!("{mine}%2f"), "c"),
        (mine.to_uppercase(), "c"),
        (format!("{mine} "), "c"),
        (format!("{mine}."), "c"),
        (format!("{mine}\u{301}"), "c"),
        (format!("{mine}{}", "🧀".repeat(100)), "c"),
        (format!("{mine}{}a", "🧀".repeat(100)), "c"),
    ];
    for (number, (tenant, name)) in neighbours.iter().enumerate() {
        let claim = format!("clause 1: ({tenant:?}, {name:?}) is a blob of its own");
        assert!(shelf.next_door(tenant).put(name, number.to_string()).await, "{claim}");
    }
    for (number, (tenant, name)) in neighbours.iter().enumerate() {
        let neighbour = shelf.next_door(tenant);
        let content = neighbour.read(name).await.unwrap();
        assert_eq!(content, number.to_string(), "clause 1: ({tenant:?}, {name:?}) is unharmed");
        let own = neighbours.iter().filter(|(owner, _)| owner == tenant).map(|(_, name)| *name);
        let mut names = neighbour.names(BlobPage::default()).await;
        // Other checks have put blobs of the first tenant, whose names are fresh.
        names.retain(|name| neighbours.iter().any(|(_, it)| it == name));
        let mut own: Vec<_> = own.collect();
        own.sort_unstable();
        assert_eq!(names, own, "clause 1: {tenant:?} is shown its own names only");
    }
    let (tenant, name) = &neighbours[0];
    shelf.next_door(tenant).delete(name).await;
    for (tenant, name) in &neighbours[1..] {
        let content = shelf.next_door(tenant).read(name).await;
        assert!(content.is_some(), "clause 1: deleting one tenant's blob leaves {tenant:?}'s");
    }
}

async fn names_do_not_meet(shelf: &Shelf<'_>) {
    let shelf = shelf.next_door(fresh("odd"));
    let names = [
        ".", "..", "/", "//", "a", "A", "a/", "/a", "a/b", "a/../b", "a.", "a ", " a", "a%2f",
        "a\\b", "a:b", "é", "e\u{301}", "É", "con", "nul.txt", ".hidden", "~", "-", "z", "Z", "_",
        "\u{1}", "\n", "🧀",
    ];
    for name in names {
        assert!(shelf.put(name, name).await, "clause 1: {name:?} is a name of its own");
    }
    for name in names {
        let content = shelf.read(name).await.unwrap();
        assert_eq!(content, name, "clause 1: {name:?} holds its own content");
    }
    let mut listed = shelf.names(BlobPage::default()).await;
    listed.sort_unstable();
    let mut all = names;
    all.sort_unstable();
    assert_eq!(listed, all, "clause 1: every name comes back as it was given");
}
