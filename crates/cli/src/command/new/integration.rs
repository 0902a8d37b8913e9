//! `raccord new integration`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use raccord_model::language::integration::{AlertEntry, EmailAddress};
use raccord_model::language::{
    AlertSpec, Breaker, ByNameOrInline, Deletes, IntegrationSpec, SubscriptionSpec, UpdateType,
};
use raccord_model::{Key, Kind, Name, Spec};

use super::{existing, must_be_free, write};
use crate::error::CommandError;
use crate::options::Global;
use crate::ui::Ui;

/// Write an Integration that subscribes to transfers
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  raccord new integration people --alert ops@example.com")]
pub(crate) struct IntegrationArgs {
    /// Its name
    name: Name,
    /// A transfer to subscribe to; can be repeated [default: every active one without a subscriber]
    #[arg(long = "transfer")]
    transfers: Vec<Name>,
    /// Who is told when it is disabled; can be repeated
    #[arg(long = "alert", value_name = "EMAIL")]
    alerts: Vec<EmailAddress>,
}

pub(crate) fn new(ui: &Ui, global: &Global, args: &IntegrationArgs) -> Result<(), CommandError> {
    let none = || CommandError::new("there is no transfer yet").hint("begin with `raccord new transfer`");
    let desired = existing(ui, global)?.ok_or_else(none)?;
    must_be_free(Some(&desired), &Key::new(Kind::Integration, args.name.clone()))?;
    let mut subscribed = BTreeSet::new();
    let mut free = Vec::new();
    for (key, wanted) in &desired.resources {
        match &wanted.resource.spec {
            Spec::Integration(spec) => subscribed.extend(spec.subscriptions.keys()),
            Spec::Transfer(spec) if spec.active => free.push(&key.name),
            _ => {}
        }
    }
    free.retain(|name| !subscribed.contains(name));
    let transfers: Vec<&Name> =
        if args.transfers.is_empty() { free } else { args.transfers.iter().collect() };
    if transfers.is_empty() {
        return Err(CommandError::new("no active transfer is without an integration"));
    }
    let deletes = |name: &Name| desired.transfer(name).is_some_and(|spec| spec.deletes != Deletes::default());
    let subscriptions =
        transfers.into_iter().map(|name| (name.clone(), subscription(deletes(name)))).collect();
    let spec = spec(subscriptions, &args.alerts, true);
    write(
        ui,
        global,
        &format!("integration-{}", args.name),
        vec![(args.name.clone(), Spec::Integration(spec))],
    )?;
    ui.note("next: raccord apply && raccord run");
    Ok(())
}

/// A subscription to everything that a transfer can bring.
pub(super) fn subscription(deletes: bool) -> ByNameOrInline<SubscriptionSpec> {
    let mut updates = BTreeSet::from([UpdateType::Created, UpdateType::Updated]);
    if deletes {
        updates.insert(UpdateType::Deleted);
    }
    ByNameOrInline::Inline(SubscriptionSpec { updates })
}

/// An integration with these subscriptions, and an alert to each address.
pub(super) fn spec(
    subscriptions: BTreeMap<Name, ByNameOrInline<SubscriptionSpec>>,
    alerts: &[EmailAddress],
    active: bool,
) -> IntegrationSpec {
    let alert = |email: &EmailAddress| AlertEntry::Inline(AlertSpec::to(email.clone()));
    IntegrationSpec {
        active,
        subscriptions,
        alerts: alerts.iter().map(alert).collect(),
        breaker: Breaker::default(),
        protect: false,
    }
}
