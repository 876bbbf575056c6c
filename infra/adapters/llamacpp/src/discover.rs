//! Models from a file or a folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use dormouse_core::{Code, Error, Result};

use crate::ModelSpec;

/// How llama.cpp's server is started. `--host` keeps it from the network.
const LLAMA_SERVER: [&str; 7] =
    ["llama-server", "-m", "{model}", "--port", "{port}", "--host", "127.0.0.1"];

impl ModelSpec {
    /// The model in a GGUF file, or those in a folder, named like their files and served by
    /// llama-server. A model in several files (`x-00001-of-00003.gguf`) is one model; a file that
    /// only serves another model (`mmproj-x.gguf`) is none.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](Code::InvalidRequest): there is no such file or folder, it cannot be read,
    /// or no model is in it.
    pub fn discover(path: &Path) -> Result<Vec<Self>> {
        let unreadable = |error| {
            let message = format!("no models can be read from {}", path.display());
            Error::new(Code::InvalidRequest, message).caused_by(error)
        };
        let files = if fs::metadata(path).map_err(unreadable)?.is_dir() {
            files_in(path).map_err(unreadable)?
        } else {
            parts_of(path).map_err(unreadable)?
        };
        let specs = from_files(files);
        if specs.is_empty() {
            let message = format!("there is no model (*.gguf) in {}", path.display());
            return Err(Error::new(Code::InvalidRequest, message));
        }
        Ok(specs)
    }
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// The file, and beside it the others that its model is in.
fn parts_of(file: &Path) -> io::Result<Vec<PathBuf>> {
    let name = |file: &Path| {
        let stem = file.file_stem()?.to_str()?;
        let name = whole_name(stem);
        (name != stem).then(|| name.to_owned())
    };
    let Some((whole, folder)) = name(file).zip(file.parent()) else {
        return Ok(vec![file.to_owned()]);
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let files = files_in(folder)?;
    Ok(files.into_iter().filter(|file| name(file).as_ref() == Some(&whole)).collect())
}

fn from_files(files: Vec<PathBuf>) -> Vec<ModelSpec> {
    let mut models: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        let gguf = file.extension().is_some_and(|it| it.eq_ignore_ascii_case("gguf"));
        if let Some(stem) = stem.filter(|stem| gguf && !stem.starts_with("mmproj")) {
            models.entry(whole_name(stem).to_owned()).or_default().push(file);
        }
    }
    models.into_iter().filter_map(|(name, parts)| spec(name, parts)).collect()
}

/// The name without `-00001-of-00003`.
fn whole_name(stem: &str) -> &str {
    let number = |text: &str| text.len() == 5 && text.bytes().all(|it| it.is_ascii_digit());
    let split = stem.rsplit_once("-of-").filter(|(_, of)| number(of));
    let split = split.and_then(|(rest, _)| rest.rsplit_once('-')).filter(|(_, part)| number(part));
    split.map_or(stem, |(name, _)| name)
}

/// llama-server is given the first part and finds the others.
fn spec(name: String, mut parts: Vec<PathBuf>) -> Option<ModelSpec> {
    parts.sort();
    let length = |part: &PathBuf| fs::metadata(part).map_or(0, |file| file.len());
    let memory = (parts.len() > 1).then(|| parts.iter().map(length).sum());
    let command = LLAMA_SERVER.map(str::to_owned).to_vec();
    let path = parts.into_iter().next()?;
    Some(ModelSpec { path: Some(path), memory_bytes: memory, ..ModelSpec::new(name, command) })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::process::Address;

    #[test]
    fn a_folder_is_its_models() {
        let folder = TempDir::new().unwrap();
        let files = [
            ("b.gguf", 5),
            ("a-Q4_0.GGUF", 3),
            ("mmproj-b.gguf", 1),
            ("big-00002-of-00002.gguf", 10),
            ("big-00001-of-00002.gguf", 7),
            ("notes.txt", 1),
        ];
        for (name, length) in files {
            fs::write(folder.path().join(name), vec![0; length]).unwrap();
        }

        let specs = ModelSpec::discover(folder.path()).unwrap();

        let found: Vec<_> = specs.iter().map(|it| (it.name.as_str(), it.memory())).collect();
        assert_eq!(found, [("a-Q4_0", 3), ("b", 5), ("big", 17)]);
        let first = folder.path().join("big-00001-of-00002.gguf");
        assert_eq!(ModelSpec::discover(&first).unwrap()[0].memory(), 17, "all of its parts count");
        assert_eq!(specs[2].command_at(&Address::on_port(8042))[2], first.to_string_lossy());
    }

    #[test]
    fn a_file_is_one_model() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("tiny.gguf");
        fs::write(&file, "GGUF").unwrap();

        let specs = ModelSpec::discover(&file).unwrap();

        let command = format!("llama-server -m {} --port 8042 --host 127.0.0.1", file.display());
        assert_eq!(specs[0].command_at(&Address::on_port(8042)).join(" "), command);
        assert_eq!((specs.len(), specs[0].name.as_str()), (1, "tiny"));
    }

    #[test]
    fn a_place_without_models_is_an_error() {
        let folder = TempDir::new().unwrap();
        assert!(ModelSpec::discover(folder.path()).is_err());
        assert!(ModelSpec::discover(&folder.path().join("absent")).is_err());
    }
}
