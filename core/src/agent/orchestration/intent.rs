//! Kinds of requests, and what each is given.

use crate::tools::BUILT_IN;

/// Of which kind a request is, as its model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Small talk.
    Chat,
    /// It asks for knowledge.
    Question,
    /// It asks for a number.
    Calculation,
    /// It asks for a program.
    Code,
    /// It needs several steps.
    Task,
    /// It needs the web.
    Search,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Chat, Self::Question, Self::Calculation, Self::Code, Self::Task, Self::Search];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Question => "question",
            Self::Calculation => "calculation",
            Self::Code => "code",
            Self::Task => "task",
            Self::Search => "search",
        }
    }

    /// The kind that a model names. `None`: it names none, or several.
    pub fn parse(said: &str) -> Option<Self> {
        let is_named = |kind: &Self| {
            said.split(|c: char| !c.is_alphanumeric())
                .any(|word| word.eq_ignore_ascii_case(kind.as_str()))
        };
        let mut named = Self::ALL.into_iter().filter(is_named);
        named.next().filter(|_| named.next().is_none())
    }

    /// Whether it is worth a plan.
    pub(super) fn plans(self) -> bool {
        self == Self::Task
    }

    /// Whether the web is asked first.
    pub(super) fn searches(self) -> bool {
        self == Self::Search
    }

    /// Whether no tool is needed for it.
    pub fn needs_no_tools(self) -> bool {
        self == Self::Chat
    }

    /// Whether a tool of the gateway helps. Of tools that are not built in nobody knows what they are for, so
    /// they are left out of small talk only.
    pub fn is_helped_by(self, tool: &str) -> bool {
        let is_of = |tools: &[&str]| tools.contains(&tool);
        let of_files = is_of(&["read_file", "write_file", "edit_file", "list_files"]);
        match self {
            Self::Chat => false,
            Self::Task => true,
            _ if !BUILT_IN.contains(&tool) => true,
            Self::Question => !of_files && !is_of(&["bash", "python"]),
            Self::Calculation => is_of(&["calculator", "python"]),
            Self::Code => of_files || is_of(&["bash", "python"]),
            Self::Search => is_of(&["web_search", "web_fetch", "current_time"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_the_model_names_if_it_names_one() {
        for (said, kind) in [
            ("calculation", Some(Kind::Calculation)),
            ("Kind: **Code**.", Some(Kind::Code)),
            ("DONE: search", Some(Kind::Search)),
            ("task\ntask", Some(Kind::Task)),
            ("a question about code", None),
            ("The answer is 3.", None),
            ("questions", None),
            ("", None),
        ] {
            assert_eq!(Kind::parse(said), kind, "{said:?}");
        }
    }

    #[test]
    fn each_kind_has_the_tools_that_help_it() {
        let tools = |kind: Kind| {
            let all = ["bash", "python", "calculator", "read_file", "web_search", "acme__look"];
            all.into_iter().filter(|tool| kind.is_helped_by(tool)).collect::<Vec<_>>()
        };
        assert!(tools(Kind::Chat).is_empty());
        assert_eq!(tools(Kind::Task).len(), 6);
        assert_eq!(tools(Kind::Question), ["calculator", "web_search", "acme__look"]);
        assert_eq!(tools(Kind::Calculation), ["python", "calculator", "acme__look"]);
        assert_eq!(tools(Kind::Code), ["bash", "python", "read_file", "acme__look"]);
        assert_eq!(tools(Kind::Search), ["web_search", "acme__look"]);
    }
}
