//! The forms in which models print calls. Each is a function that reads one printout from where it may
//! begin; the table below says where that is.

mod blocks;
mod lines;
mod objects;
mod tags;
mod tokens;
mod whole;
mod xml;

use super::{
    cursor::{Cursor, Read, Stop},
    offered::{Offered, Printed},
    place::Place,
};

/// What was printed at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Printout {
    pub(super) calls: Vec<Printed>,
    /// Its marks say that it is meant as a call: where it cannot be one, something is wrong.
    pub(super) marked: bool,
}

impl Printout {
    /// Calls between marks that nobody writes by chance. None at all: they could not be read.
    fn marked(calls: Vec<Printed>) -> Self {
        Self { calls, marked: true }
    }

    /// Calls in something that may as well be a part of the answer.
    fn unmarked(calls: Vec<Printed>) -> Self {
        Self { calls, marked: false }
    }
}

type Form = for<'a> fn(&Offered, &mut Cursor<'a>) -> Read<Printout>;

/// Whether a printout may begin with this character at this place. What it says of a character is all
/// that is asked about most of them.
pub(super) fn may_begin(place: &Place, c: char) -> bool {
    if place.in_code() || place.after_quote() {
        return false;
    }
    match c {
        '<' | '[' => true,
        '{' => place.fresh(),
        '`' | 'T' | 't' | 'A' | 'a' | '>' => place.line_start(),
        _ => place.fresh() && (c.is_alphabetic() || c == '_'),
    }
}

/// Reads the printout that begins here, if one does.
pub(super) fn read<'a>(
    offered: &Offered,
    place: &Place,
    cursor: &mut Cursor<'a>,
) -> Read<Printout> {
    let forms: [(bool, Form); 10] = [
        (true, tokens::mistral),
        (true, tokens::deepseek),
        (true, tokens::kimi),
        (true, tokens::harmony),
        (true, tags::special),
        (!place.example(), if place.line_start() { tags::plain } else { tags::within_line }),
        (place.line_start() && !place.example(), blocks::fenced),
        (place.line_start() && !place.example(), lines::labelled),
        (place.line_start(), lines::recipient),
        (place.fresh(), whole::answer),
    ];
    let mut stop = Stop::No;
    for form in forms.into_iter().filter_map(|(here, form)| here.then_some(form)) {
        let mut here = *cursor;
        match form(offered, &mut here) {
            Err(Stop::No) => {}
            Err(Stop::Refused) => stop = Stop::Refused,
            done => {
                *cursor = here;
                return done;
            }
        }
    }
    Err(stop)
}

/// Marks of a template that some servers let through at the end of an answer.
const TURN_ENDS: [&str; 7] = [
    "<|eom_id|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|END_OF_TURN_TOKEN|>",
    "</s>",
];

/// Steps over white space and marks to the very end of the answer. Says no where anything else follows.
fn nothing_else(cursor: &mut Cursor<'_>) -> Read<()> {
    loop {
        cursor.white();
        if cursor.over()? {
            return Ok(());
        }
        cursor.any(TURN_ENDS)?;
    }
}
