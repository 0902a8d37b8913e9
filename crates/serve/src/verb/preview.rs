//! What a transfer would make of its source's first records; nothing is stored.

use raccord_compiler::mapping::{Layout, Mapped, Rejection, Wanted};
use raccord_model::fact::EntityFact;
use raccord_model::language::Entity;
use raccord_model::port::records::Page;
use raccord_model::port::source::Read;
use raccord_model::{Desired, Kind, Name};

use super::patience::Bounds;
use super::records::Columns;
use crate::reply::{Replies, RequestError};
use crate::request::{Cell, Preview, Reply};
use raccord_model::port::source::Sources;
use raccord_run::Unknown;
use raccord_run::columns;
use raccord_run::job::{self, Compiled};

/// Maps the first records of a transfer and shows both sides.
pub async fn preview(
    sources: &dyn Sources,
    desired: &Desired,
    name: &Name,
    bounds: Bounds,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let unknown = |kind: &'static str, name: String| {
        RequestError::Unknown(Unknown { kind, name, hint: " in the configuration".to_owned() })
    };
    let spec = desired.transfer(name).ok_or_else(|| {
        RequestError::unknown_in("the configuration", Kind::Transfer, name, desired.resources.keys())
    })?;
    let source_spec = super::source::source(desired, &spec.source)?;
    let entity = desired
        .project(&spec.to.project)
        .and_then(|project| project.entities.get(&spec.to.entity))
        .ok_or_else(|| unknown("entity", spec.to.to_string()))?;
    let layout = Layout::provisional(entity);
    let compiled = job::compile(name, spec, source_spec, entity, &layout)?;
    let data_type = job::data_type(name, spec).ok_or_else(|| unknown("data type", name.to_string()))?;
    let source = super::source::open(sources, desired, &spec.source, &data_type)?;
    let mut left = bounds.limit;
    let read = async {
        let mut pages = source.open(Read { page_size: Some(left), ..Read::default() }).await?;
        while let Some(page) = pages.next().await? {
            columns::check(&compiled.program, &page)
                .map_err(|error| RequestError::Invalid(error.to_string()))?;
            left = page_previews(&page, &compiled, (entity, &layout), left, replies)?;
            if left == 0 || page.next.is_none() {
                break;
            }
        }
        Ok(())
    };
    let read = tokio::time::timeout(bounds.patience(), read).await;
    read.unwrap_or_else(|_| Err(bounds.exceeded((source_spec, &data_type), left)))
}

/// Shows the records of a page; returns how many more are wanted.
fn page_previews(
    page: &Page,
    compiled: &Compiled,
    (entity, layout): (&Entity, &Layout),
    mut left: usize,
    replies: &mut Replies<'_>,
) -> Result<usize, RequestError> {
    let fact = EntityFact { incarnation: 0, fields: layout.0.clone(), next_field: 0, replaces: Vec::new() };
    let columns = Columns::new(entity, &fact);
    for fault in page.faults.iter().take(left) {
        replies(Reply::Preview(rejected(Cell::Text(fault.payload.clone()), None, fault.reason.clone())));
        left -= 1;
    }
    let mut mapper = compiled.program.page(page.records.header(), page.parent.as_deref());
    let mut out = Mapped::default();
    for record in page.records.iter().take(left) {
        let shown = Cell::of_json(&record.to_json());
        let preview = match mapper.map(record, &mut out) {
            Ok(Wanted::Upsert) => {
                let (row, _) = columns.decode(&out.patch)?;
                Preview { record: shown, row: Some(row), deleted: false, reason: None, field: None }
            }
            Ok(Wanted::Delete) => {
                Preview { record: shown, row: None, deleted: true, reason: None, field: None }
            }
            Err(Rejection { field, reason, .. }) => rejected(shown, field, reason),
        };
        replies(Reply::Preview(preview));
        left -= 1;
    }
    Ok(left)
}

const fn rejected(record: Cell, field: Option<raccord_model::Ident>, reason: String) -> Preview {
    Preview { record, row: None, deleted: false, reason: Some(reason), field }
}
