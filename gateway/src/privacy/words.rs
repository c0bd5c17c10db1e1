//! What OPCOs said of somebody who is erased, kept with what stays for the accounts: it goes too.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::id::{ContractId, DeliveryId, TenantId};
use domain::matching::fold;
use store::{Dossier, StoreError, TenantKey, Tx, attempts, deliveries, invoices, privacy};

use crate::contract;

/// The shortest name that is looked for within words: a shorter one is in every sentence, and is looked for as
/// a word of its own.
const WITHIN_CHARS_MIN: usize = 3;

/// Whoever goes, as far as words may tell of them. No `Debug`: nothing prints it.
#[derive(Default)]
pub(super) struct Gone {
    contracts: BTreeSet<ContractId>,
    /// Names and numbers, folded; nothing when one of the contracts does not open.
    told_by: Option<Vec<String>>,
}

impl Gone {
    /// Gathers by what the contracts that go can be told, before they are destroyed.
    pub(super) async fn of(
        tx: &mut Tx,
        keys: &TenantKey,
        (contracts, dossiers): (&[DeliveryId], &[&Dossier]),
    ) -> Result<Self, StoreError> {
        let mut told_by = Some(Vec::new());
        for id in contracts {
            let names = names(tx, keys, *id).await?;
            told_by = told_by.zip(names).map(|(mut all, names)| {
                all.extend(names);
                all
            });
        }
        let numeros = dossiers.iter().flat_map(|dossier| {
            [
                &dossier.numero_interne,
                &dossier.numero_externe,
                &dossier.numero_deca,
            ]
        });
        if let Some(told_by) = &mut told_by {
            told_by.extend(numeros.flatten().map(|numero| fold(numero)));
            told_by.retain(|text| !text.is_empty());
        }
        let of_dossiers = dossiers.iter().map(|dossier| dossier.contract());
        let contracts = contracts.iter().copied().map(ContractId::from);
        Ok(Self {
            contracts: contracts.chain(of_dossiers).collect(),
            told_by,
        })
    }

    /// Destroys what an OPCO said of a delivery that stays, and sees that its words are not kept again. Of
    /// one that is about others too, what does not tell of whoever goes stays.
    pub(super) async fn forget(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let all = invoices::contracts(tx, tenant, delivery).await?;
        let others = all.iter().any(|one| !self.contracts.contains(one));
        // First: it waits for whoever keeps what the OPCO says, and what they kept is read then.
        privacy::close_words(tx, tenant, delivery, now).await?;
        let spared = others && !self.is_told(&said(tx, tenant, delivery).await?);
        if !spared {
            privacy::erase_words(tx, tenant, delivery).await?;
        }
        Ok(())
    }

    fn is_told(&self, words: &[String]) -> bool {
        let Some(told_by) = &self.told_by else {
            return true;
        };
        let is_short = |by: &&String| by.chars().count() < WITHIN_CHARS_MIN;
        let (short, long): (Vec<&String>, Vec<&String>) = told_by.iter().partition(is_short);
        words.iter().any(|text| {
            let folded = fold(text);
            let mut each = text.split(|c: char| !c.is_alphanumeric()).map(fold);
            long.iter().any(|by| folded.contains(by.as_str()))
                || each.any(|word| short.iter().any(|by| word == **by))
        })
    }
}

/// Returns the folded names and addresses of a contract's apprentice; nothing when it does not open.
async fn names(
    tx: &mut Tx,
    keys: &TenantKey,
    id: DeliveryId,
) -> Result<Option<Vec<String>>, StoreError> {
    let sealed = deliveries::payload(tx, keys.tenant(), id).await?;
    let open = sealed.and_then(|sealed| contract::open_sealed(keys, id, &sealed).ok());
    Ok(open.map(|open| {
        let apprenti = &open.dossier.cerfa.apprenti;
        let names = [
            &apprenti.nom,
            &apprenti.nom_usage,
            &apprenti.prenom,
            &apprenti.courriel,
        ];
        names.into_iter().flatten().map(|name| fold(name)).collect()
    }))
}

/// Returns everything an OPCO said of a delivery.
async fn said(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<String>, StoreError> {
    let mut words = Vec::new();
    let invoice = invoices::find(tx, tenant, delivery).await?;
    words.extend(invoice.and_then(|invoice| invoice.commentaire));
    let found = deliveries::find(tx, tenant, delivery).await?;
    let tried = attempts::of_delivery(tx, tenant, delivery).await?;
    let faults = found.and_then(|found| found.fault).into_iter();
    for fault in faults.chain(tried.into_iter().filter_map(|one| one.fault)) {
        let items = fault.items.into_iter();
        words.extend(items.flat_map(|item| item.code.into_iter().chain([item.text])));
        words.extend(fault.raw);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_goes_is_told_by_names_and_numbers_however_they_are_spelled() {
        let gone = Gone {
            told_by: Some(vec![fold("Lefèvre"), fold("AKTO-0042"), fold("Lý")]),
            ..Gone::default()
        };
        for (words, told) in [
            ("Dossier de Mme LEFEVRE : pièce manquante", true),
            ("ligne 2 : akto 0042 inconnu", true),
            ("Dossier de M. Martin : pièce manquante", false),
            // A short name is a word of its own: it is within many others.
            ("Dossier de M. LY, refusé", true),
            ("réf. ly-an/2026", true),
            ("Le lycée n'est pas celui du contrat", false),
        ] {
            assert_eq!(gone.is_told(&[words.to_owned()]), told, "{words}");
        }
        // Of somebody who cannot be named any more, every word may tell.
        assert!(Gone::default().is_told(&["x".to_owned()]));
    }
}
