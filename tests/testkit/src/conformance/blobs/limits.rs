//! Clause 9: limits. That content is limited is seen to by [`NewBlob`] itself.

use dormouse_core::{
    Code, Result,
    ports::{BlobPage, MAX_BLOB_NAME_BYTES, MAX_ID_BYTES, MAX_MEDIA_TYPE_BYTES, NewBlob},
};

use super::{Shelf, fresh, text};

pub(super) async fn check(shelf: &Shelf<'_>) {
    the_longest_names_are_kept_whole(shelf).await;
    the_longest_media_type_is_kept_whole(shelf).await;
    names_beyond_a_limit_are_invalid(shelf).await;
    pages_beyond_a_limit_are_invalid(shelf).await;
}

async fn the_longest_names_are_kept_whole(shelf: &Shelf<'_>) {
    // Four bytes a character: a store that counts characters would allow four times as much.
    let long = |most: usize, number: usize| format!("{}{number:04}", "🧀".repeat(most / 4 - 1));
    let tenants =
        [1, 2].map(|number| shelf.next_door(format!("{}{}", fresh("t"), long(480, number))));
    let name = |number| long(MAX_BLOB_NAME_BYTES, number);
    for tenant in &tenants {
        assert!(tenant.tenant.len() <= MAX_ID_BYTES && name(1).len() == MAX_BLOB_NAME_BYTES);
        for number in [1, 2] {
            assert!(
                tenant.put(&name(number), format!("{number}")).await,
                "clause 1: two long names"
            );
        }
        assert_eq!(
            tenant.read(&name(1)).await.unwrap(),
            "1",
            "clause 9: long names are kept whole"
        );
        assert_eq!(
            tenant.names(BlobPage::default()).await,
            [name(1), name(2)],
            "clause 9: all of them"
        );
        tenant.is_absent("clause 1: another long name", &name(3)).await;
    }
    let longest = shelf.next_door("Ä".repeat(MAX_ID_BYTES / 2));
    // No tenant can be fresh if all of its bytes are given, so another run may have left it.
    longest.delete("longest").await;
    assert!(longest.put("longest", "").await, "clause 9: the longest tenant is served");
    longest.delete("longest").await;
}

async fn the_longest_media_type_is_kept_whole(shelf: &Shelf<'_>) {
    let (name, longest) = (fresh("type"), "t".repeat(MAX_MEDIA_TYPE_BYTES));
    let blob = NewBlob::whole(longest.as_str(), "").unwrap();
    assert!(shelf.blobs.put(&shelf.tenant, &name, blob).await.unwrap());
    let head = shelf.blobs.head(&shelf.tenant, &name).await.unwrap().unwrap();
    assert_eq!(head.media_type, longest, "clause 9: the longest media type is kept whole");
}

async fn names_beyond_a_limit_are_invalid(shelf: &Shelf<'_>) {
    let good = shelf.tenant.as_str();
    let (long_tenant, long_name) =
        ("x".repeat(MAX_ID_BYTES + 1), "x".repeat(MAX_BLOB_NAME_BYTES + 1));
    for (tenant, name) in [
        ("", "name"),
        ("a\0b", "name"),
        (long_tenant.as_str(), "name"),
        (good, ""),
        (good, "a\0b"),
        (good, long_name.as_str()),
    ] {
        let what = format!("({tenant:?}, {name:?})");
        let blobs = shelf.blobs;
        invalid(&what, &blobs.put(tenant, name, text("")).await);
        invalid(&what, &blobs.get(tenant, name, None).await);
        invalid(&what, &blobs.get(tenant, name, Some(0..1)).await);
        invalid(&what, &blobs.head(tenant, name).await);
        invalid(&what, &blobs.delete(tenant, name).await);
        if tenant != good {
            invalid(&what, &blobs.list(tenant, BlobPage::default()).await);
        }
    }
}

async fn pages_beyond_a_limit_are_invalid(shelf: &Shelf<'_>) {
    let long = "x".repeat(MAX_BLOB_NAME_BYTES + 1);
    for page in [
        BlobPage { limit: 0, ..BlobPage::default() },
        BlobPage { limit: BlobPage::MAX_LIMIT + 1, ..BlobPage::default() },
        BlobPage { after: Some(long), ..BlobPage::default() },
    ] {
        let what = format!("{page:?}");
        invalid(&what, &shelf.blobs.list(&shelf.tenant, page).await);
    }
}

fn invalid<T: std::fmt::Debug>(what: &str, result: &Result<T>) {
    let code = result.as_ref().map_err(dormouse_core::Error::code);
    assert!(
        matches!(code, Err(Code::InvalidRequest)),
        "clause 9: {what} is an invalid request, not {code:?}"
    );
}
