//! The tables of databases, looked at for a plan: what an apply would have made of them, what others changed there, and why one
//! cannot be used. What cannot be looked at is said; no plan fails for it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use raccord_model::fact::{EntityFact, Entry, StorePlace, Uid};
use raccord_model::language::{Entity, ProjectSpec};
use raccord_model::port::Async;
use raccord_model::port::destination::{DestinationError, EntityShape, Inspection, Rows, TableRemark};
use raccord_model::port::state::{Table, Write};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, EntityRef, Ident, Key, Kind, Name, Spec};
use raccord_plan::{Current, Options, Plan, Refusal, Subject, TablePlan, diff, entity_after, prepare};
use raccord_run::Ports;

use crate::error::DaemonError;
use crate::plan::current;

/// How long a database is waited for before a plan goes on without it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How many stores are asked at a time, so that those which do not answer are waited for together.
pub const ASKED_AT_ONCE: usize = 16;

/// Adds to a plan what becomes of the tables of each project that keeps its rows in a database.
pub async fn add_to(
    ports: &Ports,
    desired: &Desired,
    current: &Current,
    plan: &mut Plan,
) -> Result<(), DaemonError> {
    let projects = desired.resources.iter().filter_map(|(key, wanted)| {
        let Spec::Project(spec) = &wanted.resource.spec else { return None };
        let place = desired.store_place(spec).filter(|place| *place != StorePlace::Embedded)?;
        let project = Project { name: &key.name, spec, uid: uid(key, wanted, current), place };
        let moved = project.moved(plan);
        Some((project, moved))
    });
    let projects: Vec<(Project<'_>, BTreeSet<Ident>)> = projects.collect();
    let mut looks: Vec<Async<'_, _>> = Vec::with_capacity(projects.len());
    for (project, moved) in &projects {
        looks.push(Box::pin(project.look(ports, desired, moved)));
    }
    let mut looks = stream::iter(looks).buffered(ASKED_AT_ONCE);
    for (project, _) in &projects {
        for table in looks.next().await.transpose()?.unwrap_or_default() {
            project.note(table, (desired, current), plan);
        }
    }
    Ok(())
}

/// The steps that make ready the tables which are not, although no apply says so: they were changed from outside.
pub async fn mend(ports: &Ports, desired: &Desired) -> Result<(), DaemonError> {
    let is_elsewhere =
        |wanted: &Wanted| matches!(&wanted.resource.spec, Spec::Project(spec) if !spec.store.is_embedded());
    if !desired.resources.values().any(is_elsewhere) {
        return Ok(());
    }
    let current = &current(ports, desired).await?;
    let options = Options { brief: true, ..Options::default() };
    let mut plan = diff(desired, current, &options)?;
    add_to(ports, desired, current, &mut plan).await?;
    let generation = current.head.generation;
    let differing = plan.tables.iter().filter(|table| !table.statements.is_empty());
    let steps: Vec<Write> = differing
        .filter_map(|table| Some((table.project?, &table.entity.entity)))
        .map(|(project, entity)| prepare(project, entity, generation))
        .collect::<Result<_, _>>()?;
    if steps.is_empty() { Ok(()) } else { Ok(ports.facts().commit(steps).await?) }
}

/// Who a project is, under its name or the one that it had.
fn uid(key: &Key, wanted: &Wanted, current: &Current) -> Option<Uid> {
    let former = wanted.renamed_from.as_ref().map(|from| Key::new(Kind::Project, from.clone()));
    let entry = current.index.get(key).or_else(|| current.index.get(&former?));
    entry.map(|entry| entry.uid)
}

/// A project of a configuration whose rows are in a database.
struct Project<'a> {
    name: &'a Name,
    spec: &'a ProjectSpec,
    uid: Option<Uid>,
    place: StorePlace,
}

/// A table, and what a look at it shows, or why there is none.
struct Seen {
    entity: EntityRef,
    table: String,
    inspection: Result<Inspection, String>,
}

impl Project<'_> {
    /// Looks at its tables. A database that does not answer is not asked again for each of them.
    async fn look(
        &self,
        ports: &Ports,
        desired: &Desired,
        moved: &BTreeSet<Ident>,
    ) -> Result<Vec<Seen>, DaemonError> {
        let mut unseen = None;
        let mut tables = Vec::new();
        for (name, entity) in &self.spec.entities {
            let shape = self.shape(ports, (name, entity), moved.contains(name)).await?;
            let inspection = match unseen.clone() {
                Some(why) => Err(why),
                None => inspect(ports.rows_at(&self.place, &desired.root), shape).await,
            };
            unseen = inspection.as_ref().err().cloned();
            let at = EntityRef { project: self.name.clone(), entity: name.clone() };
            tables.push(Seen { entity: at, table: self.table(name, entity), inspection });
        }
        Ok(tables)
    }

    /// The entities whose rows will be kept anew.
    fn moved(&self, plan: &Plan) -> BTreeSet<Ident> {
        let of = |subject: &Subject| match subject {
            Subject::Entity { project, entity } if Some(*project) == self.uid => Some(entity.entity.clone()),
            Subject::Entity { .. } | Subject::Field { .. } | Subject::Transfer { .. } => None,
        };
        plan.effects.iter().filter_map(|effect| of(&effect.subject)).collect()
    }

    /// The shape of an entity as it will be applied.
    async fn shape(
        &self,
        ports: &Ports,
        (name, entity): (&Ident, &Entity),
        moves: bool,
    ) -> Result<EntityShape, DaemonError> {
        let known: Option<EntityFact> = match self.uid {
            Some(uid) => ports.facts().get(Table::Entities, &format!("{uid}/{name}")).await?,
            None => None,
        };
        let mut fact = entity_after(known.as_ref(), entity)?;
        if moves {
            fact.incarnation = 0;
        }
        let at = EntityRef { project: self.name.clone(), entity: name.clone() };
        Ok(EntityShape::of(self.uid.unwrap_or(Uid::UNALLOTTED), at, entity, &fact))
    }

    fn table(&self, name: &Ident, entity: &Entity) -> String {
        self.spec.store.shown_table(&entity.table_name(name))
    }

    /// Says of a table of another project of this very state which one that is, and what becomes of it.
    fn explain_taken(&self, inspection: &mut Inspection, (desired, current): (&Desired, &Current)) {
        let Some((project, said)) = inspection.taken.take() else { return };
        let is_it = |(key, entry): &(&Key, &Entry)| key.kind == Kind::Project && entry.uid == project;
        let Some((key, _)) = current.index.iter().find(is_it) else { return };
        if self.uid == Some(project) {
            return;
        }
        let (one, other) = (&key.name, self.name);
        let (message, help) = if desired.resources.contains_key(key) {
            let message = format!("it is that of an entity of the project {one}, which stays");
            (message, "name another `table`, or another place in `store`".to_owned())
        } else {
            let message =
                format!("it is that of an entity of the project {one}, which goes while {other} is made");
            let help = format!(
                "if {other} is {one} under another name, write `annotations: {{raccord/renamed-from: {one}}}` into its \
                 `metadata`: its rows and where its transfers continue stay; if not, apply the end of {one} first, which \
                 releases the table with its rows"
            );
            (message, help)
        };
        for refusal in inspection.refusals.iter_mut().filter(|refusal| **refusal == said) {
            *refusal = TableRemark { field: None, message: message.clone(), help: Some(help.clone()) };
        }
    }

    fn empty(&self, entity: EntityRef, table: String) -> TablePlan {
        let (statements, drift) = (Vec::new(), Vec::new());
        TablePlan { project: self.uid, entity, table, statements, drift, unseen: None }
    }

    fn note(&self, seen: Seen, (desired, current): (&Desired, &Current), plan: &mut Plan) {
        let Seen { entity, table, inspection } = seen;
        let Inspection { statements, drift, refusals, recreated, .. } = match inspection {
            Ok(mut inspection) => {
                self.explain_taken(&mut inspection, (desired, current));
                inspection
            }
            Err(why) => {
                plan.tables.push(TablePlan { unseen: Some(why), ..self.empty(entity, table) });
                return;
            }
        };
        plan.refusals.extend(refusals.iter().map(|refusal| Refusal::Table {
            entity: entity.clone(),
            table: table.clone(),
            message: refusal.to_string(),
        }));
        if !statements.is_empty() || !drift.is_empty() {
            let mut drift: Vec<String> = drift.iter().map(TableRemark::to_string).collect();
            if recreated {
                let fed_by = fed_by(&entity, desired);
                drift.extend(fed_by.map(|transfer| format!("the next run of `{transfer}` reads everything")));
            }
            plan.tables.push(TablePlan { statements, drift, ..self.empty(entity, table) });
        }
    }
}

/// The transfers into an entity.
fn fed_by<'a>(entity: &EntityRef, desired: &'a Desired) -> impl Iterator<Item = &'a Name> {
    desired.resources.iter().filter_map(move |(key, wanted)| match &wanted.resource.spec {
        Spec::Transfer(spec) if spec.to == *entity => Some(&key.name),
        _ => None,
    })
}

/// What a look at a table shows, or why there is none.
async fn inspect(rows: Result<Rows, DestinationError>, shape: EntityShape) -> Result<Inspection, String> {
    let destination = rows.map_err(|error| error.in_words())?.destination;
    match tokio::time::timeout(PATIENCE, destination.inspect(shape)).await {
        Ok(seen) => seen.map_err(|error| error.in_words()),
        Err(_) => Err(format!("the database has not answered for {} seconds", PATIENCE.as_secs())),
    }
}
