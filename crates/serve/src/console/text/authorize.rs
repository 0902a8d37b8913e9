//! The words of the page on which a person agrees to an Authorization.

/// Of the page on which a person agrees to an Authorization.
pub(in crate::console) struct Authorize {
    /// Its title.
    pub(in crate::console) title: fn(&str) -> String,
    /// Leads to the service.
    pub(in crate::console) go: &'static str,
    /// What happens then.
    pub(in crate::console) come_back: &'static str,
    /// Before a code.
    pub(in crate::console) type_code: &'static str,
    /// The code was typed.
    pub(in crate::console) typed: &'static str,
    /// Over a form.
    pub(in crate::console) by_hand: &'static str,
    /// A field.
    pub(in crate::console) address: &'static str,
    /// Below the field.
    pub(in crate::console) address_hint: &'static str,
    /// Ends it.
    pub(in crate::console) finish: &'static str,
    /// Nothing was begun here.
    pub(in crate::console) not_begun: &'static str,
    /// It is no answer to what was asked.
    pub(in crate::console) other_answer: &'static str,
    /// The service refused.
    pub(in crate::console) refused: fn(&str) -> String,
    /// Before what it said about it.
    pub(in crate::console) it_said: &'static str,
    /// What to do where a person has said no.
    pub(in crate::console) denied: &'static str,
    /// What to do where the service has.
    pub(in crate::console) not_possible: &'static str,
    /// Begins once more.
    pub(in crate::console) again: &'static str,
    /// Leads back.
    pub(in crate::console) back: &'static str,
    /// The code was not typed.
    pub(in crate::console) not_yet: &'static str,
}

pub(super) const EN: Authorize = Authorize {
    title: |name| format!("Authorize {name}"),
    go: "Go to the service and agree",
    come_back: "The service sends you back here.",
    type_code: "Type this code there:",
    typed: "I have typed the code",
    by_hand: "It did not send me back",
    address: "The address at which you ended",
    address_hint: "The whole address from the browser, also when the page could not be shown.",
    finish: "Finish",
    not_begun: "No authorization was begun in this browser within the last ten minutes: begin it again.",
    other_answer: "That is not the answer to the authorization that was begun here: begin it again.",
    refused: |why| format!("The service did not agree: {why}"),
    it_said: "It said:",
    denied: "Nothing was granted, and what was granted before still counts. Authorize again and agree at the service, with an account that may.",
    not_possible: "Nothing was granted, and what was granted before still counts. Look at the address, the client and the scopes that are registered for this console at the service, or have them looked at; then authorize again.",
    again: "Authorize again",
    back: "Back without authorizing",
    not_yet: "The service has not seen the code yet: type it there, then try again.",
};

pub(super) const FR: Authorize = Authorize {
    title: |name| format!("Autoriser {name}"),
    go: "Aller au service et accepter",
    come_back: "Le service vous renvoie ici.",
    type_code: "Saisissez-y ce code :",
    typed: "J’ai saisi le code",
    by_hand: "Il ne m’a pas renvoyé",
    address: "L’adresse à laquelle vous êtes arrivé",
    address_hint: "L’adresse complète du navigateur, même si la page n’a pas pu s’afficher.",
    finish: "Terminer",
    not_begun: "Aucune autorisation n’a été commencée dans ce navigateur ces dix dernières minutes : recommencez.",
    other_answer: "Ce n’est pas la réponse à l’autorisation commencée ici : recommencez.",
    refused: |why| format!("Le service a refusé : {why}"),
    it_said: "Il a répondu :",
    denied: "Rien n’a été accordé, et ce qui l’était déjà reste valable. Autorisez de nouveau et acceptez auprès du service, avec un compte qui en a le droit.",
    not_possible: "Rien n’a été accordé, et ce qui l’était déjà reste valable. La personne qui a déclaré cette console auprès du service doit y vérifier son adresse, son client et ses droits (scopes) ; autorisez ensuite de nouveau.",
    again: "Autoriser de nouveau",
    back: "Revenir sans autoriser",
    not_yet: "Le service n’a pas encore vu le code : saisissez-le, puis réessayez.",
};
