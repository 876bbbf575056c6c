//! The blocks of code in an answer.

use serde_json::json;

use crate::agent::Call;

/// The most blocks of one answer that are run.
const MAX_BLOCKS: usize = 4;

/// The calls that run the blocks of code in `text`, in their order: those in languages for which there is a tool.
pub(super) fn calls(text: &str, has: impl Fn(&str) -> bool) -> Vec<Call> {
    let blocks = blocks(text).into_iter().filter(|(tool, _)| has(tool)).take(MAX_BLOCKS);
    (0..)
        .zip(blocks)
        .map(|(index, (tool, code))| {
            let field = if tool == "python" { "code" } else { "command" };
            Call {
                index,
                id: format!("code_{index}"),
                name: tool.to_owned(),
                arguments: json!({ field: code }).to_string(),
            }
        })
        .collect()
}

/// Fenced blocks that end, each with the tool that runs it (<https://spec.commonmark.org/0.31.2/#fenced-code-blocks>).
fn blocks(text: &str) -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Option<&'static str>, String)> = None;
    for line in text.lines() {
        let bare = line.trim_start_matches(' ');
        let fence = if line.len() - bare.len() > 3 { "" } else { fence(bare) };
        match &mut open {
            None if !fence.is_empty() => {
                let language = bare.get(fence.len()..).unwrap_or_default().trim();
                open = Some((fence, tool(language), String::new()));
            }
            None => {}
            Some((opened, tool, code)) => {
                let rest = bare.get(fence.len()..).unwrap_or_default();
                if fence.starts_with(*opened) && rest.trim().is_empty() {
                    if let (Some(tool), true) = (*tool, is_complete(code)) {
                        blocks.push((tool, std::mem::take(code)));
                    }
                    open = None;
                } else {
                    code.push_str(line);
                    code.push('\n');
                }
            }
        }
    }
    blocks
}

/// Whether it says something, and asks for nothing: there is nobody to type what a program reads.
fn is_complete(code: &str) -> bool {
    let asks = ["input(", "sys.stdin", "fileinput"].iter().any(|word| code.contains(word));
    !asks && !code.trim().is_empty()
}

/// The fence at the beginning of a line, or nothing.
fn fence(line: &str) -> &str {
    let length = |mark: char| line.len() - line.trim_start_matches(mark).len();
    let longest = length('`').max(length('~'));
    if longest >= 3 { line.get(..longest).unwrap_or_default() } else { "" }
}

fn tool(info: &str) -> Option<&'static str> {
    let language = info.split([' ', ',', '{']).next().unwrap_or_default();
    match language.to_ascii_lowercase().as_str() {
        "python" | "python3" | "py" => Some("python"),
        "bash" | "sh" => Some("bash"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_in_languages_that_can_be_run_are_found() {
        let text = "So:\n```python title=\"a\"\nprint(1)\n```\n\n~~~sh\necho \"```\"\n~~~\n```json\n{}\n```\n\
            ````py\n```\n````\n```python\nname = input()\n```\n```\nplain\n```\n    ```python\n    indented\n    ```\n```bash\nnever ends";
        let found = blocks(text);
        let wanted = [("python", "print(1)\n"), ("bash", "echo \"```\"\n"), ("python", "```\n")];
        assert_eq!(found, wanted.map(|(tool, code)| (tool, code.to_owned())));
    }

    #[test]
    fn each_block_is_a_call_of_the_tool_that_runs_it() {
        let calls = calls("```bash\nls\n```\n```python\n1\n```", |tool| tool == "python");
        assert_eq!(calls.len(), 1);
        assert_eq!((&*calls[0].name, &*calls[0].arguments), ("python", r#"{"code":"1\n"}"#));
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "([`~ \n]|```|python|sh|ä|x){0,30}") {
            prop_assert!(calls(&text, |_| true).len() <= MAX_BLOCKS);
        }
    }
}
