//! The list of models as Anthropic's clients read it, a page at a time.
//!
//! <https://docs.anthropic.com/en/api/models-list>

use dormouse_core::{Error, Result, inference::Model};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::date::rfc3339;

/// How many models a page has where nothing else is asked for, and at most.
const LIMIT: usize = 20;
const MAX_LIMIT: usize = 1000;

/// Names under which providers tell how many input tokens a model takes.
const CONTEXT: [&str; 4] =
    ["max_input_tokens", "context_length", "max_model_len", "context_window"];
/// The same for output tokens.
const OUTPUT: [&str; 3] = ["max_tokens", "max_output_tokens", "max_completion_tokens"];

/// Which part of the list is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    after_id: Option<String>,
    before_id: Option<String>,
}

impl Page {
    /// This page of `models`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) if the limit is none, or an id unknown.
    pub(super) fn of(&self, models: &[Model]) -> Result<Value> {
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let message = format!("`limit` must be from 1 to {MAX_LIMIT}");
            return Err(Error::invalid("limit", message));
        }
        let place = |field: &str, id: &Option<String>| match id {
            None => Ok(None),
            Some(id) => match models.iter().position(|model| model.id == *id) {
                Some(place) => Ok(Some(place)),
                None => Err(Error::invalid(field.to_owned(), format!("there is no model `{id}`"))),
            },
        };
        let from = place("after_id", &self.after_id)?.map_or(0, |place| place + 1);
        let to = place("before_id", &self.before_id)?.unwrap_or(models.len());
        let there = models.get(from..to).unwrap_or_default();
        let backwards = self.before_id.is_some() && self.after_id.is_none();
        let skipped = if backwards { there.len().saturating_sub(limit) } else { 0 };
        let page: Vec<&Model> = there.iter().skip(skipped).take(limit).collect();
        Ok(json!({
            "data": page.iter().map(|model| describe(model)).collect::<Vec<Value>>(),
            "has_more": page.len() < there.len(),
            "first_id": page.first().map(|model| &model.id),
            "last_id": page.last().map(|model| &model.id),
        }))
    }
}

/// One model, with what its provider says of it as far as the shape has a field for it.
pub(super) fn describe(model: &Model) -> Value {
    let told = &model.description;
    let text = |field: &str| told.get(field).and_then(Value::as_str);
    let count = |fields: &[&str]| fields.iter().find_map(|field| told.get(*field)?.as_u64());
    let trained = || told.get("meta")?.get("n_ctx_train")?.as_u64();
    let created = told.get("created").and_then(Value::as_u64).unwrap_or_default();
    let created = text("created_at").map_or_else(|| rfc3339(created), str::to_owned);
    let mut described = json!({
        "type": "model",
        "id": model.id,
        "display_name": text("display_name").or_else(|| text("name")).unwrap_or(&model.id),
        // The epoch stands for an unknown date.
        "created_at": created,
        "lifecycle": text("lifecycle").unwrap_or("active"),
        "max_input_tokens": count(&CONTEXT).or_else(trained),
        "max_tokens": count(&OUTPUT),
    });
    if let Some(fields) = described.as_object_mut() {
        for field in ["description", "capabilities", "dormouse"] {
            fields.extend(told.get(field).map(|value| (field.to_owned(), value.clone())));
        }
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(count: usize) -> Vec<Model> {
        let model =
            |number: usize| Model { id: format!("m{number}"), description: serde_json::Map::new() };
        (0..count).map(model).collect()
    }

    fn ids(query: &str, count: usize) -> (Vec<String>, bool) {
        let page: Page = serde_json::from_str(query).unwrap();
        let page = page.of(&models(count)).unwrap();
        let data = page["data"].as_array().unwrap();
        let ids = data.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["has_more"].as_bool().unwrap())
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended_in_both_directions() {
        assert_eq!(ids("{}", 30).0.len(), 20);
        assert_eq!(ids(r#"{"limit":2}"#, 5), (vec!["m0".into(), "m1".into()], true));
        let after = ids(r#"{"limit":2,"after_id":"m2"}"#, 5);
        assert_eq!(after, (vec!["m3".into(), "m4".into()], false));
        let before = ids(r#"{"limit":2,"before_id":"m3"}"#, 5);
        assert_eq!(before, (vec!["m1".into(), "m2".into()], true));
        assert_eq!(ids(r#"{"after_id":"m4"}"#, 5), (vec![], false));
        assert_eq!(ids("{}", 0), (vec![], false));
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        for (query, param) in [
            (r#"{"limit":0}"#, "limit"),
            (r#"{"limit":1001}"#, "limit"),
            (r#"{"after_id":"who"}"#, "after_id"),
            (r#"{"before_id":"who"}"#, "before_id"),
        ] {
            let page: Page = serde_json::from_str(query).unwrap();
            assert_eq!(page.of(&models(3)).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn what_a_provider_tells_is_found_under_many_names() {
        let told = json!({ "id": "m", "name": "Mouse", "context_length": 8192, "created": 86_400 });
        let description = told.as_object().cloned().unwrap();
        let described = describe(&Model { id: "m".into(), description });
        assert_eq!(described["display_name"], "Mouse");
        assert_eq!(described["max_input_tokens"], 8192);
        assert_eq!(described["created_at"], "1970-01-02T00:00:00Z");
        assert_eq!(described["type"], "model");
    }
}
