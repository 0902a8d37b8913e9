//! A row before and after, field by field.

use raccord_serve::request::{Cell, Row, Sample};

use crate::style::{BOLD, DIM, GREEN, RED};
use raccord_model::foreign;

/// One row: what stays is dim, what changes has both values.
pub(crate) fn text(sample: &Sample) -> String {
    let mut text = format!("\n{BOLD}sample of {}{BOLD:#}\n", sample.transfer);
    if let Some(reason) = &sample.reason {
        text.push_str(&format!("  {RED}would be rejected{RED:#}: {}\n", foreign::line(reason)));
        return text;
    }
    let Some(after) = &sample.after else {
        text.push_str(&format!("  {RED}would be deleted{RED:#}\n"));
        return text;
    };
    for (name, new) in &after.0 {
        let old = sample.before.as_ref().map(|before| value(before, name));
        match old {
            Some(old) if old == new => text.push_str(&format!("  {DIM}{name} = {}{DIM:#}\n", cell(new))),
            Some(old) => {
                text.push_str(&format!(
                    "  {name} = {RED}{}{RED:#} → {GREEN}{}{GREEN:#}\n",
                    cell(old),
                    cell(new)
                ));
            }
            None => text.push_str(&format!("  {GREEN}{name} = {}{GREEN:#}\n", cell(new))),
        }
    }
    text
}

/// A value on one line.
fn cell(value: &Cell) -> String {
    foreign::line(value.text()).into_owned()
}

fn value<'r>(row: &'r Row, name: &str) -> &'r Cell {
    row.0.iter().find(|(known, _)| known == name).map_or(&Cell::Null, |(_, value)| value)
}
