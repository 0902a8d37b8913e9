//! The tables of entities: what there is, what would have to be done, why it cannot be, and doing it. It adds tables, columns and
//! indexes; it drops nothing and renames nothing.

mod catalog;
mod fit;
mod judge;
mod rekey;
mod retyped;
mod shared;

use std::path::Path;

use raccord_model::language::FieldType;
use raccord_model::port::destination::{DestinationError, EntityShape, Inspection, TableRemark};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::fence::{self, id};
use crate::open::{Access, OpenError, open};
use crate::work::Place;

pub(crate) use catalog::{FoundColumn, Relation, relation};

/// Why a column cannot keep the values of a field, if it cannot; completes the sentence "a column of type …".
pub(crate) fn misfit(field: FieldType, declared: &str, is_strict: bool) -> Option<&'static str> {
    fit::misfit(fit::kind_of(field), declared, is_strict)
}

/// Looks at the table of an entity. Of a file that is not there yet, everything has to be made.
pub(crate) fn inspect(place: &Place, shape: &EntityShape) -> Result<Inspection, Failure> {
    let is_absent = place.is_absent();
    let connection = if is_absent {
        Connection::open_in_memory()?
    } else {
        open(&place.path, Access::Read, place.patience)?
    };
    let mut found = catalog::read(&connection, shape)?;
    found.shared = shared::count(&connection, shape, &found)?;
    found.retyped = retyped::count(&connection, shape, &found)?;
    let mut inspection = judge::judge(shape, &found).inspection;
    if let Err(why) = is_writable(place) {
        let message = why.to_string();
        let help = "Raccord writes the file, and two more beside it while it does".to_owned();
        inspection.refusals.push(TableRemark { field: None, message, help: Some(help) });
        inspection.statements.clear();
    } else if is_absent && inspection.refusals.is_empty() {
        inspection.statements.insert(0, format!("-- Raccord makes the file {}", place.path.display()));
    }
    Ok(inspection)
}

/// Refuses a table that cannot be made ready. Changes nothing.
pub(crate) fn refuse(place: &Place, shape: &EntityShape) -> Result<(), Failure> {
    let refusals = inspect(place, shape)?.refusals;
    if refusals.is_empty() { Ok(()) } else { Err(DestinationError::Unfit(refusals).into()) }
}

/// Makes it ready, and registers it. What it had is read again when it is made anew.
pub(crate) fn prepare(connection: &Connection, shape: &EntityShape) -> Result<(), Failure> {
    rekey::remove_replaced(connection, shape)?;
    let mut found = catalog::read(connection, shape)?;
    found.shared = shared::count(connection, shape, &found)?;
    found.retyped = retyped::count(connection, shape, &found)?;
    let judged = judge::judge(shape, &found);
    if !judged.inspection.refusals.is_empty() {
        return Err(DestinationError::Unfit(judged.inspection.refusals).into());
    }
    for statement in &judged.inspection.statements {
        connection.execute_batch(statement)?;
    }
    let register = "INSERT INTO _raccord_entities (incarnation, project, entity, shape) VALUES (?1, ?2, ?3, ?4) \
                    ON CONFLICT (incarnation) DO UPDATE SET entity = excluded.entity, shape = excluded.shape";
    let (incarnation, entity) = (shape.incarnation.cast_signed(), shape.entity.to_string());
    let table = serde_json::to_string(&judged.table)?;
    connection.execute(register, params![incarnation, id(&shape.project), entity, table])?;
    if judged.inspection.recreated {
        shape.fed_by.iter().try_for_each(|transfer| fence::begin_anew(connection, *transfer))?;
    }
    Ok(())
}

/// Whether the file can be read, and it and its directory be written. Changes nothing.
pub(crate) fn probe(place: &Place) -> Result<(), Failure> {
    if !place.is_absent() {
        open(&place.path, Access::Read, place.patience)?;
    }
    Ok(is_writable(place)?)
}

/// Whether we may write the file and make others beside it. The system is asked, and nothing opened: to close a file takes the
/// locks away that other connections of this process have on it, and with them SQLite's proof that it is in use.
fn is_writable(place: &Place) -> Result<(), OpenError> {
    let path = &place.path;
    let denied = || OpenError::Denied(path.clone(), "written");
    match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(_) => return Err(denied()),
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(OpenError::NoDirectory(directory.to_owned()));
    }
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).map_err(|_| denied())
}
