//! The store against a server that speaks S3.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{error::Error as _, sync::Arc, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
};
use aws_smithy_http_client::Builder;
use bytes::Bytes;
use dormouse_core::{
    Code, Error,
    ports::{BlobPage, Blobs, NewBlob},
};
use dormouse_s3::{PART_BYTES, S3Blobs, S3Options};
use dormouse_testkit::{conformance, fakes::TestHost, ministack::MiniStack};
use futures::{FutureExt, StreamExt, stream};

const BUCKET: &str = "blobs";

fn credentials() -> Credentials {
    Credentials::new(MiniStack::KEY_ID, MiniStack::SECRET, None, None, "tests")
}

fn open(place: &str, endpoint: &str, host: &Arc<TestHost>) -> S3Blobs {
    let region = MiniStack::REGION;
    let url = format!("s3://{place}?region={region}&endpoint={endpoint}&path_style=true");
    let options = S3Options::parse(&url).unwrap();
    S3Blobs::new(options, Arc::clone(host) as _).with_credentials(credentials())
}

/// A bucket, and a client to look into it.
async fn bucket(server: &MiniStack) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .endpoint_url(server.endpoint())
        .region(Region::new(MiniStack::REGION))
        .credentials_provider(credentials())
        .force_path_style(true);
    server.make_bucket(BUCKET).await;
    Client::from_conf(config.build())
}

async fn unfinished(client: &Client) -> usize {
    let uploads = client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    uploads.uploads.unwrap_or_default().len()
}

/// Lets the tasks that the store has left behind end what is unfinished.
async fn nothing_is_left(client: &Client, host: &TestHost) {
    let ended = async {
        while unfinished(client).await > 0 {
            host.run_spawned().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
}

fn text() -> NewBlob {
    NewBlob::whole("text/plain", "content").unwrap()
}

/// More than one part, and then what `end` gives.
fn large(end: impl Future<Output = dormouse_core::Result<Bytes>> + Send + 'static) -> NewBlob {
    let parts = stream::iter([Ok(Bytes::from(vec![7; 2 * PART_BYTES]))]);
    NewBlob::streamed("text/plain", parts.chain(end.into_stream()).boxed()).unwrap()
}

fn assert_unavailable(error: &Error) {
    assert_eq!(error.code(), Code::StoreUnavailable, "{error:?}");
    assert!(error.delay().is_some(), "{error}");
    let cause = error.source().unwrap();
    for text in [format!("{error}"), format!("{error:?}"), format!("{cause:?}")] {
        assert!(!text.contains(MiniStack::SECRET), "a secret is shown: {text}");
    }
}

#[tokio::test]
async fn s3_blobs_conform_and_leave_no_upload_unfinished() {
    let server = MiniStack::start().await;
    let (client, host) = (bucket(&server).await, Arc::new(TestHost::new()));

    conformance::blobs(&open("blobs/some/where", server.endpoint(), &host)).await;

    nothing_is_left(&client, &host).await;
    let objects = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let keys = objects.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 50, "only {} objects", keys.len());
    for key in keys {
        let name = key.strip_prefix("some/where/").unwrap_or_else(|| panic!("{key} is elsewhere"));
        assert_eq!(name.split('/').count(), 2, "{key} is a tenant's name");
        assert!(key.len() <= 1024 && name.is_ascii() && !name.contains(' '), "{key}");
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_removed() {
    let server = MiniStack::start().await;
    let (client, host) = (bucket(&server).await, Arc::new(TestHost::new()));
    let blobs = open(BUCKET, server.endpoint(), &host);

    let broken = large(async { Err(Error::new(Code::BodyTooLarge, "too much")) });
    let error = blobs.put("acme", "broken", broken).await.unwrap_err();
    assert_eq!(error.code(), Code::BodyTooLarge);
    assert_eq!(unfinished(&client).await, 0, "at once, where somebody waits");

    let (halfway, reached) = tokio::sync::oneshot::channel();
    let never = large(async move {
        halfway.send(()).unwrap();
        std::future::pending().await
    });
    tokio::select! {
        put = blobs.put("acme", "left", never) => panic!("it had no end: {put:?}"),
        reached = reached => reached.unwrap(),
    }
    assert_eq!(unfinished(&client).await, 1);
    nothing_is_left(&client, &host).await;
}

#[tokio::test]
async fn other_objects_are_not_listed() {
    let server = MiniStack::start().await;
    let (client, host) = (bucket(&server).await, Arc::new(TestHost::new()));
    let blobs = open(BUCKET, server.endpoint(), &host);
    for key in ["acme/A", "acme/", "acme/a.txt", "acme/b/c", "acmes/d", "other"] {
        client.put_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert!(blobs.put("acme", "a", text()).await.unwrap());

    for limit in [1, 2, 100] {
        let listed = blobs.list("acme", BlobPage { limit, ..BlobPage::default() }).await.unwrap();
        let names: Vec<_> = listed.iter().map(|blob| blob.name.as_str()).collect();
        assert_eq!(names, ["a"], "of {limit}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_unavailable_store() {
    let host = Arc::new(TestHost::new());
    let blobs = open(BUCKET, "http://127.0.0.1:9", &host);
    assert_unavailable(&blobs.put("acme", "a", text()).await.unwrap_err());
    assert_unavailable(&blobs.get("acme", "a", None).await.map(|_| ()).unwrap_err());
    assert_unavailable(&blobs.head("acme", "a").await.unwrap_err());
    assert_unavailable(&blobs.delete("acme", "a").await.unwrap_err());
    assert_unavailable(&blobs.list("acme", BlobPage::default()).await.unwrap_err());
    assert!(!format!("{blobs:?}").contains(MiniStack::SECRET));
}

#[tokio::test]
async fn a_missing_bucket_is_an_error_that_says_what_helps() {
    let server = MiniStack::start().await;
    let host = Arc::new(TestHost::new());
    let blobs = open("missing", server.endpoint(), &host);
    for error in [
        blobs.put("acme", "a", text()).await.map(|_| ()).unwrap_err(),
        blobs.get("acme", "a", None).await.map(|_| ()).unwrap_err(),
        blobs.list("acme", BlobPage::default()).await.map(|_| ()).unwrap_err(),
    ] {
        assert_unavailable(&error);
        assert!(error.message().contains("create it"), "{error}");
    }
}
