//! The numbers of an OPCO that a payload carries: a door that shows them under another form must find
//! every one.

use super::{Payload, TypeObjet};

/// What a number of an OPCO is the number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Numero {
    /// A contract, by its technical number.
    DossierInterne,
    /// A contract, by its business number.
    DossierExterne,
    /// An invoice.
    FactureInterne,
}

impl Payload {
    /// Returns every number of an OPCO that the payload carries, in its order, so that each may be
    /// read or replaced. Deposit numbers are the State's and are not among them.
    pub fn numeros_mut(&mut self) -> Vec<(Numero, &mut String)> {
        let mut found = Vec::new();
        let mut add = |what, place| {
            if let Some(text) = Option::as_mut(place) {
                found.push((what, text));
            }
        };
        match self {
            // A contract has its numbers from the OPCO and is never sent with them.
            Self::Dossier(_) => {}
            Self::Convention(convention) => {
                add(
                    Numero::DossierInterne,
                    &mut convention.numero_interne_dossier,
                );
            }
            Self::Facture(facture) => {
                for ligne in &mut facture.lignes {
                    add(Numero::DossierExterne, &mut ligne.numero_dossier);
                }
            }
            Self::Certificat(certificat) => {
                add(
                    Numero::DossierInterne,
                    &mut certificat.numero_interne_dossier,
                );
                add(
                    Numero::FactureInterne,
                    &mut certificat.numero_interne_facture,
                );
            }
            Self::Document(document) => {
                for objet in &mut document.objets {
                    let what = match objet.type_objet {
                        Some(TypeObjet::Facture) => Numero::FactureInterne,
                        Some(TypeObjet::DossierApprentissage) | None => Numero::DossierInterne,
                    };
                    add(what, &mut objet.id_objet);
                }
            }
            Self::Rupture(rupture) => {
                add(Numero::DossierInterne, &mut rupture.numero_interne_dossier);
                add(Numero::DossierExterne, &mut rupture.numero_externe_dossier);
            }
        }
        found
    }
}
