//! Definitions that are read again while the gateway runs.

use serde_json::json;

use crate::{
    agents::{AGENTS, names, read_by},
    stage::Stage,
};

pub(crate) async fn agents_change_when_their_files_are_read_again(stage: Stage) {
    let file = stage.place("agents.yaml");
    std::fs::write(&file, AGENTS).unwrap();
    let gateway = stage.gateway(&[("DORMOUSE_AGENTS", file.to_str().unwrap())]).await;
    let (_, user) = gateway.key_with_budget("1").await;

    std::fs::write(&file, "agents: [{name: tutor, sistem: Be brief.}]").unwrap();
    let refused = gateway.post("/a1/reload", &json!({})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.body).contains("sistem"), "{refused:?}");
    assert_eq!(names(&gateway).await, ["analyst", "tutor"], "nothing has changed");

    std::fs::write(&file, "agents: [{name: tutor, system: Be brief., model: echo}]").unwrap();
    user.post("/a1/reload", &json!({})).await.error(403);
    gateway.post("/a1/reload", &json!({})).await.ok();
    assert_eq!(names(&user).await, ["tutor"]);
    user.post("/a1/agents/tutor/chat", &json!({ "message": "Why?" })).await.ok();
    assert_eq!(read_by(&stage, "echo").await, ["Be brief.", "Why?"]);
}
