//! What metrics are told apart by.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::encoding::EncodeLabelSet;

use crate::{Code, operation::Operation};

/// The most models, and the most tools, that have a label of their own; callers choose the names, so there
/// must be an end.
const MAX_NAMES: usize = 100;

/// The names seen so far, of models or of tools.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    /// The label of `name`: itself, or `other` once there are too many.
    pub(super) fn label(&self, name: &str) -> String {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(name) {
            if seen.len() >= MAX_NAMES {
                return "other".to_owned();
            }
            seen.insert(name.to_owned());
        }
        name.to_owned()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationLabels {
    gen_ai_operation_name: &'static str,
    gen_ai_request_model: String,
}

impl OperationLabels {
    pub(super) fn new(operation: Operation, model: String) -> Self {
        Self { gen_ai_operation_name: operation.as_str(), gen_ai_request_model: model }
    }
}

/// A model by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ModelLabels {
    gen_ai_request_model: String,
}

impl ModelLabels {
    pub(super) fn new(model: &str) -> Self {
        Self { gen_ai_request_model: model.to_owned() }
    }
}

/// A tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ToolLabels {
    gen_ai_tool_name: String,
}

impl ToolLabels {
    pub(super) fn new(tool: String) -> Self {
        Self { gen_ai_tool_name: tool }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenLabels {
    gen_ai_operation_name: &'static str,
    gen_ai_request_model: String,
    gen_ai_token_type: &'static str,
}

impl TokenLabels {
    pub(super) fn new(operation: &OperationLabels, kind: &'static str) -> Self {
        Self {
            gen_ai_operation_name: operation.gen_ai_operation_name,
            gen_ai_request_model: operation.gen_ai_request_model.clone(),
            gen_ai_token_type: kind,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ErrorLabels {
    code: &'static str,
}

impl ErrorLabels {
    pub(super) fn new(code: Code) -> Self {
        Self { code: code.as_str() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpLabels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u32,
}

impl HttpLabels {
    pub(super) fn new(method: &'static str, route: &str, status: u16) -> Self {
        Self {
            http_request_method: method,
            http_route: route.to_owned(),
            http_response_status_code: status.into(),
        }
    }
}
