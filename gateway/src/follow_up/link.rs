//! Which contract a payload belongs to: the one the sender names, else the one whose number it
//! carries, else the one it describes.

use std::collections::BTreeSet;

use domain::matching::{self, Traits};
use domain::payload::{Facture, InfosFichier, Numero, Payload, TypeObjet};
use domain::rules::{self, Known};
use domain::{DeliveryId, Dossier, Instance, Kind, Opco, Siret};
use store::deliveries::{self, Delivery};
use store::dossiers::{self, Filter};
use store::pieces;
use store::{Fingerprint, NewEvent, SealError, StoreError, TenantKey};

use super::Whose;
use super::facts::{self, Facts};
use crate::app::App;
use crate::contract;

/// More dossiers than this under one number make no difference.
const FOUND_MAX: u32 = 2;

/// A contract and what is known of it. Empty when nothing is.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Its delivery.
    pub(crate) delivery: Option<Delivery>,
    /// What the OPCO made of it.
    pub(crate) dossier: Option<dossiers::Dossier>,
    /// The contract itself, unless it was destroyed.
    pub(crate) contrat: Option<Dossier>,
    /// The person it concerns.
    pub(crate) person: Option<Fingerprint>,
    /// What is known of its money and its certificates, for the kinds that are judged by them.
    pub(crate) facts: Option<Facts>,
    /// Whether anything was there to look by.
    looked: bool,
}

/// What looking for the contract came to.
#[derive(Debug)]
pub(crate) enum Linked {
    /// One contract, or none.
    To(Box<Link>),
    /// Contracts at several OPCOs have that number.
    Several(Vec<Opco>),
}

impl Link {
    /// Returns the system the contract is at, or goes to.
    pub(crate) fn target(&self) -> Option<Instance> {
        let at = self.dossier.as_ref().map(|dossier| dossier.instance);
        at.or_else(|| self.delivery.as_ref()?.target())
    }

    /// Returns the site that sent the contract.
    pub(crate) fn siret_cfa(&self) -> Option<Siret> {
        let delivery = self.delivery.as_ref().map(|delivery| delivery.siret_cfa);
        delivery.or_else(|| Some(self.dossier.as_ref()?.siret_cfa))
    }

    /// Returns whether any contract was found.
    pub(crate) fn is_found(&self) -> bool {
        self.delivery.is_some() || self.dossier.is_some()
    }

    /// Returns whether the contract ended without the OPCO ever having it.
    pub(crate) fn is_lost(&self) -> bool {
        let ended = |delivery: &Delivery| delivery.standing.status.is_final();
        self.dossier.is_none() && self.delivery.as_ref().is_some_and(ended)
    }

    /// Returns what the rules may know.
    pub(crate) fn known(&self) -> Known<'_> {
        let dossier = self.dossier.as_ref();
        let on_its_way = |delivery: &Delivery| !delivery.standing.status.is_final();
        let known = Known {
            found: self.looked.then(|| self.is_found()),
            on_its_way: dossier.is_none() && self.delivery.as_ref().is_some_and(on_its_way),
            numero_interne: dossier.and_then(|dossier| dossier.numero_interne.as_deref()),
            numero_externe: dossier.and_then(|dossier| dossier.numero_externe.as_deref()),
            numero_deca: dossier.and_then(|dossier| dossier.numero_deca.as_deref()),
            etat: dossier.and_then(|dossier| dossier.etat),
            contrat: self.contrat.as_ref(),
            ..Known::default()
        };
        match &self.facts {
            Some(facts) => facts.with(known),
            None => known,
        }
    }
}

/// Looks for the contract of a payload among those the sender may see.
pub(crate) async fn find(
    app: &App,
    sender: &Whose,
    payload: &mut Payload,
    named: Option<DeliveryId>,
    opco: Option<Opco>,
) -> Result<Linked, StoreError> {
    let keys = app.views.network(app, sender.tenant).await?;
    let mut link = Link::default();
    let mut tx = app.store.reading().await?;
    let judged_by_money = matches!(payload, Payload::Facture(_) | Payload::Certificat(_));
    if let Some(id) = named {
        link.looked = true;
        let found = deliveries::find(&mut tx, sender.tenant, id).await?;
        link.delivery = found.filter(|found| found.kind == Kind::Dossier && sees(sender, found));
    }
    let numbers = numbers(payload);
    if link.delivery.is_none() && named.is_none() && !numbers.is_empty() {
        link.looked = true;
        let found = by_number(&mut tx, sender, &numbers, opco).await?;
        let mut opcos: Vec<Opco> = found.iter().map(|one| one.instance.opco).collect();
        opcos.dedup();
        if opcos.len() > 1 {
            return Ok(Linked::Several(opcos));
        }
        link.dossier = found.into_iter().next();
    }
    if !link.is_found()
        && named.is_none()
        && let Some(print) = pairing(payload, &keys.keys)
    {
        link.looked = true;
        let found =
            deliveries::active_by_pairing(&mut tx, sender.tenant, sender.environment, print)
                .await?;
        link.delivery = found.filter(|found| sees(sender, found));
    }
    if let (false, None, Some(numero)) = (link.is_found(), named, facture(payload)) {
        link.looked = true;
        let found = Box::pin(of_invoice(&mut tx, sender, (opco, &numero), &mut link)).await?;
        if let Some(opcos) = found {
            return Ok(Linked::Several(opcos));
        }
    }
    fill(&mut tx, sender, &keys.keys, (&mut link, judged_by_money)).await?;
    drop(tx);
    if let (true, Some(delivery)) = (sender.compares, &link.delivery) {
        link.contrat = open(app, delivery, &keys.keys, "follow_up").await?;
    }
    Ok(Linked::To(Box::new(link)))
}

/// Finds the contract that an invoice bills, by the OPCO's number of the invoice; or the OPCOs, when
/// several have that number.
async fn of_invoice(
    tx: &mut store::Tx,
    sender: &Whose,
    (opco, numero): (Option<Opco>, &str),
    link: &mut Link,
) -> Result<Option<Vec<Opco>>, StoreError> {
    let (tenant, world) = (sender.tenant, sender.environment);
    let mut found = pieces::by_facture(tx, tenant, world, opco, numero).await?;
    found.retain(|invoice| sees(sender, invoice));
    let mut opcos: Vec<Opco> = found.iter().filter_map(|one| one.opco).collect();
    opcos.dedup();
    if opcos.len() > 1 {
        return Ok(Some(opcos));
    }
    let Some(invoice) = found.first() else {
        return Ok(None);
    };
    let contracts = store::invoices::contracts(tx, tenant, invoice.id).await?;
    let Some(first) = contracts.first() else {
        return Ok(None);
    };
    let dossier = dossiers::of_contract(tx, tenant, *first).await?;
    link.dossier = dossier.filter(|dossier| {
        let sites = sender.sites.as_ref();
        dossier.environment == world && sites.is_none_or(|sites| sites.contains(&dossier.siret_cfa))
    });
    Ok(None)
}

/// Adds what else is known of a contract once one side of it was found.
async fn fill(
    tx: &mut store::Tx,
    sender: &Whose,
    keys: &TenantKey,
    (link, judged_by_money): (&mut Link, bool),
) -> Result<(), StoreError> {
    match (&link.delivery, &link.dossier) {
        (Some(delivery), None) => {
            link.dossier = dossiers::find_by_delivery(tx, delivery).await?;
        }
        (None, Some(dossier)) => {
            if let Some(delivery) = dossier.delivery {
                link.delivery = deliveries::find(tx, sender.tenant, delivery).await?;
            }
        }
        _ => {}
    }
    if let Some(delivery) = &link.delivery {
        link.person = deliveries::person(tx, sender.tenant, delivery.id).await?;
    }
    if let (true, Some(dossier)) = (judged_by_money, &link.dossier) {
        let both = (dossier, link.delivery.as_ref());
        link.facts = Some(facts::of(tx, keys, both, sender.this).await?);
    }
    Ok(())
}

/// Looks for the other contracts of an invoice that bills several.
pub(super) async fn others(
    app: &App,
    sender: &Whose,
    facture: &Facture,
    first: &Link,
    opco: Option<Opco>,
) -> Result<Result<Vec<Link>, Vec<Opco>>, StoreError> {
    let keys = app.views.network(app, sender.tenant).await?;
    let mut found: Vec<Link> = Vec::new();
    let mut tx = app.store.reading().await?;
    let is = |link: &Link, numero: &str| {
        let dossier = link.dossier.as_ref();
        let externe = dossier.and_then(|dossier| dossier.numero_externe.as_deref());
        externe == Some(numero)
    };
    for numero in facture
        .lignes
        .iter()
        .filter_map(|l| l.numero_dossier.as_deref())
    {
        if is(first, numero) || found.iter().any(|link| is(link, numero)) {
            continue;
        }
        let at = first.target().map(|target| target.opco).or(opco);
        let same = by_number(&mut tx, sender, &[numero.to_owned()], at).await?;
        let mut opcos: Vec<Opco> = same.iter().map(|one| one.instance.opco).collect();
        opcos.dedup();
        if opcos.len() > 1 {
            return Ok(Err(opcos));
        }
        let Some(dossier) = same.into_iter().next() else {
            continue;
        };
        let mut link = Link {
            looked: true,
            dossier: Some(dossier),
            ..Link::default()
        };
        fill(&mut tx, sender, &keys.keys, (&mut link, true)).await?;
        found.push(link);
    }
    drop(tx);
    for link in &mut found {
        if let (true, Some(delivery)) = (sender.compares, &link.delivery) {
            link.contrat = open(app, delivery, &keys.keys, "follow_up").await?;
        }
    }
    Ok(Ok(found))
}

/// Looks for the other contracts that a document names, by their numbers or by that of an invoice that bills
/// them: whoever erases one of their people must know of them all, whatever sites the sender speaks for.
pub(super) async fn named_besides(
    app: &App,
    sender: &Whose,
    document: &InfosFichier,
    first: &Link,
    opco: Option<Opco>,
) -> Result<Vec<Link>, StoreError> {
    let whole = Whose {
        sites: None,
        ..sender.clone()
    };
    let at = first.target().map(|target| target.opco).or(opco);
    let mut found: Vec<Link> = Vec::new();
    let mut tx = app.store.reading().await?;
    for (of_invoice, numero) in named(document) {
        let dossiers = if of_invoice {
            billed(&mut tx, &whole, at, numero).await?
        } else {
            by_number(&mut tx, &whole, &[numero.to_owned()], at).await?
        };
        for dossier in dossiers {
            let is = |link: &Link| {
                let known = link.dossier.as_ref();
                known.is_some_and(|known| known.id == dossier.id)
            };
            if !is(first) && !found.iter().any(is) {
                found.push(Link {
                    dossier: Some(dossier),
                    ..Link::default()
                });
            }
        }
    }
    Ok(found)
}

/// Returns the numbers that a document names, and whether each is an invoice's; each once, however often it is
/// repeated: an invoice may bill hundreds of contracts.
fn named(document: &InfosFichier) -> BTreeSet<(bool, &str)> {
    let numeros = document.objets.iter().filter_map(|objet| {
        let numero = objet.id_objet.as_deref()?.trim();
        let of_invoice = objet.type_objet == Some(TypeObjet::Facture);
        (!numero.is_empty()).then_some((of_invoice, numero))
    });
    numeros.collect()
}

/// Returns the dossiers that the invoices of a number bill.
async fn billed(
    tx: &mut store::Tx,
    sender: &Whose,
    opco: Option<Opco>,
    numero: &str,
) -> Result<Vec<dossiers::Dossier>, StoreError> {
    let (tenant, world) = (sender.tenant, sender.environment);
    let mut found = Vec::new();
    for invoice in pieces::by_facture(tx, tenant, world, opco, numero).await? {
        for contract in store::invoices::contracts(tx, tenant, invoice.id).await? {
            found.extend(dossiers::of_contract(tx, tenant, contract).await?);
        }
    }
    Ok(found)
}

fn sees(sender: &Whose, delivery: &Delivery) -> bool {
    delivery.environment == sender.environment
        && sender
            .sites
            .as_ref()
            .is_none_or(|sites| sites.contains(&delivery.siret_cfa))
}

/// Returns the numbers by which the payload names its contract.
fn numbers(payload: &mut Payload) -> Vec<String> {
    let deca = match payload {
        Payload::Rupture(rupture) => rupture.numero_deca.clone(),
        Payload::Facture(facture) => facture.lignes.iter().find_map(|l| l.numero_deca.clone()),
        _ => None,
    };
    let of_dossiers = payload
        .numeros_mut()
        .into_iter()
        .filter(|(what, _)| matches!(what, Numero::DossierInterne | Numero::DossierExterne))
        .map(|(_, numero)| numero.clone());
    of_dossiers
        .chain(deca)
        .filter(|numero| !numero.is_empty())
        .collect()
}

/// Returns the number of the invoice that the payload goes with.
fn facture(payload: &mut Payload) -> Option<String> {
    let mut numeros = payload.numeros_mut().into_iter();
    let found = numeros.find(|(what, _)| *what == Numero::FactureInterne);
    found.map(|(_, numero)| numero.clone())
}

async fn by_number(
    tx: &mut store::Tx,
    sender: &Whose,
    numbers: &[String],
    opco: Option<Opco>,
) -> Result<Vec<dossiers::Dossier>, StoreError> {
    for numero in numbers {
        let filter = Filter {
            environment: Some(sender.environment),
            opco,
            sites: sender.sites.as_ref().map(|sites| sites.to_vec()),
            numero: Some(numero.clone()),
            ..Filter::default()
        };
        let found = dossiers::list(tx, sender.tenant, &filter, FOUND_MAX).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Returns the fingerprint of the pairing key a termination spells out.
fn pairing(payload: &Payload, keys: &TenantKey) -> Option<Fingerprint> {
    let Payload::Rupture(rupture) = payload else {
        return None;
    };
    let pairing = rupture.pairing()?;
    let traits = Traits {
        nom: &pairing.nom,
        prenom: &pairing.prenom,
        date_naissance: pairing.date_naissance,
        siret_employeur: pairing.siret_employeur.as_str(),
        date_debut_contrat: pairing.date_debut_contrat,
        nir: None,
    };
    Some(keys.fingerprint(contract::PAIRING, &matching::pairing_text(&traits)))
}

/// Opens the contract, which is itself on record, with why.
pub(super) async fn open(
    app: &App,
    delivery: &Delivery,
    keys: &TenantKey,
    why: &'static str,
) -> Result<Option<Dossier>, StoreError> {
    let mut tx = app.store.writing().await?;
    let Some(sealed) = deliveries::payload(&mut tx, delivery.tenant, delivery.id).await? else {
        return Ok(None);
    };
    let opened = NewEvent::new(app.clock.now(), "payload.opened")
        .delivery(delivery.id)
        .with(serde_json::json!({"why": why}));
    store::events::append(&mut tx, delivery.tenant, &[opened]);
    tx.commit().await?;
    match contract::open_sealed(keys, delivery.id, &sealed) {
        Ok(opened) => Ok(Some(opened.dossier)),
        Err(contract::OpenError::Seal(SealError::Shredded)) => Ok(None),
        Err(error) => {
            tracing::warn!(delivery.id = %delivery.id, error = %error, "a payload does not open");
            Ok(None)
        }
    }
}

/// Fills in the numbers that the OPCO has told since; what the sender gave stays.
pub(super) fn complete(payload: &mut Payload, link: &Link, also: &[Link]) {
    if let Payload::Facture(facture) = payload {
        let links = std::iter::once(link).chain(also);
        let known: Vec<Known<'_>> = links.filter(|l| l.is_found()).map(Link::known).collect();
        return rules::complete_facture(facture, &known);
    }
    let Some(dossier) = &link.dossier else { return };
    let fill = |place: &mut Option<String>, known: &Option<String>| {
        if place.as_deref().is_none_or(str::is_empty) {
            place.clone_from(known);
        }
    };
    match payload {
        Payload::Dossier(_) | Payload::Facture(_) => {}
        Payload::Convention(convention) => {
            fill(
                &mut convention.numero_interne_dossier,
                &dossier.numero_interne,
            );
        }
        Payload::Certificat(certificat) => {
            fill(
                &mut certificat.numero_interne_dossier,
                &dossier.numero_interne,
            );
        }
        Payload::Document(document) => {
            for objet in &mut document.objets {
                if objet.type_objet == Some(TypeObjet::DossierApprentissage) {
                    fill(&mut objet.id_objet, &dossier.numero_interne);
                }
            }
        }
        Payload::Rupture(rupture) => {
            fill(&mut rupture.numero_interne_dossier, &dossier.numero_interne);
            fill(&mut rupture.numero_externe_dossier, &dossier.numero_externe);
            fill(&mut rupture.numero_deca, &dossier.numero_deca);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_names_again_and_again_is_looked_for_once() {
        let objet = |what: &str, numero: &str| json!({ "typeObjet": what, "idObjet": numero });
        let mut objets = vec![objet("FACTURE", " F-1 "); 5_000];
        objets.extend([objet("DOSSIER_APPRENTISSAGE", "F-1"), objet("FACTURE", " ")]);
        let body = json!({ "objets": objets }).to_string();
        let read = Payload::read(Kind::Document, body.as_bytes()).unwrap();
        let Payload::Document(document) = read.payload else {
            panic!("a document");
        };
        assert_eq!(document.objets.len(), 5_002);
        let named: Vec<_> = named(&document).into_iter().collect();
        assert_eq!(named, [(false, "F-1"), (true, "F-1")]);
    }
}
