//! What is sent to a server, whoever sends it.

use std::{borrow::Cow, fmt, sync::OnceLock};

/// Something to ask a server.
pub struct Request {
    what: What,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

enum What {
    Command(&'static str),
    Script(&'static Script),
}

/// A command as it is sent.
pub struct Command<'a> {
    /// Its name.
    pub name: &'static str,
    /// What follows its name.
    pub words: Vec<Cow<'a, [u8]>>,
}

impl Request {
    pub(crate) fn command(name: &'static str) -> Self {
        Self::new(What::Command(name))
    }

    pub(crate) fn script(script: &'static Script) -> Self {
        Self::new(What::Script(script))
    }

    fn new(what: What) -> Self {
        Self { what, keys: Vec::new(), arguments: Vec::new() }
    }

    pub(crate) fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key.into_bytes());
        self
    }

    pub(crate) fn arg(&mut self, argument: impl Into<Vec<u8>>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn number(&mut self, number: &impl ToString) -> &mut Self {
        self.arg(number.to_string())
    }

    /// The command that asks for it. A script it names by its digest: a server that does not know it
    /// answers `NOSCRIPT`.
    pub fn short(&self) -> Command<'_> {
        match self.what {
            What::Command(name) => Command { name, words: self.words(None) },
            What::Script(script) => {
                Command { name: "EVALSHA", words: self.words(Some(script.digest())) }
            }
        }
    }

    /// The command that any server understands, if [`short`](Self::short) is not that already.
    pub fn in_full(&self) -> Option<Command<'_>> {
        match self.what {
            What::Command(_) => None,
            What::Script(script) => {
                Some(Command { name: "EVAL", words: self.words(Some(script.source)) })
            }
        }
    }

    fn words<'a>(&'a self, script: Option<&'a str>) -> Vec<Cow<'a, [u8]>> {
        let mut words = Vec::with_capacity(2 + self.keys.len() + self.arguments.len());
        if let Some(script) = script {
            words.push(Cow::Borrowed(script.as_bytes()));
            words.push(Cow::Owned(self.keys.len().to_string().into_bytes()));
        }
        let rest = self.keys.iter().chain(&self.arguments);
        words.extend(rest.map(|word| Cow::Borrowed(word.as_slice())));
        words
    }
}

/// Without the words, which callers of the gateway have written.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.short().fmt(f)
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name).field("words", &self.words.len()).finish()
    }
}

/// A program that the server runs.
pub(crate) struct Script {
    source: &'static str,
    digest: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, digest: OnceLock::new() }
    }

    /// What the server calls it.
    fn digest(&self) -> &str {
        self.digest.get_or_init(|| sha1_smol::Sha1::from(self.source).digest().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command<'_>) -> Vec<String> {
        command.words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    #[test]
    fn a_script_goes_by_its_digest_and_in_full_for_those_who_do_not_know_it() {
        // The example in the documentation of EVALSHA and SCRIPT LOAD.
        static HELLO: Script = Script::new("return 'hello moto'");
        let mut request = Request::script(&HELLO);
        request.arg("first").key("key".to_owned()).number(&2);

        let short = request.short();
        assert_eq!(short.name, "EVALSHA");
        let digest = "232fd51614574cf0867b83d384a5e898cfd24e5a";
        assert_eq!(words(&short), [digest, "1", "key", "first", "2"]);
        let full = request.in_full().expect("a script");
        assert_eq!(full.name, "EVAL");
        assert_eq!(words(&full), ["return 'hello moto'", "1", "key", "first", "2"]);
    }

    #[test]
    fn a_command_is_in_full_already_and_shows_nothing_of_its_words() {
        let mut request = Request::command("HGETALL");
        request.key("secret".to_owned());
        assert_eq!(
            (request.short().name, words(&request.short())),
            ("HGETALL", vec!["secret".to_owned()])
        );
        assert!(request.in_full().is_none());
        assert_eq!(format!("{request:?}"), "HGETALL { words: 1 }");
    }
}
