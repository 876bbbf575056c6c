//! Where in a catalog something is: `providers[1].credentials[0].secret`.

use std::fmt;

use super::{
    problem::Position,
    tree::{Node, Value},
};

/// The longest name of a field that is shown as it is, in bytes.
const LONGEST: usize = 64;

/// The way from the whole catalog to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

impl Path {
    pub(crate) fn field(&self, name: &str) -> Self {
        self.and(Step::Field(name.to_owned()))
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        self.and(Step::Item(index))
    }

    fn and(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Where the value begins, or if it is missing, what it is missing from.
    pub(crate) fn position(&self, root: &Node) -> Position {
        let mut node = root;
        for step in &self.0 {
            let next = match (step, &node.value) {
                (Step::Item(index), Value::List(items)) => items.get(*index),
                (Step::Field(name), Value::Map(entries)) => {
                    entries.iter().find(|(key, _)| key.text == *name).map(|(_, node)| node)
                }
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.position
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |name: &str| {
            (1..=LONGEST).contains(&name.len())
                && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if bare(name) && at == 0 => f.write_str(name)?,
                Step::Field(name) if bare(name) => write!(f, ".{name}")?,
                Step::Field(name) => write!(f, "[{:?}]", super::problem::shortened(name))?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
