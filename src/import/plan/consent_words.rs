//! The words with which programs say whether a person may be sent e-mail: in the names of columns, and in their cells.
//! English and the larger languages of Europe. All words are folded as `header.rs` folds them.

use super::header::{has_any, words_of};
use crate::import::value::find_boolean;
use crate::rule::Status;

/// What a column about consent says of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The subscriber agreed to receive messages.
    OptIn,
    /// The subscriber asked not to receive messages any more, or was blocked.
    OptOut,
    /// The subscriber confirmed the address.
    Confirmed,
    /// The address does not work.
    Bounced,
    /// The subscriber reported a message as unwanted.
    Complained,
}

/// What a column says about its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Whether it is true.
    Fact,
    /// When it became true.
    Time,
    /// Why it became true.
    Reason,
    /// Something else: an IP address, a campaign, a number.
    Detail,
}

/// What the name of a column says about consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The topic of the column.
    pub topic: Topic,
    /// What the column says about the topic.
    pub aspect: Aspect,
    /// Whether it is about text messages, calls or letters, and not about e-mail.
    pub is_other_channel: bool,
}

const OPT_OUT: &[&str] = &[
    "opt out*",
    "optout*",
    "opted out*",
    "optedout*",
    "unsubscri*",
    "unsub",
    "unsubs",
    "do not email*",
    "do not mail*",
    "do not contact",
    "do not send*",
    "do not market*",
    "do not solicit",
    "do not track",
    "do not call",
    "do not sms",
    "do not text",
    "do not disturb",
    "dont email*",
    "dont contact",
    "don t email*",
    "don t contact",
    "donotemail*",
    "donotmail*",
    "donotcontact",
    "donotsend*",
    "donotcall",
    "never email*",
    "never contact",
    "no email*",
    "no mail*",
    "nomail",
    "no contact",
    "no marketing",
    "no newsletter*",
    "dnc",
    "dne",
    "blacklist*",
    "blocklist*",
    "black list*",
    "block list*",
    "blocked",
    "suppress*",
    "email disabled",
    "emails disabled",
    "mail disabled",
    "excluded",
    "exclude from*",
    "withdr*",
    "revoked",
    "revocation",
    "objected",
    "objection*",
    "opposed",
    // German
    "abgemeldet*",
    "abmeld*",
    "ausgetragen*",
    "austrag*",
    "widerruf*",
    "widersprochen",
    "widerspruch*",
    "gesperrt*",
    "sperr*",
    "werbesperre",
    "werbeverbot",
    "kein newsletter",
    "keine werbung",
    "keine mail*",
    "keine e mail*",
    "keine email*",
    "nicht kontaktieren",
    "nicht anschreiben",
    "abbestell*",
    // French
    "desabonn*",
    "desinscri*",
    "ne pas contacter",
    "ne pas envoyer",
    "ne pas solliciter",
    "liste noire",
    "opposition*",
    "refus*",
    "stop email*",
    "bloque",
    "bloques",
    // Spanish, Portuguese, Italian
    "baja",
    "bajas",
    "desuscri*",
    "dessuscri*",
    "no contactar",
    "no enviar",
    "no molestar",
    "lista negra",
    "bloquead*",
    "descadastr*",
    "desinscr*",
    "cancelou*",
    "nao contatar",
    "nao contactar",
    "nao enviar",
    "nao perturbe",
    "disiscri*",
    "cancellat*",
    "non contattare",
    "non inviare",
    "lista nera",
    "revoca*",
    "disdett*",
    "bloccat*",
    // Dutch
    "uitgeschreven*",
    "uitschrijv*",
    "uitschrijf*",
    "afgemeld*",
    "afmeld*",
    "niet mailen",
    "niet benaderen",
    "geen mail*",
    "geen email*",
    "geen e mail*",
    "geen nieuwsbrief",
    "geblokkeerd*",
    "zwarte lijst",
    // Polish, Czech, Lithuanian, Russian, Ukrainian
    "wypisan*",
    "wypis*",
    "rezygnacj*",
    "zrezygnowa*",
    "zrezygnowal*",
    "nie wysylac",
    "nie kontaktowac",
    "zablokowan*",
    "czarna lista",
    "wycofan*",
    "odhlas*",
    "odhlasen*",
    "atsisak*",
    "neprenumeruoj*",
    "nesiusti",
    "uzblokuot*",
    "atsaukt*",
    "отписа*",
    "отписк*",
    "отказ*",
    "черныи список",
    "заблокир*",
    "не беспокоить",
    "не писать",
    "відписа*",
    "відмов*",
    // Scandinavian, Finnish, Hungarian, Romanian, Turkish
    "avregistrer*",
    "avprenumerer*",
    "avanmal*",
    "avanmeld*",
    "afmeldt*",
    "avmeldt*",
    "frameldt*",
    "framelding*",
    "sparrad*",
    "peruut*",
    "peruttu",
    "leiratkoz*",
    "dezabon*",
    "abonelikten*",
];

const OPT_IN: &[&str] = &[
    "opt in*",
    "optin*",
    "opted in*",
    "optedin*",
    "accepts marketing*",
    "accepts email*",
    "accepts sms*",
    "accept marketing*",
    "accept email*",
    "accepts newsletter*",
    "acceptsmarketing*",
    "accepted marketing*",
    "consent*",
    "gdpr*",
    "permission*",
    "email marketing*",
    "marketing email*",
    "marketing allowed",
    "allow email*",
    "allow marketing*",
    "allowed to email",
    "email allowed",
    "emails allowed",
    "can email",
    "can be emailed",
    "emailable",
    "mailable",
    "wants email*",
    "wants newsletter*",
    "receive email*",
    "receives email*",
    "receive newsletter*",
    "receives newsletter*",
    "receive marketing*",
    "subscribed",
    "is subscribed",
    "newsletter*",
    "mailing list",
    "mailinglist",
    "agreed",
    "agrees",
    "subscribe date",
    "subscribe time",
    "subscription date",
    "subscription time",
    "date subscribed",
    "subscribedate",
    // German
    "einwilligung*",
    "eingewilligt*",
    "zustimmung*",
    "zugestimmt*",
    "abonniert*",
    "werbeeinwilligung*",
    "werbung erlaubt",
    "angemeldet*",
    "anmeldedatum",
    "dsgvo*",
    "rundbrief",
    // French, Spanish, Portuguese, Italian
    "abonne",
    "abonnes",
    "abonnee",
    "inscrit",
    "inscrite",
    "inscrits",
    "rgpd*",
    "accepte*",
    "suscrit*",
    "suscript*",
    "acepta*",
    "autoriza*",
    "permiso*",
    "boletin*",
    "inscrito*",
    "aceita*",
    "lgpd*",
    "permissao*",
    "iscritt*",
    "consens*",
    "accett*",
    "autorizz*",
    // Dutch, Polish, Czech, Lithuanian, Russian
    "toestemming*",
    "ingeschreven*",
    "aangemeld*",
    "nieuwsbrief*",
    "akkoord*",
    "zgod*",
    "zapisan*",
    "subskryb*",
    "souhlas*",
    "sutik*",
    "sutink*",
    "prenumeruoj*",
    "naujienlaisk*",
    "соглас*",
    "подписан*",
    "подписк*",
    "рассылк*",
    "згод*",
    // Scandinavian, Finnish, Hungarian, Romanian, Turkish
    "samtyck*",
    "samtykk*",
    "prenumerer*",
    "nyhetsbrev*",
    "nyhedsbrev*",
    "tilmeldt*",
    "pameldt*",
    "suostumus*",
    "uutiskirje*",
    "hozzajarul*",
    "hirlevel*",
    "consimt*",
    "abonat*",
];

const CONFIRMED: &[&str] = &[
    "double opt in*",
    "double optin*",
    "doubleoptin*",
    "doi",
    "confirmed",
    "confirm time",
    "confirm date",
    "confirm ip",
    "confirmation time",
    "confirmation date",
    "confirmation ip",
    "confirmation status",
    "email confirm*",
    "is confirmed",
    "bestatigt*",
    "bestatigung*",
    "confirme",
    "confirmee",
    "confirmado*",
    "confermat*",
    "bevestigd*",
    "potwierdzon*",
    "patvirtint*",
    "подтвержд*",
    "bekraftad*",
    "bekraeftet*",
    "bekreftet*",
];

const BOUNCED: &[&str] = &[
    "bounce*",
    "hardbounce*",
    "hard bounce*",
    "cleaned",
    "clean time",
    "clean date",
    "clean campaign*",
    "clean reason",
    "undeliver*",
    "nondeliver*",
    "invalid email*",
    "email invalid",
    "unzustellbar*",
    "rucklaufer*",
    "rebot*",
    "rebond*",
    "npai",
    "rimbalz*",
    "devolvid*",
    "onbestelbaar*",
    "odbic*",
    "odbit*",
    "недоставл*",
    "studs*",
];

const COMPLAINED: &[&str] = &[
    "complain*",
    "spam",
    "spam report*",
    "spam complaint*",
    "marked as spam",
    "abuse*",
    "junk",
    "beschwerde*",
    "plainte*",
    "queja*",
    "reclam*",
    "segnalaz*",
    "klacht*",
    "skarg*",
    "skund*",
    "жалоб*",
    "klagomal*",
];

/// Words for channels other than e-mail.
const OTHER_CHANNELS: &[&str] = &[
    "sms",
    "mms",
    "rcs",
    "phone*",
    "call",
    "calls",
    "calling",
    "telefon*",
    "telephone*",
    "telemarketing",
    "whatsapp",
    "viber",
    "telegram",
    "push",
    "webpush",
    "postal",
    "post",
    "letter*",
    "direct mail",
    "fax",
    "mobile",
    "text message*",
    "text",
    "texts",
    "brief*",
    "messenger",
    "facebook",
    "cookie*",
];

const MAIL: &[&str] = &[
    "email*",
    "e mail*",
    "mail",
    "mails",
    "mailing*",
    "newsletter*",
    "correo*",
    "courriel*",
];

const TIMES: &[&str] = &[
    "time",
    "date",
    "datetime",
    "timestamp",
    "at",
    "on",
    "since",
    "when",
    "datum",
    "zeit",
    "zeitpunkt",
    "seit",
    "am",
    "le",
    "fecha",
    "data",
    "ora",
    "tijd",
    "sinds",
    "kiedy",
    "laikas",
    "дата",
    "время",
    "dato",
    "tid",
    "ts",
    "day",
];

const REASONS: &[&str] = &[
    "reason*",
    "why",
    "grund",
    "motiv*",
    "raison*",
    "reden*",
    "powod*",
    "priezast*",
    "причин*",
    "arsak*",
    "cause*",
];

const DETAILS: &[&str] = &[
    "ip",
    "ips",
    "campaign*",
    "kampagne*",
    "campagne*",
    "id",
    "ids",
    "source*",
    "method*",
    "type*",
    "title*",
    "url",
    "page",
    "form",
    "agent",
    "host",
    "referr*",
    "referer",
    "count*",
    "number*",
    "name*",
    "text",
    "wording",
    "version*",
    "by",
    "level*",
    "language*",
    "token*",
    "link*",
    "email address",
    "list",
    "lists",
    "topic*",
    "document*",
    "statement*",
    "other",
];

/// Returns what the name of a column says about consent, if it does.
pub fn read_header(name: &str) -> Option<Hint> {
    let words = words_of(name);
    // Opting out and failing come first: "unsubscribed" is not "subscribed", nor "no newsletter" a newsletter.
    let topics = [
        (OPT_OUT, Topic::OptOut),
        (BOUNCED, Topic::Bounced),
        (COMPLAINED, Topic::Complained),
        (CONFIRMED, Topic::Confirmed),
        (OPT_IN, Topic::OptIn),
    ];
    let found = topics.iter().find(|(phrases, _)| has_any(&words, phrases));
    let (_, topic) = found?;
    let topic = match *topic {
        Topic::OptIn if is_denied(&words) => Topic::OptOut,
        topic => topic,
    };
    let aspect = match () {
        () if has_any(&words, REASONS) => Aspect::Reason,
        () if has_any(&words, DETAILS) => Aspect::Detail,
        () if has_any(&words, TIMES) => Aspect::Time,
        () => Aspect::Fact,
    };
    Some(Hint {
        topic,
        aspect,
        is_other_channel: has_any(&words, OTHER_CHANNELS) && !has_any(&words, MAIL),
    })
}

/// Whether a name has a negation: "not subscribed", "kein Newsletter".
fn is_denied(words: &[String]) -> bool {
    const DENIALS: [&str; 16] = [
        "not", "no", "non", "never", "without", "kein", "keine", "nicht", "pas", "sans", "nao",
        "geen", "niet", "nie", "ne", "не",
    ];
    words.iter().any(|word| DENIALS.contains(&word.as_str()))
}

/// Whether a column is named like a status. Its values decide whether it is a status of consent.
pub fn is_status_name(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "status*",
        "state",
        "stato",
        "estado",
        "etat",
        "statut",
        "stan",
        "busena",
        "статус*",
        "состояние",
        "tila",
        "stav",
    ];
    has_any(&words_of(name), NAMES)
}

/// Returns the status of the people of a file, if its name says that it lists people who opted out, bounced or
/// complained.
pub fn read_file_name(name: &str) -> Option<Status> {
    let words = words_of(name);
    match () {
        () if has_any(&words, &["resubscribed", "opt in*", "optin*"]) => None,
        () if has_any(&words, COMPLAINED) => Some(Status::Complained),
        () if has_any(&words, BOUNCED) => Some(Status::Bounced),
        () if has_any(&words, OPT_OUT) => Some(Status::Unsubscribed),
        () => None,
    }
}

/// What a word in a cell says about consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusWord {
    /// The status.
    pub status: Status,
    /// Whether the word is only about consent; `active` can mean many things.
    pub is_certain: bool,
}

const CERTAIN: &[(Status, &[&str])] = &[
    (
        Status::Subscribed,
        &[
            "subscribed",
            "subscribe",
            "resubscribed",
            "opted in",
            "opt in",
            "optin",
            "optedin",
            "double opt in",
            "double optin",
            "single opt in",
            "confirmed opt in",
            "explicit opt in",
            "implicit opt in",
            "accepts marketing",
            "mailable",
            "emailable",
            "abonniert",
            "suscrito",
            "suscrita",
            "suscripto",
            "inscrit",
            "inscrite",
            "abonne",
            "abonnee",
            "iscritto",
            "iscritta",
            "inscrito",
            "inscrita",
            "ingeschreven",
            "aangemeld",
            "angemeldet",
            "zapisany",
            "zapisana",
            "prenumeruoja",
            "подписан",
            "подписана",
            "prenumererar",
            "tilmeldt",
            "pameldt",
            "marketing contact",
            "consented",
            "explicit consent",
            "implicit consent",
            "implied consent",
        ],
    ),
    (
        Status::Unsubscribed,
        &[
            "unsubscribed",
            "unsubscribe",
            "unsub",
            "opted out",
            "opt out",
            "optout",
            "optedout",
            "blocklisted",
            "blocklist",
            "blacklisted",
            "blacklist",
            "black listed",
            "block listed",
            "suppressed",
            "manually suppressed",
            "globally unsubscribed",
            "global unsubscribe",
            "do not contact",
            "do not email",
            "do not mail",
            "donotcontact",
            "donotemail",
            "abgemeldet",
            "ausgetragen",
            "abbestellt",
            "widerrufen",
            "desabonne",
            "desabonnee",
            "desinscrit",
            "desinscrite",
            "desuscrito",
            "desuscrita",
            "dado de baja",
            "dada de baja",
            "baja",
            "disiscritto",
            "disiscritta",
            "descadastrado",
            "descadastrada",
            "desinscrito",
            "desinscrita",
            "uitgeschreven",
            "afgemeld",
            "wypisany",
            "wypisana",
            "atsisake",
            "neprenumeruoja",
            "отписан",
            "отписана",
            "отписался",
            "отписалась",
            "avregistrerad",
            "afmeldt",
            "avmeldt",
            "frameldt",
            "withdrawn",
            "consent withdrawn",
            "revoked",
            "unsubscribed from all",
            "unsubscribed by admin",
            "admin unsubscribed",
            "user unsubscribed",
        ],
    ),
    (
        Status::Bounced,
        &[
            "bounced",
            "bounce",
            "hard bounced",
            "hard bounce",
            "hardbounce",
            "hardbounced",
            "soft bounced",
            "soft bounce",
            "softbounce",
            "cleaned",
            "undeliverable",
            "undelivered",
            "bouncing",
            "unzustellbar",
            "rebotado",
            "rebotada",
            "rebondi",
            "rimbalzato",
            "invalid email",
            "email invalid",
        ],
    ),
    (
        Status::Complained,
        &[
            "complained",
            "complaint",
            "complainer",
            "spam",
            "spam complaint",
            "spam complaints",
            "marked as spam",
            "reported spam",
            "reported as spam",
            "spam report",
            "spammed",
            "abuse",
            "abuse complaint",
            "abused",
            "junk",
        ],
    ),
    (
        Status::Pending,
        &[
            "unconfirmed",
            "not confirmed",
            "pending confirmation",
            "awaiting confirmation",
            "waiting for confirmation",
            "confirmation pending",
            "double opt in pending",
            "pending double opt in",
            "unbestatigt",
            "non confirme",
            "no confirmado",
            "non confermato",
            "niet bevestigd",
            "niepotwierdzony",
            "nepatvirtinta",
            "не подтвержден",
            "never subscribed",
            "not subscribed",
            "non subscribed",
            "nonsubscribed",
            "no consent",
            "non marketing contact",
            "never opted in",
            "not opted in",
            "no permission",
            "nicht bestatigt",
        ],
    ),
];

const UNCERTAIN: &[(Status, &[&str])] = &[
    (
        Status::Subscribed,
        &[
            "active",
            "enabled",
            "confirmed",
            "valid",
            "verified",
            "deliverable",
            "aktiv",
            "aktive",
            "actif",
            "active",
            "activo",
            "activa",
            "attivo",
            "attiva",
            "ativo",
            "ativa",
            "actief",
            "aktywny",
            "aktywna",
            "aktyvus",
            "активен",
            "активныи",
            "bestatigt",
            "confirme",
            "confirmado",
            "confermato",
            "bevestigd",
            "patvirtintas",
            "engaged",
        ],
    ),
    (
        Status::Unsubscribed,
        &[
            "cancelled",
            "canceled",
            "cancelado",
            "cancellato",
            "cancellata",
            "disabled",
            "removed",
            "deleted",
            "blocked",
            "banned",
            "left",
            "gesperrt",
            "geloscht",
            "deaktiviert",
            "desactive",
            "desactivado",
            "disattivato",
            "desativado",
            "bloqueado",
            "bloque",
            "bloccato",
            "geblokkeerd",
            "declined",
            "denied",
            "refused",
            "заблокирован",
        ],
    ),
    (
        Status::Bounced,
        &[
            "hard", "soft", "invalid", "dead", "failed", "error", "ungultig", "invalide",
        ],
    ),
    (
        Status::Pending,
        &[
            "pending",
            "inactive",
            "unverified",
            "waiting",
            "archived",
            "inaktiv",
            "inactif",
            "inactivo",
            "inattivo",
            "inativo",
            "inactief",
            "nieaktywny",
            "neaktyvus",
            "неактивен",
            "ausstehend",
            "en attente",
            "pendiente",
            "pendente",
            "in attesa",
            "oczekuje",
            "in afwachting",
            "invited",
            "unengaged",
        ],
    ),
];

/// Returns what a word in a cell says about consent, if it says anything.
pub fn read_word(cell: &str) -> Option<StatusWord> {
    let folded = words_of_cell(cell);
    let find = |table: &[(Status, &[&str])], is_certain| {
        let mut rows = table.iter();
        let row = rows.find(|(_, known)| known.contains(&folded.as_str()));
        row.map(|(status, _)| StatusWord {
            status: *status,
            is_certain,
        })
    };
    find(CERTAIN, true).or_else(|| find(UNCERTAIN, false))
}

/// Returns a cell in the form of the words above: `SUBSCRIBED` and `Subscribed` both become `subscribed`.
fn words_of_cell(cell: &str) -> String {
    words_of(cell).join(" ")
}

/// Returns whether a cell says yes or no, or `None` if it says neither.
pub fn read_flag(cell: &str) -> Option<bool> {
    match cell.trim() {
        "-" | "–" => Some(false),
        text if text.eq_ignore_ascii_case("never") || text.eq_ignore_ascii_case("none") => {
            Some(false)
        }
        text => find_boolean(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_speak_of_consent_are_known() {
        use Aspect::{Detail, Fact, Reason, Time};
        use Topic::{Bounced, Complained, Confirmed, OptIn, OptOut};
        for (name, topic, aspect) in [
            ("Accepts Marketing", OptIn, Fact),
            ("Accepts Email Marketing", OptIn, Fact),
            ("subscribed_to_emails", OptIn, Fact),
            ("Email Marketing Consent", OptIn, Fact),
            ("Email Marketing Consent Timestamp", OptIn, Time),
            ("OPTIN_TIME", OptIn, Time),
            ("OPTIN_IP", OptIn, Detail),
            ("Opt-in", OptIn, Fact),
            ("Opt-out date", OptOut, Time),
            ("HasOptedOutOfEmail", OptOut, Fact),
            ("doNotEmail", OptOut, Fact),
            ("email_disabled", OptOut, Fact),
            ("UNSUB_TIME", OptOut, Time),
            ("UNSUB_REASON", OptOut, Reason),
            ("UNSUB_CAMPAIGN_ID", OptOut, Detail),
            ("Blacklisted", OptOut, Fact),
            ("Unsubscribed from all email", OptOut, Fact),
            ("Not subscribed", OptOut, Fact),
            ("Abgemeldet am", OptOut, Time),
            ("Désinscrit", OptOut, Fact),
            ("Fecha de baja", OptOut, Time),
            ("Uitgeschreven", OptOut, Fact),
            ("Отписан", OptOut, Fact),
            ("Atsisakė", OptOut, Fact),
            ("Kein Newsletter", OptOut, Fact),
            ("Newsletter", OptIn, Fact),
            ("Einwilligung", OptIn, Fact),
            ("CLEAN_TIME", Bounced, Time),
            ("Email hard bounce reason", Bounced, Reason),
            ("Spam complaint", Complained, Fact),
            ("Double Opt-In", Confirmed, Fact),
            ("CONFIRM_TIME", Confirmed, Time),
        ] {
            let found = read_header(name).map(|hint| (hint.topic, hint.aspect));
            assert_eq!(found, Some((topic, aspect)), "{name}");
        }
        for name in [
            "State",
            "Status",
            "Total Spend",
            "First Name",
            "Plan",
            "Country",
            "Adoption info",
            "Contact",
            "Company",
            "Notes",
            "Order confirmation",
            "Tags",
            "Postal code",
            "Cleaning day",
            "Subscription",
            "active_subscription",
        ] {
            assert_eq!(read_header(name), None, "{name}");
        }
        assert!(read_header("SMS Consent").is_some_and(|hint| hint.is_other_channel));
        assert!(read_header("Do Not Call").is_some_and(|hint| hint.is_other_channel));
        assert!(!read_header("Email and SMS Consent").is_some_and(|hint| hint.is_other_channel));
    }

    #[test]
    fn names_of_files_about_people_who_left_are_known() {
        for (name, status) in [
            (
                "unsubscribed_members_export_a1b2.csv",
                Some(Status::Unsubscribed),
            ),
            ("cleaned_members_export_a1b2.csv", Some(Status::Bounced)),
            ("Bounces 2024.csv", Some(Status::Bounced)),
            ("Abmeldungen.xlsx", Some(Status::Unsubscribed)),
            ("subscribed_members_export_a1b2.csv", None),
            ("people.csv", None),
        ] {
            assert_eq!(read_file_name(name), status, "{name}");
        }
    }

    #[test]
    fn words_in_cells_are_known() {
        for (word, status, is_certain) in [
            ("Subscribed", Status::Subscribed, true),
            ("UNSUBSCRIBED", Status::Unsubscribed, true),
            ("NEVER_SUBSCRIBED", Status::Pending, true),
            ("Do Not Contact", Status::Unsubscribed, true),
            ("blocklisted", Status::Unsubscribed, true),
            ("Hard bounced", Status::Bounced, true),
            ("Marked as spam", Status::Complained, true),
            ("désabonné", Status::Unsubscribed, true),
            ("active", Status::Subscribed, false),
            ("cancelled", Status::Unsubscribed, false),
        ] {
            assert_eq!(
                read_word(word),
                Some(StatusWord { status, is_certain }),
                "{word}"
            );
        }
        for word in ["TX", "past_due", "Paid", ""] {
            assert_eq!(read_word(word), None, "{word}");
        }
    }
}
