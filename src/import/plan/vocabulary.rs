//! What other programs call the built-in fields, in English and the larger languages of Europe.

use super::header::{fold, has_phrase, words_of};

/// A name that stands for the first name and the last name together. It is split.
pub const FULL_NAME: &str = "full_name";

/// Names that mean a built-in field and nothing else, folded. A column with such a name needs no option.
const SYNONYMS: [(&str, &[&str]); 16] = [
    (
        "email",
        &[
            "email", "emailaddress", "emailaddresses", "mail", "mailaddress", "emailadresse", "emailadres", "emailid",
            "mailadresse", "primaryemail", "primaryemailaddress", "contactemail", "customeremail", "subscriberemail",
            "useremail", "buyeremail", "attendeeemail", "memberemail", "personemail", "elpastas", "elpastoadresas",
            "correo", "correoelectronico", "courriel", "adressemail", "adresseemail", "adressecourriel", "adresemail",
            "adresemailowy", "posta", "postaelettronica", "indirizzoemail", "enderecodeemail", "endereodeemail", "epost",
            "epostadress", "epostadresse", "sahkoposti", "почта", "электроннаяпочта", "электронныиадрес", "адресэлектронноипочты",
            "имеил", "емеил", "емаил", "email1", "email1value", "emailsprimaryemail", "электроннаяпошта", "поштоваадреса",
        ],
    ),
    (
        "first_name",
        &[
            "firstname", "fname", "first", "givenname", "forename", "christianname", "contactfirstname", "customerfirstname",
            "vorname", "rufname", "prenom", "vardas", "nombre", "nombredepila", "primernombre", "nome", "primeironome",
            "voornaam", "roepnaam", "imie", "jmeno", "krestnijmeno", "имя", "имья", "fornamn", "fornavn", "etunimi", "prenume",
            "keresztnev", "nomedibattesimo", "namefirstname", "attendeefirstname", "subscriberfirstname",
        ],
    ),
    (
        "last_name",
        &[
            "lastname", "lname", "last", "surname", "familyname", "secondname", "contactlastname", "customerlastname",
            "nachname", "familienname", "zuname", "nom", "nomdefamille", "pavarde", "apellido", "apellidos", "cognome",
            "sobrenome", "apelido", "achternaam", "familienaam", "nazwisko", "prijmeni", "фамилия", "прізвище", "efternamn",
            "etternavn", "efternavn", "sukunimi", "vezeteknev", "namelastname", "attendeelastname", "subscriberlastname",
        ],
    ),
    (
        FULL_NAME,
        &["fullname", "displayname", "vollername", "nomcomplet", "nombrecompleto", "nomecompleto", "nomecognome"],
    ),
    (
        "phone",
        &[
            "phone", "phonenumber", "telephone", "telephonenumber", "tel", "telno", "phoneno", "mobile", "mobilephone",
            "mobilenumber", "mobilephonenumber", "mobileno", "cell", "cellphone", "cellphonenumber", "cellnumber",
            "primaryphone", "primaryphonenumber", "contactphone", "telefon", "telefonnummer", "handy", "handynummer",
            "mobil", "mobiltelefon", "telefonas", "telnr", "mobilus", "telefono", "telefonomovil", "movil", "cellulare",
            "telefone", "celular", "telemovel", "portable", "numerodetelephone", "telefoon", "telefoonnummer", "mobiel",
            "numertelefonu", "komorka", "телефон", "номертелефона", "мобильныи", "мобильныителефон", "puhelin",
            "phonenumbere164", "phone1", "phone1value", "phonesprimaryphonenumber",
        ],
    ),
    (
        "country",
        &[
            "country", "countrycode", "countryname", "countryregion", "countryiso", "countryiso2", "countrycodeiso2",
            "isocountrycode", "cc", "land", "pays", "pais", "paese", "nazione", "kraj", "salis", "страна", "краіна", "zeme", "maa",
            "landeskode", "landcode", "laendercode", "landercode", "landkod", "codepays", "codigopais", "ipcountry",
            "addresscountry", "defaultaddresscountry", "defaultaddresscountrycode", "tara", "orszag", "ulke",
        ],
    ),
    (
        "region",
        &[
            "region", "province", "provincecode", "county", "state", "stateprovince", "stateregion", "stateprovinceregion",
            "provincestate", "statecode", "bundesland", "kanton", "canton", "departement", "provincia", "comunidadautonoma",
            "comunidad", "regione", "estado", "uf", "provincie", "wojewodztwo", "apskritis", "rajonas", "область", "регион",
            "lan", "fylke", "maakunta", "judet", "defaultaddressprovincecode", "defaultaddressprovince",
        ],
    ),
    (
        "city",
        &[
            "city", "town", "citytown", "locality", "addresscity", "ort", "stadt", "wohnort", "ville", "commune", "ciudad",
            "poblacion", "localidad", "municipio", "citta", "comune", "cidade", "plaats", "woonplaats", "stad", "gemeente",
            "miasto", "miejscowosc", "miestas", "gyvenviete", "город", "місто", "mesto", "postort", "kaupunki",
            "paikkakunta", "oras", "varos", "sehir", "defaultaddresscity",
        ],
    ),
    (
        "postal_code",
        &[
            "postalcode", "postcode", "zip", "zipcode", "zippostalcode", "postalzipcode", "postalzip", "zippostcode",
            "postalcodezip", "ziporpostalcode", "plz", "postleitzahl", "codepostal", "cp", "codigopostal", "cap", "cep",
            "kodpocztowy", "pastokodas", "индекс", "почтовыииндекс", "поштовиииндекс", "psc", "postnr", "postnummer",
            "postinumero", "codpostal", "iranyitoszam", "defaultaddresszip", "addresszip", "addresspostalcode",
        ],
    ),
    (
        "latitude",
        &["latitude", "lat", "breitengrad", "latitud", "latitudine", "breedtegraad", "platuma", "широта"],
    ),
    (
        "longitude",
        &["longitude", "lng", "lon", "long", "langengrad", "laengengrad", "longitud", "longitudine", "lengtegraad", "ilguma", "долгота"],
    ),
    (
        "language",
        &[
            "language", "lang", "locale", "languagecode", "preferredlanguage", "preferredlocale", "sprache", "langue",
            "idioma", "lingua", "taal", "jezyk", "kalba", "язык", "мова", "jazyk", "sprak", "sprog", "kieli", "limba", "nyelv",
        ],
    ),
    (
        "timezone",
        &["timezone", "tz", "zeitzone", "fuseauhoraire", "zonahoraria", "fusoorario", "fusohorario", "tijdzone", "laikojuosta", "часовоипояс"],
    ),
    (
        "birthday",
        &[
            "birthday", "birthdate", "dateofbirth", "dob", "bday", "birthdaydate", "geburtstag", "geburtsdatum",
            "datedenaissance", "anniversaire", "fechadenacimiento", "fechanacimiento", "cumpleanos", "nacimiento",
            "datadinascita", "compleanno", "datadenascimento", "datanascimento", "aniversario", "geboortedatum", "verjaardag",
            "dataurodzenia", "urodziny", "gimimodata", "gimtadienis", "датарождения", "деньрождения", "datumnarozeni",
            "fodelsedatum", "fodselsdato", "fodselsdag", "syntymaaika",
        ],
    ),
    (
        "source",
        &["source", "signupsource", "leadsource", "origin", "contactsource", "initialsource", "originalsource", "quelle", "herkunft", "origen", "origine", "saltinis", "источник"],
    ),
    (
        "created_at",
        &[
            "createdat", "created", "createdon", "createddate", "createddateutc", "createdutc", "createdtime", "creationdate",
            "datecreated", "createdatutc", "createdate", "createtime", "timecreated", "signupdate", "signup", "signuptime",
            "signedup", "signedupat", "signedupon", "dateadded", "addedat", "addedon", "added", "dateofaddition", "joined",
            "joinedat", "joindate", "joinedon", "datejoined", "registered", "registeredat", "registrationdate", "registrationtime",
            "dateregistered", "membersince", "profilecreatedon", "contactcreatedat", "erstellt", "erstelltam", "angelegtam",
            "registriertam", "creele", "datedecreation", "datecreation", "dateinscription", "fechadecreacion", "fechadealta",
            "creadoel", "creadoen", "datacreazione", "creatoil", "datadecriacao", "criadoem", "aangemaaktop", "aanmaakdatum",
            "datautworzenia", "utworzono", "sukurta", "sukurimodata", "registracijosdata", "создан", "датасоздания",
            "датарегистрации", "skapad", "opprettet", "oprettet", "luotu",
        ],
    ),
];

/// Words before or after the name of a field that only say whose it is: "Default Address City", "Person - Name".
const QUALIFIERS: [&str; 34] = [
    "person", "people", "contact", "subscriber", "customer", "member", "user", "users", "profile", "attendee", "buyer", "lead",
    "client", "recipient", "account", "primary", "main", "default", "home", "personal", "billing", "mailing", "shipping",
    "address", "addresses", "emails", "phones", "name", "work", "value", "number", "current", "preferred", "kunde",
];

/// Those of them with which "name" is no name of a person.
const ADDRESSES: [&str; 7] = ["address", "addresses", "emails", "phones", "account", "value", "number"];

/// Returns the field that a name means and nothing else: a built-in one, or [`FULL_NAME`].
pub fn exact(name: &str) -> Option<&'static str> {
    exact_folded(&fold(name))
}

fn exact_folded(folded: &str) -> Option<&'static str> {
    let mut synonyms = SYNONYMS.iter();
    let found = synonyms.find(|(field, names)| {
        names.contains(&folded) || field.bytes().filter(|byte| *byte != b'_').eq(folded.bytes())
    });
    found.map(|(field, _)| *field)
}

/// Returns the field that a name probably means: one that is left when words are taken away that say whose it is.
pub fn probable(name: &str) -> Option<&'static str> {
    let words = words_of(name);
    let is_name = |word: &String| ["name", "names", "namen", "фио"].contains(&word.as_str());
    let is_owner = |word: &String| QUALIFIERS.contains(&word.as_str()) && !ADDRESSES.contains(&word.as_str());
    if words.iter().any(is_name) && words.iter().all(|word| is_name(word) || is_owner(word)) {
        return Some(FULL_NAME);
    }
    let is_qualifier = |word: &String| QUALIFIERS.contains(&word.as_str());
    let start = words.iter().position(|word| !is_qualifier(word))?;
    let end = words.iter().rposition(|word| !is_qualifier(word))?;
    let core = &words[start..=end];
    if core.len() < words.len() {
        // A second or an additional one is not the one.
        let found = exact_folded(&core.concat());
        if let Some(found) = found.filter(|_| !is_secondary(&words)) {
            return Some(found);
        }
    }
    None
}

/// Whether a name says that there is a better column for the same.
pub fn is_secondary(words: &[String]) -> bool {
    let marks = ["secondary", "second", "additional", "other", "alternative", "alternate", "alt", "extra", "backup", "old", "former", "2", "3"];
    words.iter().any(|word| marks.contains(&word.as_str()))
}

/// Whether a column holds what only the program it comes from needs: keys of rows, IP addresses.
pub fn is_technical(name: &str) -> bool {
    let words = words_of(name);
    let phrases = [
        "id", "ids", "uuid", "guid", "ip", "ips", "leid", "euid", "gmtoff", "dstoff", "hash", "token", "user agent", "ip address",
        "record id", "external id", "object id", "last changed", "updated at", "last updated", "modified", "last modified",
    ];
    phrases.iter().any(|phrase| has_phrase(&words, phrase)) || fold(name).ends_with("uuid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_need_no_permission() {
        for (name, field) in [
            ("Email Address", "email"),
            ("E-Mail", "email"),
            ("Zip", "postal_code"),
            ("Zip Code", "postal_code"),
            ("Phone Number", "phone"),
            ("State / Region", "region"),
            ("Vorname", "first_name"),
            ("Prénom", "first_name"),
            ("Имя", "first_name"),
            ("Город", "city"),
            ("CC", "country"),
            ("Created (UTC)", "created_at"),
            ("first_name", "first_name"),
            ("Geburtsdatum", "birthday"),
        ] {
            assert_eq!(exact(name), Some(field), "{name}");
        }
        for name in ["name", "Status", "Company", "Secondary Email", "Work Email", "Points", ""] {
            assert_eq!(exact(name), None, "{name}");
        }
    }

    #[test]
    fn names_with_an_owner_are_probable() {
        for (name, field) in [
            ("Default Address City", Some("city")),
            ("Person - Email - Work", Some("email")),
            ("Name", Some(FULL_NAME)),
            ("Name / First Name", Some("first_name")),
            ("Home Country", Some("country")),
            ("Secondary Email", None),
            ("Company", None),
            ("Person - Name", Some(FULL_NAME)),
            ("Account name", None),
            ("Address", None),
            ("Lineitem name", None),
        ] {
            assert_eq!(probable(name), field, "{name}");
        }
    }

    #[test]
    fn every_synonym_stands_once_and_is_folded() {
        let mut all: Vec<&str> = SYNONYMS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "a synonym stands twice");
        for name in all {
            assert_eq!(exact(name).is_some(), true, "{name}");
            assert_eq!(fold(name), name);
        }
    }
}
