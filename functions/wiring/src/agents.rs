//! Where agents are defined: a file, or the files of a folder.

use std::{env, fs, io, path::Path, sync::Arc};

use dormouse_core::{
    Error, Result,
    agents::{AgentFile, AgentFiles, Agents},
    settings::{CatalogSource, Settings},
};

use crate::catalog::text;

/// The most files of a folder.
const MAX_FILES: usize = 1024;
const SETTING: &str = "DORMOUSE_AGENTS";

/// The agents that `settings` name, with the variables of this process put in; none, where they name none.
///
/// Files that cannot be read or are wrong are an
/// [`InvalidRequest`](dormouse_core::Code::InvalidRequest), with a line for each problem.
pub fn agents(settings: &Settings) -> Result<Agents> {
    match settings.agents.clone() {
        Some(source) => Agents::read(Arc::new(Files(source))),
        None => Ok(Agents::default()),
    }
}

#[derive(Debug)]
struct Files(CatalogSource);

impl AgentFiles for Files {
    fn read(&self) -> Result<Vec<AgentFile>> {
        match &self.0 {
            CatalogSource::Text(text) => {
                Ok(vec![AgentFile { name: SETTING.to_owned(), text: text.expose().to_owned() }])
            }
            CatalogSource::File(path) => found(Path::new(path)).and_then(|paths| {
                let read = |path: &String| {
                    let text = text(Path::new(path)).map_err(|error| unreadable(path, &error))?;
                    Ok(AgentFile { name: path.clone(), text })
                };
                paths.iter().map(read).collect()
            }),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }
}

/// The file, or those of the folder that are named like YAML, in the order of their names.
fn found(path: &Path) -> Result<Vec<String>> {
    let shown = |path: &Path| path.display().to_string();
    if !path.is_dir() {
        return Ok(vec![shown(path)]);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(&shown(path), &error))?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let is_yaml =
        |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
    let mut files: Vec<String> = paths.filter(is_yaml).map(|path| shown(&path)).collect();
    if files.is_empty() || files.len() > MAX_FILES {
        let (path, count) = (shown(path), files.len());
        let why = format!("{path}: {count} files end in .yaml or .yml, and 1 to {MAX_FILES} may");
        return Err(Error::invalid(SETTING, why));
    }
    files.sort_unstable();
    Ok(files)
}

fn unreadable(path: &str, error: &io::Error) -> Error {
    Error::invalid(SETTING, format!("cannot read the agents of {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents_of(value: &str) -> Result<Agents> {
        let settings = Settings::read(|name| (name == SETTING).then(|| value.to_owned()));
        agents(&settings?)
    }

    fn agent(name: &str) -> String {
        format!("agents: [{{name: {name}, system: Help.}}]\n")
    }

    #[test]
    fn a_folder_is_read_file_by_file_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("b.yaml", &agent("b"));
        write("a.yml", &agent("a"));
        write("notes.txt", "these are none");
        let agents = agents_of(folder.path().to_str().unwrap()).unwrap();
        let names = || agents.list().iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(), ["a", "b"]);

        write("c.yaml", &agent("b"));
        let error = agents.reload().unwrap_err();
        assert!(error.message().contains("c.yaml:1:17: agents[0].name: `b` is taken"), "{error}");
        assert_eq!(names(), ["a", "b"], "nothing has changed");
        write("c.yaml", &agent("c"));
        agents.reload().unwrap();
        assert_eq!(names(), ["a", "b", "c"]);
    }

    #[test]
    fn the_setting_may_be_the_agents_themselves() {
        assert_eq!(agents_of(&agent("a")).unwrap().list().len(), 1);
        let error = agents_of("agents:\n  - name: a\n").unwrap_err();
        assert_eq!(error.param(), Some(SETTING));
        assert_eq!(error.message(), "DORMOUSE_AGENTS:2:5: agents[0].system: is missing");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = agents_of("/nowhere/agents.yaml").unwrap_err();
        assert!(error.message().contains("/nowhere/agents.yaml"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = agents_of(empty.path().to_str().unwrap()).unwrap_err();
        assert!(error.message().contains("0 files end in .yaml"), "{error}");
    }
}
