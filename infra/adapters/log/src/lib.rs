//! Log lines as JSON, for those who collect them: an object a line, with the fields of the event and of
//! every span around it.
//!
//! ```json
//! {"timestamp":"…","level":"INFO","message":"answered","milliseconds":3,"target":"…","spans":[{"name":"request","correlation_id":"…"}]}
//! ```
//!
//! The lines are those of [`tracing_subscriber`]'s own JSON. That one reads the fields of a span again, and
//! builds a tree of them, for each line within it; here they are written once, when the span begins, and
//! copied. Each request begins two spans and writes a line.

use std::fmt;

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, Layer, MakeWriter,
        format::Writer,
        layer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// A layer that writes every event as a line to `writer`.
pub fn json_lines<S, W>(writer: W) -> Layer<S, Fields, Lines, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    layer().fmt_fields(Fields).event_format(Lines).with_writer(writer)
}

/// Writes events.
#[derive(Clone, Copy, Debug)]
pub struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = event.metadata();
        line.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut line)?;
        line.write_str(r#"","level":""#)?;
        line.write_str(about.level().as_str())?;
        line.write_str("\"")?;
        let mut fields = Written { to: line.by_ref(), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        line.write_str(r#","target":"#)?;
        text(&mut line, about.target())?;
        if let Some(spans) = context.event_scope() {
            let mut before = r#","spans":["#;
            for span in spans.from_root() {
                line.write_str(before)?;
                line.write_str(r#"{"name":"#)?;
                text(&mut line, span.name())?;
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                    line.write_str(&fields.fields)?;
                }
                before = "},";
            }
            line.write_str("}]")?;
        }
        line.write_str("}\n")
    }
}

/// Writes the fields of events and spans, each behind a comma: something is always before them. So fields
/// that a span is given later only have to be added.
#[derive(Clone, Copy, Debug)]
pub struct Fields;

impl<'a> FormatFields<'a> for Fields {
    fn format_fields<R: RecordFields>(&self, to: Writer<'a>, fields: R) -> fmt::Result {
        let mut written = Written { to, outcome: Ok(()) };
        fields.record(&mut written);
        written.outcome
    }
}

struct Written<'a> {
    to: Writer<'a>,
    outcome: fmt::Result,
}

impl Written<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let name = field.name();
        // As a name that is a keyword of Rust is written.
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.outcome = self.outcome.and_then(|()| {
            self.to.write_str(",")?;
            text(&mut self.to, name)?;
            self.to.write_str(":")?;
            value(&mut self.to)
        });
    }
}

impl Visit for Written<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, |to| json(to, &value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |to| write!(to, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |to| write!(to, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |to| text(to, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, |to| text(to, &format!("{value:?}")));
    }
}

fn text(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return json(to, text);
    }
    to.write_str("\"")?;
    to.write_str(text)?;
    to.write_str("\"")
}

fn json(to: &mut Writer<'_>, value: &(impl Serialize + ?Sized)) -> fmt::Result {
    to.write_str(&serde_json::to_string(value).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Map, Value};
    use tracing::{Span, field::Empty, info, info_span, subscriber::with_default, warn};
    use tracing_subscriber::{fmt::layer, layer::SubscriberExt, registry};

    use super::*;

    /// Keeps what is written to it.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn lines(&self) -> Vec<Map<String, Value>> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let read = |line| serde_json::from_str(line).unwrap();
            let timeless = |mut line: Map<String, Value>| {
                assert!(line.remove("timestamp").is_some_and(|it| it.is_string()));
                line
            };
            text.lines().map(read).map(timeless).collect()
        }

        fn writer(&self) -> impl Fn() -> Self + Send + Sync + 'static {
            let paper = self.clone();
            move || paper.clone()
        }
    }

    fn outer() -> Span {
        info_span!("outer", text = "a \"b\"\n\u{1}é", later = Empty, r#type = ?1)
    }

    fn inner() -> Span {
        info_span!("inner", n = 7_u64, i = -7, f = 1.5, nan = f64::NAN, yes = true)
    }

    fn break_something() {
        let error = io::Error::other("it \"broke\"");
        warn!(a.b = "c", error = &error as &dyn std::error::Error, seen = ?Some(1), "said");
    }

    fn say_beside(span: &Span) {
        info!(answer = 42);
        info!(parent: span, "by its parent");
    }

    #[test]
    fn the_lines_are_those_of_the_library() {
        let (ours, theirs) = (Paper::default(), Paper::default());
        let library = layer().json().flatten_event(true).with_current_span(false);
        let both =
            registry().with(json_lines(ours.writer())).with(library.with_writer(theirs.writer()));
        with_default(both, || {
            info!("outside");
            let outer = outer();
            let _outer = outer.enter();
            let inner = inner();
            outer.record("later", 8);
            inner.in_scope(break_something);
            say_beside(&inner);
        });
        let lines = ours.lines();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1]["spans"].as_array().map(Vec::len), Some(2));
        for (line, library) in lines.iter().zip(theirs.lines()).take(3) {
            assert_eq!(*line, library);
        }
        let parents = lines[3]["spans"].as_array().unwrap();
        assert_eq!(parents[1]["name"], "inner", "the library names the spans that are entered");
    }
}
