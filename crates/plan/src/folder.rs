//! Folders of files: what another store means where the folder stays the same, and which folders go on in other hands.

use std::collections::BTreeMap;

use raccord_model::EntityRef;
use raccord_model::folder::folder_of;
use raccord_model::language::Store;
use raccord_model::language::store::{FileMode, PartitionBy};
use raccord_model::plan::Consequence;
use raccord_model::resource::Spec;

use crate::diff::Draft;
use crate::plan::Note;

/// What it means for transfers that a store of files says something else and its folder stays the same; nothing where the rows go
/// elsewhere. The files that are there count on: a log goes on with others beside them, a snapshot takes their place when it is
/// complete.
pub(crate) fn within(old: &Store, new: &Store) -> Option<Consequence> {
    let (before, after) = (folder_of(old)?, folder_of(new)?);
    if before != after || old.authorization != new.authorization {
        return None;
    }
    let mode = |store: &Store| store.mode.unwrap_or_default();
    let partition = |store: &Store| {
        store.partition_by.as_ref().map(|by: &PartitionBy| (by.field_name().cloned(), by.unit()))
    };
    let is_same = mode(old) == mode(new) && old.format == new.format && partition(old) == partition(new);
    let goes_on = (mode(old), mode(new)) == (FileMode::Append, FileMode::Append);
    Some(if is_same || goes_on { Consequence::None } else { Consequence::Reread })
}

/// The folders that changed projects write to from now on.
pub(crate) struct Folders(BTreeMap<(String, String), EntityRef>);

impl Folders {
    pub(crate) fn after(drafts: &[Draft<'_>]) -> Self {
        let mut folders = BTreeMap::new();
        for draft in drafts {
            let Some(Spec::Project(new)) = draft.new.as_ref().map(|new| &new.spec) else { continue };
            let Some(folder) = folder_of(&new.store) else { continue };
            for (entity, settings) in &new.entities {
                let at = EntityRef { project: draft.pair.key.name.clone(), entity: entity.clone() };
                folders.insert((folder.clone(), settings.table_name(entity)), at);
            }
        }
        Self(folders)
    }

    /// What becomes of the folder of an entity that no longer writes there.
    pub(crate) fn note(&self, store: &Store, entity: EntityRef, table: &str) -> Note {
        let place = folder_of(store).map(|folder| (folder, table.to_owned()));
        let folder = store.shown_table(table);
        match place.and_then(|place| self.0.get(&place)) {
            Some(by) => Note::FolderTaken { entity, folder, by: by.clone() },
            None => Note::FolderStays { entity, folder },
        }
    }
}
