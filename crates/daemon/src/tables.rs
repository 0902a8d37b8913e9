//! The tables of databases, looked at for a plan: what an apply would have made of them, what others changed there, and why one
//! cannot be used. What cannot be looked at is said; no plan fails for it.

use std::collections::BTreeSet;
use std::time::Duration;

use raccord_model::fact::{EntityFact, StorePlace, Uid};
use raccord_model::language::{Entity, ProjectSpec};
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

/// Adds to a plan what becomes of the tables of each project that keeps its rows in a database.
pub async fn add_to(
    ports: &Ports,
    desired: &Desired,
    current: &Current,
    plan: &mut Plan,
) -> Result<(), DaemonError> {
    for (key, wanted) in &desired.resources {
        let Spec::Project(spec) = &wanted.resource.spec else { continue };
        let Some(place) = desired.store_place(spec).filter(|place| *place != StorePlace::Embedded) else {
            continue;
        };
        let project = Project { name: &key.name, spec, uid: uid(key, wanted, current), place };
        project.look(ports, desired, plan).await?;
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

impl Project<'_> {
    async fn look(&self, ports: &Ports, desired: &Desired, plan: &mut Plan) -> Result<(), DaemonError> {
        let moved = self.moved(plan);
        let mut unseen = None;
        for (name, entity) in &self.spec.entities {
            let entity_ref = EntityRef { project: self.name.clone(), entity: name.clone() };
            let shape = self.shape(ports, (name, entity), moved.contains(name)).await?;
            // One that does not answer is not asked again for each of its tables.
            let seen = match unseen.clone() {
                Some(why) => Err(why),
                None => inspect(ports.rows_at(&self.place, &desired.root), shape).await,
            };
            let table = self.table(name, entity);
            match seen {
                Ok(inspection) => self.note((entity_ref, table), inspection, desired, plan),
                Err(why) => {
                    unseen = Some(why.clone());
                    let unseen = Some(why);
                    plan.tables.push(TablePlan { unseen, ..self.empty(entity_ref, table) });
                }
            }
        }
        Ok(())
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

    fn empty(&self, entity: EntityRef, table: String) -> TablePlan {
        let (statements, drift) = (Vec::new(), Vec::new());
        TablePlan { project: self.uid, entity, table, statements, drift, unseen: None }
    }

    fn note(
        &self,
        (entity, table): (EntityRef, String),
        inspection: Inspection,
        desired: &Desired,
        plan: &mut Plan,
    ) {
        let Inspection { statements, drift, refusals, recreated, .. } = inspection;
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
