//! What OPCOs said of somebody who is erased, kept with what stays for the accounts: it goes too.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::id::{ContractId, DeliveryId, TenantId};
use domain::matching::fold;
use store::{Dossier, StoreError, TenantKey, Tx, attempts, deliveries, invoices, privacy};

use crate::contract;

/// The shortest name that is looked for in words: a shorter one is in every sentence.
const NAME_CHARS_MIN: usize = 3;

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
            told_by.retain(|text| text.chars().count() >= NAME_CHARS_MIN);
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
        let spared = others && !self.is_told(&said(tx, tenant, delivery).await?);
        privacy::close_words(tx, tenant, delivery, now).await?;
        if !spared {
            privacy::erase_words(tx, tenant, delivery).await?;
        }
        Ok(())
    }

    fn is_told(&self, words: &[String]) -> bool {
        let Some(told_by) = &self.told_by else {
            return true;
        };
        let mut words = words.iter().map(|text| fold(text));
        words.any(|text| told_by.iter().any(|by| text.contains(by.as_str())))
    }
}

/// Returns the folded names of a contract's apprentice; nothing when it does not open.
async fn names(
    tx: &mut Tx,
    keys: &TenantKey,
    id: DeliveryId,
) -> Result<Option<Vec<String>>, StoreError> {
    let sealed = deliveries::payload(tx, keys.tenant(), id).await?;
    let open = sealed.and_then(|sealed| contract::open_sealed(keys, id, &sealed).ok());
    Ok(open.map(|open| {
        let apprenti = &open.dossier.cerfa.apprenti;
        let names = [&apprenti.nom, &apprenti.prenom];
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
        words.extend(fault.items.into_iter().map(|item| item.text));
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
            told_by: Some(vec![fold("Lefèvre"), fold("AKTO-0042")]),
            ..Gone::default()
        };
        for (words, told) in [
            ("Dossier de Mme LEFEVRE : pièce manquante", true),
            ("ligne 2 : akto 0042 inconnu", true),
            ("Dossier de M. Martin : pièce manquante", false),
        ] {
            assert_eq!(gone.is_told(&[words.to_owned()]), told, "{words}");
        }
        // Of somebody who cannot be named any more, every word may tell.
        assert!(Gone::default().is_told(&["x".to_owned()]));
    }
}
