//! Alerts in French, as they are read in Québec and in France.
//!
//! `\u{a0}` is the space that must not break: before a colon, inside quotation marks, in numbers and times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::{DeletedBy, Hold, Notice, NoticeAbout, RunId, Share, Trip, TripCause};

use super::message::{Part, Setting, grouped, looking, with_rejects};

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// Units of time from the largest, with their symbols.
const UNITS: [(&str, u64); 4] = [("j", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

/// A subject and the parts below it.
type Said = (String, Vec<Part>);

/// The subject and the parts of a message.
pub(super) fn message(notice: &Notice, setting: &Setting) -> Said {
    let at = when(notice.at, setting);
    let (subject, mut parts) = match &notice.about {
        NoticeAbout::Tripped { integration, trip, rejects, deliveries } => {
            let (name, since) = (quoted(integration), when(trip.at, setting));
            let lead = format!("L’intégration {name} a été désactivée {since}\u{a0}: {}.", cause(trip));
            let mut parts = tripped(integration, lead, trip, (rejects, deliveries));
            parts.push(look(&notice.about));
            (format!("L’intégration {name} a été désactivée"), parts)
        }
        NoticeAbout::HalfWay { integration, transfer, share, errors } => {
            let name = quoted(integration);
            let mut parts = vec![Part::Text(half_way(&name, transfer, share))];
            parts.extend(last_errors(errors));
            parts.push(look(&notice.about));
            (format!("L’intégration {name} risque d’être désactivée"), parts)
        }
        NoticeAbout::Resumed { integration, by, trip } => {
            let name = quoted(integration);
            let by = by.as_ref().map(|by| format!(" par {by}")).unwrap_or_default();
            let lead = format!("L’intégration {name} a été relancée {at}{by}.");
            let since = when(trip.at, setting);
            let before = format!("Elle était désactivée depuis {since}\u{a0}: {}.", cause(trip));
            (format!("L’intégration {name} est relancée"), vec![Part::Text(lead), Part::Text(before)])
        }
        NoticeAbout::Held { run, transfer, to, hold } => {
            let (transfer, to) = (quoted(transfer), quoted(to));
            let parts = held(*run, (&transfer, &to, &at), hold);
            (format!("Une exécution du transfert {transfer} attend une approbation"), parts)
        }
        NoticeAbout::BadConfiguration { diagnostics, count, .. } => {
            bad_configuration(&setting.stack, &at, diagnostics, *count)
        }
        NoticeAbout::Pending { why, count, .. } => pending(&setting.stack, &at, why, *count),
        NoticeAbout::Test { integration } => {
            let name = quoted(integration);
            let text = format!(
                "Ceci est un essai\u{a0}: les alertes de l’intégration {name} arrivent bien ici. Il ne s’est rien passé d’autre."
            );
            (format!("Essai des alertes de l’intégration {name}"), vec![Part::Text(text)])
        }
    };
    let (whose, stack) = (whose(&notice.about), quoted(&setting.stack));
    parts.push(Part::Foot(format!(
        "Envoyé par Raccord aux destinataires des alertes {whose} (pile {stack})."
    )));
    (format!("[Raccord] {subject}"), parts)
}

fn whose(about: &NoticeAbout) -> String {
    match about {
        NoticeAbout::Tripped { integration, .. }
        | NoticeAbout::HalfWay { integration, .. }
        | NoticeAbout::Resumed { integration, .. }
        | NoticeAbout::Test { integration } => format!("de l’intégration {}", quoted(integration)),
        NoticeAbout::Held { transfer, .. } => {
            format!("des intégrations abonnées au transfert {}", quoted(transfer))
        }
        NoticeAbout::BadConfiguration { .. } | NoticeAbout::Pending { .. } => {
            "des intégrations actives".to_owned()
        }
    }
}

fn tripped(
    integration: &Name,
    lead: String,
    trip: &Trip,
    waiting: (&BTreeMap<Name, u64>, &BTreeMap<Name, u64>),
) -> Vec<Part> {
    let (rejects, deliveries) = waiting;
    let rest = "Aucun de ses transferts ne s’exécute tant qu’elle n’est pas relancée. Les données déjà enregistrées restent telles quelles.";
    let mut parts = vec![Part::Text(lead), Part::Text(rest.to_owned())];
    parts.extend(last_errors(&trip.errors));
    parts.push(Part::Text(rejected_records(rejects)));
    parts.extend(delivered(deliveries));
    let resume = vec![format!("raccord resume {integration}")];
    parts
        .push(Part::Commands("Une fois la cause corrigée, relancez l’intégration\u{a0}:".to_owned(), resume));
    parts
}

/// `about` : le transfert, l’entité qu’il écrit, et quand il a lu.
fn held(run: RunId, about: (&str, &str, &str), hold: &Hold) -> Vec<Part> {
    let (transfer, to, at) = about;
    let again = "Sinon, il n’y a rien à faire\u{a0}: la prochaine exécution refera la comparaison.";
    let (lead, agree, otherwise) = match hold {
        Hold::Deletions { deletes, of, keyless, incomplete, by, .. } => {
            let lead = deletions(about, (*deletes, *of), (*keyless, *incomplete), *by);
            (lead, "Si ces lignes doivent disparaître, approuvez l’exécution\u{a0}:", again)
        }
        Hold::Vanished { vanished, values } => {
            let (paths, values) = (vanished.join(", "), number(*values));
            let lead = format!(
                "Aucun enregistrement que le transfert {transfer} a lu {at} ne contient {paths}, alors que des lignes de {to} en ont des valeurs, qui seraient perdues ({values}). Elles restent jusqu’à ce qu’une personne approuve l’exécution."
            );
            let agree = "Si ces valeurs doivent disparaître, approuvez l’exécution\u{a0}; la prochaine les effacera\u{a0}:";
            let otherwise = "Sinon, corrigez la correspondance ou le service\u{a0}: la prochaine exécution refera la comparaison.";
            (lead, agree, otherwise)
        }
        Hold::Shifted { shifted, sign } => {
            let lead = format!(
                "Les pages que le transfert {transfer} a lues {at} se sont décalées à chaque lecture (lectures\u{a0}: {shifted}\u{a0}; message d’origine\u{a0}: {sign}). Il manque peut-être des enregistrements\u{a0}: rien n’est supprimé, et la prochaine exécution relira la même période."
            );
            (lead, "Si ce qui a été lu doit être tenu pour complet, approuvez l’exécution\u{a0}:", again)
        }
    };
    vec![
        Part::Text(lead),
        Part::Commands(agree.to_owned(), vec![format!("raccord approve {run}")]),
        Part::Text(otherwise.to_owned()),
    ]
}

fn deletions(
    (transfer, to, at): (&str, &str, &str),
    (deletes, of): (u64, u64),
    (keyless, incomplete): (u64, bool),
    by: DeletedBy,
) -> String {
    let (deletes, of) = (number(deletes), number(of));
    let what = match by {
        DeletedBy::Snapshot => format!(
            "L’instantané que le transfert {transfer} a lu {at} ne contient plus {deletes} des {of} lignes de {to}."
        ),
        DeletedBy::Field => format!(
            "D’après les enregistrements que le transfert {transfer} a lus {at}, {deletes} des {of} lignes de {to} sont supprimées."
        ),
        DeletedBy::Webhook => format!(
            "Le service a annoncé par webhook la suppression de {deletes} des {of} lignes de {to}\u{a0}; le transfert {transfer} s’est arrêté {at}."
        ),
    };
    let why = match keyless {
        0 if incomplete => "Elles ne manquent peut-être que parce que tout n’a pas été lu, comme le précisent les notes de l’exécution\u{a0}: pages auxquelles aucun réglage ne mène, ou suite d’un fichier tronqué. Elles ne sont pas supprimées sans validation humaine.".to_owned(),
        0 => "Une suppression de cette ampleur n’est jamais effectuée sans validation humaine.".to_owned(),
        keyless => format!(
            "Ce sont peut-être celles de {} dont la clé est illisible\u{a0}: elles ne sont pas supprimées sans \
             validation humaine.",
            records(keyless)
        ),
    };
    format!("{what} {why}")
}

fn quoted(name: impl std::fmt::Display) -> String {
    format!("«\u{a0}{name}\u{a0}»")
}

/// `le 14 mars 2025 à 9 h 30 (UTC)`.
fn when(at: Timestamp, setting: &Setting) -> String {
    let local = setting.local(at);
    let day = if local.day() == 1 { "1er".to_owned() } else { local.day().to_string() };
    let month = usize::try_from(local.month() - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"");
    let minute = if local.minute() == 0 { String::new() } else { format!("\u{a0}{:02}", local.minute()) };
    let zone = match setting.zone_name() {
        "UTC" => "UTC".to_owned(),
        name => format!("fuseau {name}"),
    };
    format!("le {day}\u{a0}{month} {} à {}\u{a0}h{minute} ({zone})", local.year(), local.hour())
}

fn number<N: ToString + Copy>(number: N) -> String {
    grouped(number, '\u{a0}')
}

/// `1 h 30 min`.
fn duration(seconds: u64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (symbol, unit) in UNITS {
        if rest >= unit {
            parts.push(format!("{}\u{a0}{symbol}", rest / unit));
            rest %= unit;
        }
    }
    parts.join("\u{a0}")
}

fn cause(trip: &Trip) -> String {
    let transfer = quoted(&trip.transfer);
    match &trip.cause {
        TripCause::ConsecutiveFailures(1) => format!("le transfert {transfer} a échoué"),
        TripCause::ConsecutiveFailures(count) => {
            format!("le transfert {transfer} a échoué {} fois de suite", number(count))
        }
        TripCause::Rejects(count, within) => {
            let within = if *within == 0 { String::new() } else { format!(" en {}", duration(*within)) };
            format!("{}{within}, les plus récents lors du transfert {transfer}", rejected(*count))
        }
        TripCause::Unauthorized => {
            format!("le service a refusé nos identifiants lors d’une exécution du transfert {transfer}")
        }
    }
}

fn records(count: u64) -> String {
    if count < 2 {
        format!("{count}\u{a0}enregistrement")
    } else {
        format!("{}\u{a0}enregistrements", number(count))
    }
}

fn rejected(count: u64) -> String {
    if count < 2 {
        format!("{count}\u{a0}enregistrement a été rejeté")
    } else {
        format!("{}\u{a0}enregistrements ont été rejetés", number(count))
    }
}

fn half_way(integration: &str, transfer: &Name, share: &Share) -> String {
    let transfer = quoted(transfer);
    match share {
        Share::Failures(count, limit) => {
            let times =
                if *count == 1 { "une fois".to_owned() } else { format!("{} fois de suite", number(count)) };
            format!(
                "Le transfert {transfer}, auquel l’intégration {integration} est abonnée, a échoué {times}. Après {} échecs consécutifs, l’intégration sera désactivée.",
                number(limit)
            )
        }
        Share::Rejects(count, limit, within) => format!(
            "{} en {} dans l’intégration {integration}, les plus récents lors du transfert {transfer}. À partir de {} rejets, l’intégration sera désactivée.",
            rejected(*count),
            duration(*within),
            number(limit)
        ),
    }
}

fn last_errors(errors: &[String]) -> Option<Part> {
    let heading = "Dernières erreurs, de la plus récente à la plus ancienne (messages d’origine)\u{a0}:";
    (!errors.is_empty()).then(|| Part::List(heading.to_owned(), errors.to_vec()))
}

fn rejected_records(rejects: &BTreeMap<Name, u64>) -> String {
    let all: u64 = rejects.values().sum();
    let by_transfer: Vec<String> =
        rejects.iter().map(|(name, count)| format!("{}\u{a0}pour {}", number(count), quoted(name))).collect();
    let where_to_look = match rejects.keys().next() {
        Some(only) if rejects.len() == 1 => format!("transfert {}", quoted(only)),
        _ => by_transfer.join(", "),
    };
    match all {
        0 => "Aucun enregistrement rejeté n’est en attente.".to_owned(),
        1 => format!("1\u{a0}enregistrement rejeté est en attente ({where_to_look})."),
        all => format!("{}\u{a0}enregistrements rejetés sont en attente ({where_to_look}).", number(all)),
    }
}

/// Les livraisons en attente, traitées après la reprise.
fn delivered(deliveries: &BTreeMap<Name, u64>) -> Option<Part> {
    let all: u64 = deliveries.values().sum();
    let by_transfer: Vec<String> = deliveries
        .iter()
        .map(|(name, count)| format!("{}\u{a0}pour {}", number(*count), quoted(name)))
        .collect();
    let those = if all < 2 {
        "livraison de webhook est en attente et conservée"
    } else {
        "livraisons de webhook sont en attente et conservées"
    };
    let text = format!("{}\u{a0}{those} ({}).", number(all), by_transfer.join(", "));
    (all > 0).then_some(Part::Text(text))
}

fn look(about: &NoticeAbout) -> Part {
    Part::Commands("Pour en savoir plus\u{a0}:".to_owned(), looking(with_rejects(about)))
}

/// The first of `count` lines, and how many more there are.
fn and_more(some: &[String], count: usize) -> Vec<String> {
    let mut listed = some.to_vec();
    match count.saturating_sub(some.len()) {
        0 => {}
        1 => listed.push("et 1\u{a0}autre".to_owned()),
        more => listed.push(format!("et {}\u{a0}autres", number(more))),
    }
    listed
}

fn pending(stack: &Name, at: &str, why: &[String], count: usize) -> Said {
    let lead = format!(
        "La configuration lue {at} comporte des changements qui ne sont pas appliqués sans l’accord d’une personne. Ce qui a été appliqué en dernier reste en vigueur et les exécutions continuent comme avant."
    );
    let commands = ["raccord plan --pending", "raccord apply --pending"].map(str::to_owned).to_vec();
    let parts = vec![
        Part::Text(lead),
        Part::List("Pourquoi ils attendent (messages d’origine)\u{a0}:".to_owned(), and_more(why, count)),
        Part::Commands("Pour les voir et pour les appliquer\u{a0}:".to_owned(), commands),
    ];
    (format!("Des changements de {} attendent une personne", quoted(stack)), parts)
}

fn bad_configuration(stack: &Name, at: &str, diagnostics: &[String], count: usize) -> Said {
    let errors =
        if count < 2 { format!("{count}\u{a0}erreur") } else { format!("{}\u{a0}erreurs", number(count)) };
    let lead = format!(
        "La configuration lue {at} comporte {errors} et n’est pas appliquée. La dernière configuration valide reste en vigueur et les exécutions continuent comme avant."
    );
    let listed = and_more(diagnostics, count);
    let commands = ["raccord validate", "raccord status"].map(str::to_owned).to_vec();
    let parts = vec![
        Part::Text(lead),
        Part::List("Ce qui ne va pas (messages d’origine)\u{a0}:".to_owned(), listed),
        Part::Commands("Pour tout voir\u{a0}:".to_owned(), commands),
    ];
    (format!("La configuration de {} n’est pas valide", quoted(stack)), parts)
}
