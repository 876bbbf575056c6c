//! What a function keeps in DynamoDB and S3, and another instance finds there.

use dormouse_testkit::{
    lambda::{Emulator, EventKind},
    ministack::MiniStack,
};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{KEY, client, function, json_of, provider::Provider};

const PRICES: &str = r#"{"*": {"input": "1000", "output": "1000"}}"#;

/// A function whose state is in `server`.
async fn keeping(server: &MiniStack, provider: &Provider, instances: usize) -> Emulator {
    let endpoint = server.endpoint();
    let store = format!("dynamodb://dormouse?endpoint={endpoint}&create=true");
    let blobs = format!("s3://blobs/some?endpoint={endpoint}&path_style=true");
    let env = [
        ("AWS_ACCESS_KEY_ID", MiniStack::KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", MiniStack::SECRET),
        ("DORMOUSE_STORE", &store),
        ("DORMOUSE_BLOBS", &blobs),
        ("DORMOUSE_UPSTREAM", &provider.base_url),
        ("DORMOUSE_PRICES", PRICES),
    ];
    function(EventKind::FunctionUrl, instances, &env).await
}

fn get(function: &Emulator, path: &str, key: &str) -> RequestBuilder {
    client().get(format!("{}{path}", function.base_url())).bearer_auth(key)
}

async fn read(function: &Emulator, path: &str, key: &str) -> Value {
    json_of(get(function, path, key).send().await.unwrap()).await
}

/// A key with a budget: its id, and itself.
async fn mint(function: &Emulator, budget: &str) -> (String, String) {
    let url = format!("{}/v1/keys", function.base_url());
    let order = json!({"tenant": "acme", "budget": budget});
    let minted = client().post(url).bearer_auth(KEY).json(&order).send().await.unwrap();
    assert_eq!(minted.status(), StatusCode::CREATED, "{}", function.logs());
    let minted = json_of(minted).await;
    let text = |field: &str| minted[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn ask(function: &Emulator, key: &str) -> StatusCode {
    let url = format!("{}/v1/chat/completions", function.base_url());
    let body = json!({
        "model": "m", "stream": true, "max_tokens": 10,
        "messages": [{"role": "user", "content": "Count."}],
    });
    let answer = client().post(url).bearer_auth(key).json(&body).send().await.unwrap();
    let status = answer.status();
    answer.text().await.unwrap();
    status
}

async fn upload(function: &Emulator, key: &str, content: &str) -> String {
    let body = format!(
        "--line\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--line\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\n\
         {content}\r\n--line--\r\n"
    );
    let request = client().post(format!("{}/v1/files", function.base_url())).bearer_auth(key);
    let request = request.header("content-type", "multipart/form-data; boundary=line").body(body);
    let file = json_of(request.send().await.unwrap()).await;
    assert!(file["id"].is_string(), "{file}; {}", function.logs());
    file["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn keys_budgets_receipts_and_files_outlive_the_instance() {
    let server = MiniStack::start().await;
    server.make_bucket("blobs").await;
    let provider = Provider::start().await;
    provider.release(1000);

    let first = keeping(&server, &provider, 1).await;
    let (id, key) = mint(&first, "1").await;
    assert_eq!(ask(&first, &key).await, StatusCode::OK, "{}", first.logs());
    let file = upload(&first, &key, "kept in a bucket").await;
    let (path, all) = (format!("/v1/keys/{id}"), "/v1/receipts");
    let (state, receipts) = (read(&first, &path, KEY).await, read(&first, all, &key).await);
    assert_eq!(first.failures(), []);
    drop(first);

    let second = keeping(&server, &provider, 1).await;
    assert_eq!(read(&second, &path, KEY).await, state, "the key and its budget are as they were");
    assert_ne!(state["budget"]["settled"], "0", "something was spent: {state}");
    assert_eq!(read(&second, all, &key).await, receipts, "the receipts are there");
    assert_eq!(receipts["data"].as_array().map(Vec::len), Some(1), "{receipts}");
    let content = get(&second, &format!("/v1/files/{file}/content"), &key).send().await.unwrap();
    assert_eq!(content.text().await.unwrap(), "kept in a bucket", "the file is there");
    assert_eq!(second.failures(), []);
}

#[tokio::test]
async fn a_budget_is_one_for_all_instances() {
    let server = MiniStack::start().await;
    let provider = Provider::start().await;
    provider.release(1000);
    let function = keeping(&server, &provider, 4).await;
    let (id, key) = mint(&function, "0.3").await;

    let answers = futures::future::join_all((0..24).map(|_| ask(&function, &key))).await;

    let answered = answers.iter().filter(|status| **status == StatusCode::OK).count();
    let refused = answers.iter().filter(|it| **it == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!(answered + refused, answers.len(), "{answers:?}; {}", function.logs());
    assert!(answered > 0 && function.started() > 1, "{answered} by {}", function.started());
    let receipts = read(&function, "/v1/receipts?limit=100", &key).await;
    assert_eq!(receipts["data"].as_array().map(Vec::len), Some(answered), "one receipt each");
    let budget = read(&function, &format!("/v1/keys/{id}"), KEY).await["budget"].clone();
    let dollars = |field: &str| budget[field].as_str().unwrap().parse::<f64>().unwrap();
    assert!(dollars("settled") <= 0.3 && dollars("held") == 0.0, "{budget}");
    assert!(dollars("settled") > 0.0, "{budget}");
}
