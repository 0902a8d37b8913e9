//! Looking at the store of a project without changing anything: can its database be reached, and may we do there what is
//! needed.

use raccord_daemon::tables::PATIENCE;
use raccord_model::fact::StorePlace;
use raccord_model::language::store::DEFAULT_SCHEMA;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline};
use raccord_model::port::destination::Destinations;
use raccord_model::{Desired, Name, Spec};
use std::path::Path;

use crate::reply::{Replies, RequestError};
use crate::request::Reply;

/// The stores that a name stands for: those of a project, or of the projects of an authorization for databases. None when
/// it is neither.
pub fn places(desired: &Desired, name: &Name) -> Vec<StorePlace> {
    let project = desired.project(name).and_then(|spec| desired.store_place(spec));
    let is_database = |place: &StorePlace| *place != StorePlace::Embedded;
    if let Some(place) = project.filter(is_database) {
        return vec![place];
    }
    let Some(AuthorizationSpec::Database(authorization)) = desired.authorization(name) else {
        return Vec::new();
    };
    let mut places = Vec::new();
    for wanted in desired.resources.values() {
        let Spec::Project(spec) = &wanted.resource.spec else { continue };
        let is_its = spec.store.authorization.as_ref().and_then(ByNameOrInline::name) == Some(name);
        let place = desired.store_place(spec).filter(|place| is_its && !places.contains(place));
        places.extend(place);
    }
    if places.is_empty() {
        let (authorization, schema) = (authorization.clone(), DEFAULT_SCHEMA.to_owned());
        places.push(StorePlace::Postgres { authorization, schema });
    }
    places
}

/// Connects to each place, and finds out whether there are the rights that are needed.
pub async fn check(
    destinations: &dyn Destinations,
    (desired, name): (&Desired, &Name),
    places: Vec<StorePlace>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let root = if desired.root.is_empty() { "." } else { &desired.root };
    for place in places {
        let destination = destinations.at(&place, Path::new(root))?.destination;
        let probed = tokio::time::timeout(PATIENCE, destination.probe()).await;
        probed.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            RequestError::Invalid(format!("{name}: the database has not answered for {seconds} seconds"))
        })??;
        let said = match place {
            StorePlace::Embedded => continue,
            StorePlace::Postgres { schema, .. } => {
                format!("{name}: the database lets us in, and the schema `{schema}` can be written")
            }
            StorePlace::Sqlite { path } => format!("{name}: the file {path} can be written"),
            StorePlace::Files { path, .. } => format!("{name}: the folder {path} can be read"),
        };
        replies(Reply::Done(said));
    }
    Ok(())
}
