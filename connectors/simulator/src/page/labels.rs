//! The words of the page, in its two languages.

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    French,
    English,
}

impl Language {
    pub(super) fn read(tag: &str) -> Option<Self> {
        match tag.get(..2)?.to_ascii_lowercase().as_str() {
            "fr" => Some(Self::French),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// Returns the language a browser would rather have; French when it wants neither.
    pub(super) fn accepted(header: &str) -> Self {
        let mut best = (Self::French, 0_u32);
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let Some(language) = Self::read(tag.trim()) else {
                continue;
            };
            let weight = thousandths(weight.trim().strip_prefix("q=").unwrap_or("1"));
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::French => "Français",
            Self::English => "English",
        }
    }

    pub(super) fn labels(self) -> &'static Labels {
        match self {
            Self::French => &FRENCH,
            Self::English => &ENGLISH,
        }
    }
}

/// Reads a weight from 0 to 1 with at most three decimals (RFC 9110).
fn thousandths(weight: &str) -> u32 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    let whole: u32 = whole.parse().unwrap_or(0);
    whole.min(1) * 1_000 + decimals.parse::<u32>().unwrap_or(0)
}

/// Every label.
pub(super) struct Labels {
    pub(super) title: &'static str,
    pub(super) title_of_all: &'static str,
    pub(super) skip: &'static str,
    pub(super) language: &'static str,
    pub(super) intro: &'static str,
    pub(super) colon: &'static str,
    pub(super) virtual_day: &'static str,
    pub(super) factor: &'static str,
    pub(super) sandbox: &'static str,
    pub(super) strict: &'static str,
    pub(super) calls: &'static str,
    pub(super) all_calls: &'static str,
    pub(super) refused_calls: &'static str,
    pub(super) no_calls: &'static str,
    pub(super) time: &'static str,
    pub(super) call: &'static str,
    pub(super) status: &'static str,
    pub(super) wrong: &'static str,
    pub(super) nothing_wrong: &'static str,
    pub(super) taken: &'static str,
    pub(super) refused: &'static str,
    pub(super) no_answer: &'static str,
    pub(super) fault: &'static str,
    pub(super) key: &'static str,
    pub(super) to_do: &'static str,
    pub(super) counts: &'static str,
    pub(super) route: &'static str,
    pub(super) count: &'static str,
    pub(super) opcos: &'static str,
    pub(super) received: &'static str,
    pub(super) accepted: &'static str,
    pub(super) states: &'static str,
    pub(super) faults: &'static str,
    pub(super) guide: &'static str,
    pub(super) addresses: &'static str,
    pub(super) token_address: &'static str,
    pub(super) headers: &'static str,
    pub(super) keys: &'static str,
    pub(super) steps: &'static str,
    pub(super) forget: &'static str,
}

const FRENCH: Labels = Labels {
    title: "Bac à sable OPCO",
    title_of_all: "Simulateur des onze OPCO",
    skip: "Aller aux appels reçus",
    language: "Langue",
    intro: "Chaque OPCO répond ici à la norme d'échange CFA/OPCO comme le vrai, sans aucun effet \
            réel. Cette page montre les appels reçus, ce qui n'allait pas et comment le corriger. \
            Aucune donnée personnelle et aucune clé n'y figurent.",
    colon: " : ",
    virtual_day: "Horloge virtuelle",
    factor: "vitesse",
    sandbox: "Bac à sable : tous les flux sont ouverts, même ceux que cet OPCO n'a pas ouverts.",
    strict: "Mode strict : seuls les clés et comptes enregistrés sont admis.",
    calls: "Appels reçus, du plus récent au plus ancien",
    all_calls: "Tous",
    refused_calls: "Refusés seulement",
    no_calls: "Aucun appel pour le moment.",
    time: "Heure (UTC)",
    call: "Appel",
    status: "Statut",
    wrong: "Ce qui n'allait pas",
    nothing_wrong: "Rien à signaler",
    taken: "accepté",
    refused: "refusé",
    no_answer: "sans réponse",
    fault: "panne provoquée",
    key: "clé",
    to_do: "À faire",
    counts: "Appels par route",
    route: "Route",
    count: "Nombre",
    opcos: "Les OPCO",
    received: "Appels",
    accepted: "Accepté",
    states: "Dossiers par état",
    faults: "Pannes actives",
    guide: "Comment l'utiliser",
    addresses: "Adresse de base (suivie de /v1/… ou /v2/…)",
    token_address: "Adresse des jetons OAuth2 (client_credentials)",
    headers: "En-têtes de chaque appel : <code>Authorization: Bearer …</code>, \
              <code>X-API-KEY</code>, <code>EDITEUR</code>, <code>LOGICIEL</code>, \
              <code>VERSION</code>. Ils sont vérifiés dans cet ordre : jeton 401, clé 403, \
              logiciel 400, flux fermé 501, puis le contenu 400.",
    keys: "Tout compte et toute clé non vides conviennent, sauf en mode strict. Une clé voit les \
           dossiers déposés avec elle. Les pannes, l'horloge et les états se commandent sous \
           <code>/control</code>.",
    steps: "Premiers appels",
    forget: "La commande <code>POST /control/reset</code> oublie tout.",
};

const ENGLISH: Labels = Labels {
    title: "OPCO sandbox",
    title_of_all: "Simulator of the eleven OPCOs",
    skip: "Skip to the calls received",
    language: "Language",
    intro: "Each OPCO answers here to the CFA/OPCO exchange norm as the real one does, with no \
            real effect. This page shows the calls received, what was wrong with them and what to \
            do about it. It holds no personal data and no key.",
    colon: ": ",
    virtual_day: "Virtual clock",
    factor: "speed",
    sandbox: "Sandbox: every flow is open, also those that this OPCO has not opened.",
    strict: "Strict: only registered keys and accounts are accepted.",
    calls: "Calls received, the latest first",
    all_calls: "All",
    refused_calls: "Refused only",
    no_calls: "No call yet.",
    time: "Time (UTC)",
    call: "Call",
    status: "Status",
    wrong: "What was wrong",
    nothing_wrong: "Nothing to report",
    taken: "accepted",
    refused: "refused",
    no_answer: "no answer",
    fault: "fault on demand",
    key: "key",
    to_do: "To do",
    counts: "Calls by route",
    route: "Route",
    count: "Count",
    opcos: "The OPCOs",
    received: "Calls",
    accepted: "Accepted",
    states: "Dossiers by state",
    faults: "Active faults",
    guide: "How to use it",
    addresses: "Base address (followed by /v1/… or /v2/…)",
    token_address: "OAuth2 token address (client_credentials)",
    headers: "Headers of every call: <code>Authorization: Bearer …</code>, \
              <code>X-API-KEY</code>, <code>EDITEUR</code>, <code>LOGICIEL</code>, \
              <code>VERSION</code>. They are checked in this order: token 401, key 403, software \
              400, closed flow 501, then the content 400.",
    keys: "Any account and any key will do as long as they are not empty, unless it is strict. A \
           key sees the dossiers filed with it. Faults, clock and states are commanded under \
           <code>/control</code>.",
    steps: "First calls",
    forget: "<code>POST /control/reset</code> forgets everything.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_a_browser_would_rather_have_is_found() {
        for (header, expected) in [
            ("", Language::French),
            ("de", Language::French),
            ("en-GB,en;q=0.9", Language::English),
            ("fr-FR,fr;q=0.9,en;q=0.8", Language::French),
            ("de, en;q=0.4, fr;q=0.35", Language::English),
            ("en;q=0", Language::French),
            ("é", Language::French),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
        assert_eq!(Language::read("EN"), Some(Language::English));
        assert_eq!(Language::read("es"), None);
    }
}
