//! A page as plain text: what a reader would see, without how it looks.
//!
//! This follows tags and entities as they are written, and does not build a page as a browser would: whole
//! HTML parsers are larger than all that is built in here together. Scripts are not run.

/// Elements whose content nobody reads.
const UNSEEN: [&str; 11] = [
    "script", "style", "noscript", "template", "svg", "head", "iframe", "object", "title",
    "select", "canvas",
];
/// Elements that begin a line.
const BLOCKS: [&str; 32] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// The longest entity, in bytes.
const MAX_ENTITY: usize = 12;

/// The title of a page, and its text.
pub(crate) fn plain_text(html: &str) -> (String, String) {
    let mut writer = Writer::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        writer.text(text);
        rest = match after_markup(tag, &mut writer) {
            Some(rest) => rest,
            // A `<` that begins no tag is itself.
            None => {
                writer.text("<");
                tag.get(1..).unwrap_or_default()
            }
        };
    }
    writer.text(rest);
    (title(html), writer.out.trim().to_owned())
}

/// What follows a tag, a comment or a declaration, and the content of an element that is not seen.
fn after_markup<'h>(html: &'h str, writer: &mut Writer) -> Option<&'h str> {
    if let Some(comment) = html.strip_prefix("<!--") {
        return Some(comment.split_once("-->").map_or("", |(_, rest)| rest));
    }
    if html.starts_with("<!") || html.starts_with("<?") {
        return Some(html.split_once('>').map_or("", |(_, rest)| rest));
    }
    let inner = html.strip_prefix('<')?;
    let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let length =
        inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(inner.len());
    let name = inner.get(..length)?.to_ascii_lowercase();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let rest = after_tag(inner);
    if !closes
        && UNSEEN.contains(&name.as_str())
        && !html.get(..html.len() - rest.len())?.ends_with("/>")
    {
        return Some(after_element(rest, &name));
    }
    if BLOCKS.contains(&name.as_str()) {
        writer.line();
        if name == "li" && !closes {
            writer.item();
        }
    } else if name == "td" || name == "th" {
        writer.text(" ");
    }
    Some(rest)
}

/// What follows the `>` of a tag; one in quotation marks is of an attribute.
fn after_tag(inner: &str) -> &str {
    let mut quote = None;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '>') => return inner.get(at + 1..).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    ""
}

/// What follows the end of an element; nothing if it has none.
fn after_element<'h>(html: &'h str, name: &str) -> &'h str {
    let mut rest = html;
    while let Some((_, after)) = rest.split_once("</") {
        if after.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)) {
            return after_tag(after);
        }
        rest = after;
    }
    ""
}

fn title(html: &str) -> String {
    let Some(start) = find_ignoring_case(html, "<title") else { return String::new() };
    let inner = after_tag(html.get(start + 1..).unwrap_or_default());
    let text = inner.split_once("</").map_or("", |(text, _)| text);
    let mut writer = Writer::default();
    writer.text(text);
    writer.out.trim().to_owned()
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let windows = text.as_bytes().windows(wanted.len());
    windows.into_iter().position(|it| it.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Writes text as it is read: runs of white space are one space, and no line is empty twice.
#[derive(Default)]
struct Writer {
    out: String,
    /// A space that is only written if something follows on the line.
    space: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (decoded, length) = entity(rest).unwrap_or((c, c.len_utf8()));
            rest = rest.get(length..).unwrap_or_default();
            if decoded.is_whitespace() {
                self.space = true;
                continue;
            }
            if self.space && !self.out.is_empty() && !self.out.ends_with(['\n', ' ']) {
                self.out.push(' ');
            }
            self.space = false;
            self.out.push(decoded);
        }
    }

    fn line(&mut self) {
        self.space = false;
        if !self.out.is_empty() && !self.out.ends_with('\n') && !self.is_at_item() {
            self.out.push('\n');
        }
    }

    /// Begins an item of a list, on a line of its own.
    fn item(&mut self) {
        if !self.is_at_item() {
            self.out.push_str("- ");
        }
    }

    /// Whether an item has begun, and nothing stands in it yet.
    fn is_at_item(&self) -> bool {
        self.out.strip_suffix("- ").is_some_and(|rest| rest.is_empty() || rest.ends_with('\n'))
    }
}

/// The character that `text` begins with as an entity, and how long that is written.
fn entity(text: &str) -> Option<(char, usize)> {
    let inner = text.strip_prefix('&')?;
    let end = inner.bytes().take(MAX_ENTITY).position(|byte| byte == b';')?;
    let name = inner.get(..end)?;
    let decoded = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']);
            let code =
                hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
            char::from_u32(code?).filter(|c| !c.is_control() || c.is_whitespace())?
        }
        None => named(name)?,
    };
    Some((decoded, end + 2))
}

/// The entities that pages use; HTML has two thousand more.
fn named(name: &str) -> Option<char> {
    const KNOWN: [(&str, char); 30] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("bull", '•'),
        ("middot", '·'),
        ("copy", '©'),
        ("reg", '®'),
        ("trade", '™'),
        ("deg", '°'),
        ("times", '×'),
        ("euro", '€'),
        ("pound", '£'),
        ("sect", '§'),
        ("rarr", '→'),
        ("larr", '←'),
        ("minus", '−'),
        ("ensp", ' '),
        ("thinsp", ' '),
    ];
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_reads_as_a_reader_sees_it() {
        let html = "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p { color: red }</style></head>\
            <body><nav><a href='/x>y'>Home</a></nav><h1>The   title</h1><p>One &lt;two&gt; <b>three</b>,\n four.</p>\
            <!-- not <b>seen</b> --><script>if (a < b) { alert('</p>') }</script>\
            <ul><li>first</li><li><p>second</p></li></ul>1 < 2 &#8364;&#x20AC; &unknown; AT&T</body></html>";
        let (title, text) = plain_text(html);
        assert_eq!(title, "A & B");
        assert_eq!(
            text,
            "Home\nThe title\nOne <two> three, four.\n- first\n- second\n1 < 2 €€ &unknown; AT&T"
        );
    }

    #[test]
    fn what_never_ends_ends_with_the_page() {
        for html in ["<script>x", "<!-- x", "<a href='x", "<!x", "<svg><path d='", "<p"] {
            assert_eq!(plain_text(html).1, "", "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_page_hurts(html in "(<|</|>|!--|--|script|p|li|'|\"|&|;|#|x|é| |\n|=|/){0,60}") {
            let (_, text) = plain_text(&html);
            // A text is no longer than its page, but for the marks of a list.
            prop_assert!(text.len() <= 2 * html.len());
        }
    }
}
