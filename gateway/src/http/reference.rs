//! The page of every field and every rule, `docs/payloads.md`, made from their declarations.

use std::fmt::Write as _;

use domain::dossier::VersionCerfa;
use domain::dossier::enums::list_of;
use domain::form::FieldOutline;
use domain::rules::{self, Rule};
use domain::{Kind, payload};

const PREAMBLE: &str = "\
# Les payloads : tous les champs, toutes les règles

Ce que contient chaque payload de la norme, tel que la passerelle le lit, et toutes les règles qu'elle lui applique. Cette page est
produite à partir des déclarations du programme ; un test les compare.

- Un champ est donné par son pointeur JSON (RFC 6901) depuis la racine du payload ; `*` tient la place de chaque élément d'une
  liste. Les `constats` d'un refus donnent les mêmes pointeurs.
- La lecture accepte ce que les logiciels envoient vraiment : un nombre ou un booléen écrit en texte, un texte vide ou `null` pour une
  valeur absente, une date (`AAAA-MM-JJ`) suivie d'une heure, qui n'est pas gardée. L'écriture vers l'OPCO est stricte.
- Un champ absent de ces tableaux est transmis tel quel à l'OPCO, avec un avertissement.
- `longueur` : le plus grand nombre de caractères que la norme prévoit ; au-delà, un avertissement.
- Les champs *lus* viennent de l'OPCO : jamais envoyés.
- Essayer sans rien envoyer : `POST /api/v1/validations/…`, ou `cfa-gateway check FICHIER` hors ligne.

Effet d'une règle : `refuse` rien n'est gardé ; `conflict` la même chose a déjà été envoyée ; `hold` gardé, une personne doit choisir ou
compléter ; `wait` gardé, partira de soi-même à l'heure venue ou après un autre envoi ; `warn` envoyé, et signalé. Un réseau peut changer
l'effet de certaines règles (`cfa-gateway admin rule`).
";

const KINDS: [(Kind, &str, &str); 6] = [
    (Kind::Dossier, "Contrat", "dossiers"),
    (Kind::Convention, "Convention de formation", "conventions"),
    (Kind::Facture, "Facture et avoir", "factures"),
    (Kind::Certificat, "Certificat de réalisation", "certificats"),
    (Kind::Document, "Document", "documents"),
    (Kind::Rupture, "Rupture", "ruptures"),
];

fn page() -> String {
    let mut page = PREAMBLE.to_owned();
    for (kind, name, route) in KINDS {
        let _ = write!(
            page,
            "\n## {name}\n\n`POST /api/v1/{route}`\n\n\
             | pointer | libellé | contenu | longueur |\n|---|---|---|---|\n"
        );
        for field in payload::fields(kind) {
            row(&mut page, &field);
        }
        codes(&mut page, kind);
        page.push_str(
            "\n| règle | effet | message | que faire | source |\n|---|---|---|---|---|\n",
        );
        rules::of(kind).for_each(|rule| told(&mut page, rule));
    }
    page
}

fn row(page: &mut String, field: &FieldOutline) {
    let mut holds = match (field.is_block, field.is_list) {
        (true, true) => "**liste d'objets**".to_owned(),
        (true, false) => "**objet**".to_owned(),
        (false, true) => format!("liste : {}", field.form),
        (false, false) => field.form.to_owned(),
    };
    if !field.words.is_empty() {
        let words: Vec<String> = field.words.iter().map(|word| format!("`{word}`")).collect();
        holds = words.join(", ");
    }
    if list_of(&field.pointer).is_some() {
        holds = "un code, voir plus bas".to_owned();
    }
    if let Some((least, most)) = field.bounds {
        let _ = write!(holds, ", de {least} à {most}");
    }
    if field.read_only {
        holds.push_str(" (*lu*)");
    }
    if let Some(alias) = field.alias {
        let _ = write!(holds, " (aussi `{alias}`)");
    }
    let max = field.max.map(|max| max.to_string()).unwrap_or_default();
    let _ = writeln!(
        page,
        "| `{}` | {} | {holds} | {max} |",
        field.pointer, field.label
    );
}

/// The lists of codes, once for each field that has one.
fn codes(page: &mut String, kind: Kind) {
    let coded = payload::fields(kind).into_iter().filter_map(|field| {
        let list = list_of(&field.pointer).filter(|_| kind == Kind::Dossier)?;
        Some((field, list))
    });
    for (field, list) in coded {
        let meanings: Vec<String> = list
            .codes(VersionCerfa::V14)
            .iter()
            .map(|(code, meaning)| format!("`{code}` {meaning}"))
            .collect();
        let _ = write!(
            page,
            "\n**`{}`** : {}.\n",
            field.pointer,
            meanings.join(" ; ")
        );
    }
}

fn told(page: &mut String, rule: &Rule) {
    let effect = rule.effect.as_str();
    let id = rule.id;
    let mut since = String::new();
    if let Some(from) = rule.from {
        let _ = write!(since, " (contrats conclus à partir du {from})");
    }
    if let Some(until) = rule.until {
        let _ = write!(since, " (contrats conclus jusqu'au {until})");
    }
    let _ = writeln!(
        page,
        "| {id} | `{effect}` | {}{since} | {} | {} |",
        rule.message, rule.remedy, rule.source
    );
}

#[test]
fn the_committed_page_is_what_is_declared() {
    super::snapshot::committed("../docs/payloads.md", &page());
}
