//! Calls in lines with labels: `TOOL:` and `INPUT:`, ReAct's `Action:` and `Action Input:`, Command-R's
//! `Action:` with JSON, Functionary's `>>>name`.

use super::{
    super::{
        cursor::{Cursor, Read, Stop, begun, first},
        offered::{Arguments, Offered, Printed, sole_text},
    },
    Printout,
    objects::{self, Trust},
};

/// Labels of a tool's name, and of its input in a line below.
const LABELS: [(&str, &str); 3] =
    [("TOOL:", "INPUT:"), ("TOOL_NAME:", "TOOL_INPUT:"), ("ACTION:", "ACTION INPUT:")];

pub(super) fn labelled(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let command_r: &dyn for<'a> Fn(&mut Cursor<'a>) -> Read<Printout> =
        &|cursor| command_r(offered, cursor);
    let mut stop = Stop::No;
    for (label, input) in LABELS {
        let mut here = *cursor;
        match pair(offered, label, input, &mut here) {
            Err(Stop::No) => {}
            Err(Stop::Refused) => stop = Stop::Refused,
            done => {
                *cursor = here;
                return done;
            }
        }
    }
    first(cursor, &[&|cursor| command_r(cursor)])
        .map_err(|it| if it == Stop::No { stop } else { it })
}

fn pair(offered: &Offered, label: &str, input: &str, cursor: &mut Cursor<'_>) -> Read<Printout> {
    cursor.word(label)?;
    cursor.blanks();
    let name = begun(cursor.name())?;
    let tool = offered.find(name).ok_or(Stop::Refused)?;
    cursor.blanks();
    let ends_there = cursor.over()?;
    if !ends_there {
        begun(cursor.literal("\n"))?;
    }
    let mut here = *cursor;
    here.white();
    let labelled = match here.word(input) {
        Ok(()) => true,
        Err(Stop::More) => return Err(Stop::More),
        Err(_) => false,
    };
    let mut arguments = Arguments::Text(String::new());
    if labelled {
        here.blanks();
        arguments = begun(first(
            &mut here,
            &[
                &|cursor| cursor.brackets(None).map(|text| Arguments::Text(text.to_owned())),
                &|cursor| {
                    sole_text(tool).ok_or(Stop::No)?;
                    cursor.line().map(|line| Arguments::Text(line.trim().to_owned()))
                },
            ],
        ))?;
        *cursor = here;
    } else if objects::needs_arguments(tool) {
        return Err(Stop::Refused);
    }
    Ok(Printout::marked(vec![Printed { name: tool.name.clone(), arguments }]))
}

/// Command-R: a list of calls, in a fenced block below the label.
fn command_r(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    cursor.word("ACTION:")?;
    cursor.white();
    begun(cursor.literal("```json"))?;
    cursor.white();
    let calls = begun(objects::value(offered, Trust::Marked, None, cursor))?;
    cursor.white();
    cursor.maybe("```")?;
    Ok(Printout::marked(calls))
}

/// Functionary: `>>>name`, and the arguments in the lines below.
pub(super) fn recipient(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    cursor.literal(">>>")?;
    begun(addressed(offered, cursor)).map(|call| Printout::marked(vec![call]))
}

/// A name in a line of its own, and a JSON object below.
pub(super) fn addressed(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printed> {
    let name = cursor.name()?;
    let tool = offered.find(name).ok_or(Stop::No)?;
    cursor.blanks();
    cursor.literal("\n")?;
    if cursor.peek()? != '{' {
        return Err(Stop::No);
    }
    let arguments = Arguments::Text(cursor.brackets(None)?.to_owned());
    Ok(Printed { name: tool.name.clone(), arguments })
}
