//! `calculator`: exact where arithmetic is, and small enough that nobody waits for it.
//!
//! Whole numbers and fractions are kept exactly, whatever their length up to a limit; functions that have no
//! exact value (roots, logarithms, angles) give the nearest `f64`, and the answer says so.

mod functions;
mod number;
mod parse;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use self::parse::Parser;
use super::{Context, Output, Tool, define};
use crate::chat;

/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 1000;

/// Calculates.
#[derive(Debug)]
pub struct Calculator {
    definition: chat::Tool,
}

impl Default for Calculator {
    fn default() -> Self {
        let schema = json!({
            "type": "object",
            "properties": {
                "expression": {
                    "type": "string",
                    "maxLength": MAX_EXPRESSION,
                    "description": "For example (2 + 3) * 4, 2**100, 7 // 2, -7 % 3, sqrt(2), round(1/3, 4), 5!",
                },
            },
            "required": ["expression"],
            "additionalProperties": false,
        });
        let about = "Calculates an expression: + - * / // % ** and parentheses, exactly for numbers of any length; \
            functions abs min max sum round floor ceil trunc sqrt gcd lcm factorial comb exp ln log log2 log10 \
            sin cos tan asin acos atan degrees radians; constants pi e.";
        Self { definition: define("calculator", about, schema) }
    }
}

#[async_trait]
impl Tool for Calculator {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, _: &Context) -> Output {
        let expression = input.get("expression").and_then(Value::as_str).unwrap_or_default();
        match calculate(expression) {
            Ok(result) => Output::text(result),
            Err(why) => Output::failed(why),
        }
    }
}

/// The value of an expression, or why it has none. What is not exact says so.
pub fn calculate(expression: &str) -> Result<String, String> {
    if expression.len() > MAX_EXPRESSION {
        return Err(format!("the expression is longer than {MAX_EXPRESSION} bytes"));
    }
    Parser::new(expression).whole().and_then(|number| number.shown())
}
