//! From the list of this machine's models to the supervisor of their servers.

use std::{path::Path, sync::Arc};

use dormouse_core::{
    Error, Result,
    gateway::LocalServers,
    ports::{Host, HttpClient},
    settings::{LocalModel, Settings},
};
use dormouse_host::LocalClient;
use dormouse_llamacpp::{ModelSpec, Options, Supervisor};

/// The servers of this machine's models; none where no models are listed.
#[derive(Debug)]
pub(crate) struct Models(Option<(Arc<Supervisor>, Arc<dyn HttpClient>)>);

impl Models {
    pub(crate) fn start(settings: &Settings, host: &Arc<dyn Host>) -> Result<Self> {
        let Some(list) = &settings.models else { return Ok(Self(None)) };
        let mut models = Vec::new();
        for model in &list.0 {
            models.extend(specs(model, &settings.model_command)?);
        }
        let options = Options {
            models,
            idle_timeout: settings.model_idle_timeout,
            health_timeout: settings.model_health_timeout,
            max_loaded: settings.models_max.and_then(|max| usize::try_from(max).ok()),
            memory_budget: settings.models_memory.and_then(|size| u64::try_from(size.0).ok()),
            queue: usize::try_from(settings.model_queue).unwrap_or(usize::MAX),
            ..Options::default()
        };
        let http: Arc<dyn HttpClient> =
            Arc::new(LocalClient::new(settings.upstream_connect_timeout));
        let supervisor = Supervisor::new(options, Arc::clone(host), Arc::clone(&http));
        let supervisor = supervisor.map_err(|error| error.at("DORMOUSE_MODELS"))?;
        Ok(Self(Some((Arc::new(supervisor), http))))
    }

    /// The servers as the gateway sees them.
    pub(crate) fn servers(&self) -> Option<LocalServers> {
        let (supervisor, http) = self.0.as_ref()?;
        Some(LocalServers { servers: Arc::<Supervisor>::clone(supervisor), http: Arc::clone(http) })
    }

    /// Lets running answers end and stops all servers. Returns when none is left.
    pub(crate) async fn shutdown(&self) {
        if let Some((supervisor, _)) = &self.0 {
            supervisor.shutdown().await;
        }
    }
}

/// One entry of the list is one model, or all those of a folder.
fn specs(model: &LocalModel, template: &str) -> Result<Vec<ModelSpec>> {
    let command = words(model.command.as_deref().unwrap_or(template))?;
    let found = match (&model.name, &model.path) {
        (None, Some(path)) => {
            ModelSpec::discover(Path::new(path)).map_err(|error| error.at("DORMOUSE_MODELS"))?
        }
        (Some(name), path) => {
            let one = ModelSpec::new(name, Vec::new());
            // What lies there need not be a GGUF file. If it is one of several, all count.
            let memory_bytes = match path.as_ref().map(|path| ModelSpec::discover(Path::new(path)))
            {
                Some(Ok(found)) if found.len() == 1 => found.first().and_then(|it| it.memory_bytes),
                _ => None,
            };
            vec![ModelSpec { path: path.as_ref().map(Into::into), memory_bytes, ..one }]
        }
        (None, None) => Vec::new(),
    };
    let spec = |found: ModelSpec| ModelSpec {
        command: command.clone(),
        memory_bytes: memory(model).or(found.memory_bytes),
        priority: model.priority,
        preload: model.preload,
        concurrency: model.concurrency,
        ..found
    };
    Ok(found.into_iter().map(spec).collect())
}

fn memory(model: &LocalModel) -> Option<u64> {
    model.memory.and_then(|size| u64::try_from(size.0).ok())
}

/// The words of a command, as a POSIX shell would tell them apart. No shell is involved otherwise.
fn words(command: &str) -> Result<Vec<String>> {
    shlex::split(command).filter(|words| !words.is_empty()).ok_or_else(|| {
        let message = "DORMOUSE_MODEL_COMMAND: the command is empty, or a quotation mark is open";
        Error::invalid("DORMOUSE_MODEL_COMMAND", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "serve '{model}' --port {port}";

    #[test]
    fn a_model_by_name_alone_is_started_by_its_name() {
        let model = LocalModel {
            name: Some("org/name".into()),
            command: Some("vllm serve {model} --port {port}".into()),
            concurrency: Some(8),
            ..LocalModel::default()
        };
        let specs = specs(&model, TEMPLATE).unwrap();
        assert_eq!((specs.len(), specs[0].name.as_str()), (1, "org/name"));
        assert_eq!(specs[0].command, ["vllm", "serve", "{model}", "--port", "{port}"]);
        assert_eq!((&specs[0].path, specs[0].concurrency), (&None, Some(8)));
    }

    #[test]
    fn the_command_is_split_as_a_shell_would() {
        let model = LocalModel { name: Some("a".into()), ..LocalModel::default() };
        assert_eq!(specs(&model, TEMPLATE).unwrap()[0].command[1], "{model}");
        assert_eq!(
            specs(&model, "serve 'open").unwrap_err().param(),
            Some("DORMOUSE_MODEL_COMMAND")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_at_the_start() {
        let model = LocalModel { path: Some("/nowhere/a.gguf".into()), ..LocalModel::default() };
        assert_eq!(specs(&model, TEMPLATE).unwrap_err().param(), Some("DORMOUSE_MODELS"));
    }
}
