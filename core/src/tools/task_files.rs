//! `read_file`, `write_file`, `edit_file` and `list_files`: the files of a task, in the sandbox.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Context, Output, Tool, code::NO_SANDBOX, define};
use crate::{Error, chat, ports::Sandbox};

/// The longest path, in bytes.
const MAX_PATH: usize = 1024;
/// The most that is written to a file at once, in bytes.
const MAX_CONTENT: usize = 1 << 20;
/// The largest file that is read or edited, in bytes.
const MAX_FILE: usize = 8 << 20;
/// The most files of a list.
const MAX_LISTED: usize = 500;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Write,
    Edit,
    List,
}

/// Does one thing with files.
#[derive(Debug)]
pub struct TaskFiles {
    definition: chat::Tool,
    act: Act,
    sandbox: Option<Arc<dyn Sandbox>>,
}

impl TaskFiles {
    /// The four tools, with their files in `sandbox`.
    pub fn all(sandbox: Option<&Arc<dyn Sandbox>>) -> [Self; 4] {
        [read(), write(), edit(), list()].map(|(definition, act)| Self {
            definition,
            act,
            sandbox: sandbox.cloned(),
        })
    }

    async fn act(
        &self,
        sandbox: &dyn Sandbox,
        input: &Map<String, Value>,
        context: &Context,
    ) -> Result<Output, Error> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let (path, workspace) = (text("path"), &context.workspace);
        if self.act == Act::List {
            return Ok(listed(&sandbox.list(workspace, path).await?));
        }
        if self.act == Act::Write {
            let content = Bytes::copy_from_slice(text("content").as_bytes());
            let length = content.len();
            sandbox.write(workspace, path, content).await?;
            return Ok(Output::text(format!("wrote {length} bytes to {path}")));
        }
        let Some(content) = sandbox.read(workspace, path).await? else {
            return Ok(Output::failed(format!("there is no file `{path}`")));
        };
        let content = match readable(&content, path) {
            Ok(content) => content,
            Err(why) => return Ok(Output::failed(why)),
        };
        if self.act == Act::Read {
            let number = |name: &str| input.get(name).and_then(Value::as_u64);
            return Ok(shown(content, number("first_line"), number("lines")));
        }
        let everywhere = input.get("everywhere").and_then(Value::as_bool).unwrap_or_default();
        match edited(content, text("old"), text("new"), everywhere) {
            Ok((changed, places)) => {
                sandbox.write(workspace, path, changed.into()).await?;
                let places =
                    if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
                Ok(Output::text(format!("changed {path} in {places}")))
            }
            Err(why) => Ok(Output::failed(why)),
        }
    }
}

#[async_trait]
impl Tool for TaskFiles {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let Some(sandbox) = &self.sandbox else { return Output::failed(NO_SANDBOX) };
        let done = self.act(sandbox.as_ref(), &input, context).await;
        done.unwrap_or_else(|error| Output::failed(error.message()))
    }
}

fn fields(fields: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": false,
    })
}

fn path(about: &str) -> Value {
    json!({ "type": "string", "maxLength": MAX_PATH, "description": about })
}

const RELATIVE: &str = "The path of the file, relative to the working directory.";

fn read() -> (chat::Tool, Act) {
    let schema = fields(
        &json!({
            "path": path(RELATIVE),
            "first_line": { "type": "integer", "minimum": 1, "description": "The first line to read. Default: 1." },
            "lines": { "type": "integer", "minimum": 1, "description": "How many lines to read. Default: all." },
        }),
        &["path"],
    );
    (
        define("read_file", "Reads a text file in the working directory of this task.", schema),
        Act::Read,
    )
}

fn write() -> (chat::Tool, Act) {
    let content =
        json!({ "type": "string", "maxLength": MAX_CONTENT, "description": "All of its content." });
    let schema =
        fields(&json!({ "path": path(RELATIVE), "content": content }), &["path", "content"]);
    let about = "Writes a file in the working directory of this task, in place of what it held.";
    (define("write_file", about, schema), Act::Write)
}

fn edit() -> (chat::Tool, Act) {
    let schema = fields(
        &json!({
            "path": path(RELATIVE),
            "old": { "type": "string", "minLength": 1, "description": "The text to replace, exactly as it is in the file." },
            "new": { "type": "string", "maxLength": MAX_CONTENT, "description": "What to put in its place." },
            "everywhere": { "type": "boolean", "description": "Whether to replace it wherever it is. Default: false; then it must be there once." },
        }),
        &["path", "old", "new"],
    );
    let about = "Replaces a piece of text in a file in the working directory of this task.";
    (define("edit_file", about, schema), Act::Edit)
}

fn list() -> (chat::Tool, Act) {
    let schema =
        fields(&json!({ "path": path("The directory. Default: the working directory.") }), &[]);
    let about = "Lists the files below a directory in the working directory of this task, with their sizes.";
    (define("list_files", about, schema), Act::List)
}

fn readable<'c>(content: &'c Bytes, path: &str) -> Result<&'c str, String> {
    if content.len() > MAX_FILE {
        return Err(format!(
            "`{path}` has {} bytes: too many to be read as a whole",
            content.len()
        ));
    }
    std::str::from_utf8(content)
        .map_err(|_| format!("`{path}` is no text: it has {} bytes", content.len()))
}

fn shown(content: &str, first: Option<u64>, lines: Option<u64>) -> Output {
    if first.is_none() && lines.is_none() {
        return Output::text(content);
    }
    let count = |number: Option<u64>, default| {
        number.map_or(default, |it| usize::try_from(it).unwrap_or(default))
    };
    let (skipped, most) = (count(first, 1).saturating_sub(1), count(lines, usize::MAX));
    let all = content.lines().count();
    let text = content.lines().skip(skipped).take(most).collect::<Vec<_>>().join("\n");
    if text.is_empty() && skipped >= all {
        return Output::failed(format!("the file has only {all} lines"));
    }
    Output::text(text)
}

fn edited(
    content: &str,
    old: &str,
    new: &str,
    everywhere: bool,
) -> Result<(String, usize), String> {
    let places = content.matches(old).count();
    match places {
        0 => Err("`old` is not in the file: read the file, and copy it exactly".to_owned()),
        2.. if !everywhere => Err(format!(
            "`old` is in the file {places} times: give more of what is around it, or say `everywhere`"
        )),
        _ if content.len() + places.saturating_mul(new.len()) > MAX_FILE => {
            Err(format!("the file would have more than {MAX_FILE} bytes"))
        }
        _ => Ok((content.replace(old, new), places)),
    }
}

fn listed(files: &[crate::ports::File]) -> Output {
    if files.is_empty() {
        return Output::text("there are no files");
    }
    let line = |file: &crate::ports::File| match file.directory {
        true => format!("{}/", file.path.trim_end_matches('/')),
        false => format!("{} ({} bytes)", file.path, file.size),
    };
    let mut lines: Vec<String> = files.iter().take(MAX_LISTED).map(line).collect();
    if files.len() > MAX_LISTED {
        lines.push(format!("[and {} more]", files.len() - MAX_LISTED));
    }
    Output::text(lines.join("\n"))
}
