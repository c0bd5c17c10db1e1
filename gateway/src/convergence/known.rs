//! The dossiers of a caller, found by what the norm names them by: a number, or the pairing key.

use actix_web::HttpRequest;
use domain::Opco;
use domain::matching::{self, Traits};
use jiff::civil::Date;
use store::deliveries;
use store::dossiers::{self, Dossier, Filter};

use super::refusal::Refusal;
use super::{numero, query};
use crate::app::App;
use crate::contract;
use crate::http::caller::Caller;

/// More dossiers than this under one number make no difference.
const FOUND_MAX: u32 = 50;

/// Finds the dossier of a number among those the caller may see.
pub(super) async fn of_number(
    app: &App,
    caller: &Caller,
    numero: &str,
) -> Result<Dossier, Refusal> {
    let given = numero::read(numero);
    let mut tx = app.store.reading().await?;
    if let Some((at, numero)) = given.at {
        let world = caller.environment;
        let found = dossiers::find_by_numero(&mut tx, caller.tenant, world, at, numero).await?;
        if let Some(found) = found.filter(|found| caller.covers(&found.siret_cfa)) {
            return Ok(found);
        }
    }
    let filter = Filter {
        environment: Some(caller.environment),
        sites: caller.sites(None),
        numero: Some(given.whole.to_owned()),
        ..Filter::default()
    };
    let found = dossiers::list(&mut tx, caller.tenant, &filter, FOUND_MAX).await?;
    let mut of_number = found
        .into_iter()
        .filter(|one| one.numero_interne.as_deref() == Some(given.whole));
    match (of_number.next(), of_number.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Refusal::unknown_dossier()),
        (Some(one), Some(other)) => {
            let text = format!(
                "Plusieurs OPCO ont un dossier de ce numéro : écrivez-le avec son préfixe, par \
                 exemple {} ou {}.",
                numero::prefixed(one.instance, given.whole),
                numero::prefixed(other.instance, given.whole),
            );
            Err(Refusal::unreadable(text))
        }
    }
}

/// Returns the OPCO of the one dossier that has a business number; nothing when none has it, or several.
pub(super) async fn opco_of(
    app: &App,
    caller: &Caller,
    numero: &str,
) -> Result<Option<Opco>, Refusal> {
    let numero = numero.trim();
    let filter = Filter {
        environment: Some(caller.environment),
        sites: caller.sites(None),
        numero: Some(numero.to_owned()),
        ..Filter::default()
    };
    let mut tx = app.store.reading().await?;
    let found = dossiers::list(&mut tx, caller.tenant, &filter, FOUND_MAX).await?;
    let mut of_number = found
        .iter()
        .filter(|one| one.numero_externe.as_deref() == Some(numero));
    Ok(match (of_number.next(), of_number.next()) {
        (Some(only), None) => Some(only.instance.opco),
        _ => None,
    })
}

/// Finds the dossier of a pairing key, which an OPCO may be asked by as well (protocol §5).
pub(super) async fn paired(
    app: &App,
    caller: &Caller,
    request: &HttpRequest,
) -> Result<Dossier, Refusal> {
    let ask = |name| match query::parameter(request, name) {
        Some(_) => query::required(request, name),
        None => Err(Refusal::unreadable(format!(
            "Le paramètre numeroInterne est obligatoire, ou {name} avec le reste de la clé de \
             rapprochement."
        ))),
    };
    let day = |name| {
        let text = ask(name)?;
        let day = text.get(..10).and_then(|day| day.parse::<Date>().ok());
        day.ok_or_else(|| Refusal::unreadable(format!("Le paramètre {name} n'est pas une date.")))
    };
    let (nom, prenom, siret) = (ask("nom")?, ask("prenom")?, ask("siret")?);
    let traits = Traits {
        nom: &nom,
        prenom: &prenom,
        date_naissance: day("dateNaissance")?,
        siret_employeur: &siret,
        date_debut_contrat: day("dateDebutContrat")?,
        nir: None,
    };
    let network = app.views.network(app, caller.tenant).await?;
    let text = matching::pairing_text(&traits);
    let print = network.keys.fingerprint(contract::PAIRING, &text);
    let mut tx = app.store.reading().await?;
    let world = caller.environment;
    let delivery = deliveries::active_by_pairing(&mut tx, caller.tenant, world, print).await?;
    let delivery = delivery.filter(|delivery| caller.covers(&delivery.siret_cfa));
    let delivery = delivery.ok_or_else(Refusal::unknown_dossier)?;
    let dossier = dossiers::find_by_delivery(&mut tx, &delivery).await?;
    dossier.ok_or_else(Refusal::unknown_dossier)
}
