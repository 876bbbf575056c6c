//! Calls that are the whole answer, with nothing around them that says so.

use super::{
    super::{
        cursor::{Cursor, Read, Stop, begun, first},
        offered::{Offered, Printed},
    },
    Printout, lines, nothing_else,
    objects::{self, Trust},
    tags,
};

/// Bare JSON, Python, or a name above its arguments: one or several, and nothing else. All of them name
/// offered tools.
pub(super) fn answer(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let mut calls = Vec::new();
    loop {
        let more = one(offered, cursor)?;
        let known = |call: &Printed| offered.find(&call.name).is_some();
        if more.is_empty() || !more.iter().all(known) {
            return Err(Stop::Refused);
        }
        calls.extend(more);
        let mut here = *cursor;
        match begun(nothing_else(&mut here)) {
            Ok(()) => {
                *cursor = here;
                return Ok(Printout::unmarked(calls));
            }
            Err(Stop::More) => return Err(Stop::More),
            Err(_) => {}
        }
        cursor.white();
        // Llama writes several calls in one line like this.
        cursor.maybe(";")?;
        cursor.maybe(">>>")?;
        cursor.white();
    }
}

fn one(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    first(
        cursor,
        &[
            &|cursor| objects::value(offered, Trust::Bare, None, cursor),
            &|cursor| {
                named(offered, *cursor)?;
                tags::calls(cursor)
            },
            &|cursor| {
                named(offered, *cursor)?;
                lines::addressed(offered, cursor).map(|call| vec![call])
            },
        ],
    )
}

/// Whether an offered tool is named here.
fn named(offered: &Offered, mut cursor: Cursor<'_>) -> Read<()> {
    if cursor.maybe("[")? {
        cursor.white();
    }
    let start = cursor;
    match cursor.name() {
        Ok(name) if offered.find(name).is_some() => Ok(()),
        Ok(_) => Err(Stop::No),
        // A word that is still being written: it may become a name only as long as one begins like it.
        Err(Stop::More) if !offered.may_become(start.rest()) => Err(Stop::No),
        Err(stop) => Err(stop),
    }
}
