//! Whether an invoice is right: every reason against it, at once (protocol §15). Cents only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::book::{Account, Book, Dossier, EtatFacture, LigneRetenue, Position, Reading, day_of};
use crate::etat::Etat;
use crate::nature::Nature;
use crate::schema::pieces;
use crate::settings::{Capability, OpcoSettings};
use crate::words::Reason;

/// A reason and the field it is about.
pub(super) type Against = (Reason, Option<String>);

/// An invoice found right.
pub(super) struct Judged {
    pub(super) lignes: Vec<LigneRetenue>,
    /// Whether its payment waits for nothing more.
    pub(super) certified: bool,
    pub(super) origine: Option<usize>,
    pub(super) netted: bool,
}

/// What is being judged, and by what.
struct Judge<'a> {
    book: &'a mut Book,
    draft: &'a pieces::Facture,
    key: &'a Arc<str>,
    settings: &'a OpcoSettings,
    at: Reading,
    against: Vec<Against>,
    dossiers: BTreeMap<u64, (Dossier, Option<Account>)>,
}

/// Judges an invoice.
pub(super) fn judge(
    book: &mut Book,
    draft: &pieces::Facture,
    key: &Arc<str>,
    settings: &OpcoSettings,
    at: Reading,
) -> Result<Judged, Vec<Against>> {
    let known = book.facture_by_reference(&draft.siret, &draft.numero);
    // A refused invoice may be sent again (protocol §10); any other one is known, whatever it says.
    if known.is_some_and(|(_, known)| known.etat(at.now_ms) != EtatFacture::Rejete) {
        return Err(vec![(Reason::DejaConnue, Some("numero".to_owned()))]);
    }
    let mut judge = Judge {
        book,
        draft,
        key,
        settings,
        at,
        against: Vec::new(),
        dossiers: BTreeMap::new(),
    };
    judge.head();
    let lignes = judge.lines();
    judge.extent(&lignes);
    judge.account_holder(&lignes);
    let (origine, netted) = if draft.avoir {
        judge.credit(&lignes)
    } else {
        judge.amounts(&lignes);
        (None, false)
    };
    let certified = judge.is_certified(&lignes);
    if judge.against.is_empty() {
        Ok(Judged {
            lignes,
            certified,
            origine,
            netted,
        })
    } else {
        Err(judge.against)
    }
}

fn line(rank: usize, name: &str) -> String {
    format!("lignes[{rank}].{name}")
}

/// Compares accounts as people write them.
fn is_same_account(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        text.chars()
            .filter(|letter| !letter.is_whitespace())
            .collect::<String>()
            .to_uppercase()
    };
    bare(one) == bare(other)
}

impl Judge<'_> {
    fn say(&mut self, reason: Reason, field: impl Into<String>) {
        let against = (reason, Some(field.into()));
        if !self.against.contains(&against) {
            self.against.push(against);
        }
    }

    fn head(&mut self) {
        if self.draft.iban.is_none() {
            self.say(Reason::IbanAbsent, "ibanEmetteur");
        }
        let sum: i64 = self.draft.lignes.iter().map(|l| i64::from(l.cents)).sum();
        if sum != i64::from(self.draft.total_cents) {
            self.say(Reason::TotalDifferent, "montantTotal");
        }
    }

    /// Finds the dossier and the échéance of each line.
    fn lines(&mut self) -> Vec<LigneRetenue> {
        let mut found = Vec::new();
        let draft = self.draft;
        for (rank, ligne) in draft.lignes.iter().enumerate() {
            if ligne.deca.is_none() {
                self.say(Reason::DecaAbsent, line(rank, "numeroDeca"));
            }
            let Some(externe) = &ligne.dossier else {
                self.say(Reason::NumeroExterneAbsent, line(rank, "numeroDossier"));
                continue;
            };
            let Some(dossier) = self.book.by_externe(self.key, externe, self.at) else {
                self.say(Reason::DossierInconnu, line(rank, "numeroDossier"));
                continue;
            };
            let numero = dossier.numero;
            let payable = matches!(dossier.etat, Etat::Engage | Etat::Rupture | Etat::Solde);
            let deca = dossier.deca(self.at.now_ms);
            let account = self.book.account(numero, self.at);
            let position = account
                .as_ref()
                .and_then(|account| account.position(ligne.echeance));
            let label =
                position.map(|position| position.echeance.codification(self.settings.codification));
            self.dossiers.insert(numero, (dossier, account));
            if !payable {
                self.say(Reason::NonEngage, line(rank, "numeroDossier"));
                continue;
            }
            if ligne.deca.is_some() && ligne.deca != deca {
                self.say(Reason::DecaDifferent, line(rank, "numeroDeca"));
            }
            match label {
                None => {
                    self.say(Reason::EcheanceInconnue, line(rank, "numeroEcheance"));
                    continue;
                }
                Some(label) if label != ligne.codification => {
                    self.say(Reason::EcheanceInconnue, line(rank, "codificationEcheance"));
                    continue;
                }
                Some(_) => {}
            }
            found.push(LigneRetenue {
                dossier: numero,
                echeance: ligne.echeance,
                nature: ligne.nature,
                cents: ligne.cents,
            });
        }
        found
    }

    /// Checks how many contracts and échéances the invoice is about.
    fn extent(&mut self, lignes: &[LigneRetenue]) {
        let mut places: Vec<(u64, u32)> = lignes.iter().map(|l| (l.dossier, l.echeance)).collect();
        places.sort_unstable();
        places.dedup();
        let mut dossiers: Vec<u64> = places.iter().map(|(dossier, _)| *dossier).collect();
        dossiers.dedup();
        if dossiers.len() > 1 && !self.settings.is_open(Capability::MultiContrats) {
            self.say(Reason::MultiContrats, "lignes");
        }
        if places.len() > dossiers.len() && !self.settings.is_open(Capability::MultiEcheances) {
            self.say(Reason::MultiEcheances, "lignes");
        }
    }

    /// Checks who is paid, and on which account.
    fn account_holder(&mut self, lignes: &[LigneRetenue]) {
        let expected = |ligne: &LigneRetenue| {
            let (dossier, _) = self.dossiers.get(&ligne.dossier)?;
            Some(dossier.filing.terms.siret_cfa.clone())
        };
        let sirets: Vec<String> = lignes.iter().filter_map(expected).collect();
        if sirets.iter().any(|siret| *siret != self.draft.siret) {
            let known = self.book.knows_siret(self.key, &self.draft.siret);
            let reason = if known {
                Reason::SiretDifferent
            } else {
                Reason::SiretInconnu
            };
            self.say(reason, "siretEmetteur");
        }
        let other = self.draft.iban.as_deref().filter(|_| !lignes.is_empty());
        let other = other.is_some_and(|iban| !is_same_account(iban, &self.settings.iban));
        if other && self.settings.strict_iban {
            self.say(Reason::IbanDifferent, "ibanEmetteur");
        }
    }

    /// Checks each échéance and each ancillary cost that an invoice asks for.
    fn amounts(&mut self, lignes: &[LigneRetenue]) {
        if let Some(rank) = self.draft.lignes.iter().position(|one| one.cents <= 0) {
            self.say(Reason::MontantInattendu, line(rank, "montant"));
        }
        let mut tuition: BTreeMap<(u64, u32), (i64, i64)> = BTreeMap::new();
        let mut annexes: BTreeMap<(u64, Nature), i64> = BTreeMap::new();
        for ligne in lignes {
            let place = (ligne.dossier, ligne.echeance);
            let cents = i64::from(ligne.cents);
            match ligne.nature {
                Nature::Pedagogie => tuition.entry(place).or_default().0 += cents,
                Nature::MajorationRqth => tuition.entry(place).or_default().1 += cents,
                nature => {
                    // Only whether it is open matters to ancillary costs.
                    tuition.entry(place).or_default();
                    *annexes.entry((ligne.dossier, nature)).or_default() += cents;
                }
            }
        }
        for ((dossier, echeance), asked) in tuition {
            let account = self.dossiers.get(&dossier).and_then(|(_, a)| a.as_ref());
            let position = account.and_then(|account| account.position(echeance));
            let reason = position.and_then(|position| self.against_line(position, asked));
            if let Some(reason) = reason {
                self.say(reason, format!("échéance {echeance}"));
            }
        }
        for ((dossier, nature), asked) in annexes {
            let account = self.dossiers.get(&dossier).and_then(|(_, a)| a.as_ref());
            let left = account.map_or(0, |account| {
                let billed = account.billed.get(&nature).copied().unwrap_or(0);
                i64::from(account.granted.cents(nature)) - i64::from(billed)
            });
            if asked > left {
                self.say(Reason::FraisAnnexes, nature.wire());
            }
        }
    }

    fn against_line(&self, position: &Position, asked: (i64, i64)) -> Option<Reason> {
        let today = day_of(self.at.now_ms);
        if position.echeance.ouverture > today {
            return Some(Reason::NonOuverte);
        }
        if asked == (0, 0) {
            return None;
        }
        if position.is_lost(today) {
            return Some(Reason::Forclose);
        }
        let left = position.left();
        let left = (i64::from(left.pedagogie), i64::from(left.rqth));
        let lower = asked.0 <= left.0 && asked.1 <= left.1;
        if asked == left || (self.settings.adjusted_amounts && lower) {
            None
        } else if asked.0 + asked.1 == left.0 + left.1 {
            // The sum is right and its parts are not.
            Some(Reason::MontantInattendu)
        } else {
            Some(Reason::MontantEcheance)
        }
    }

    /// Checks a credit note: its invoice, its lines, its amount.
    fn credit(&mut self, lignes: &[LigneRetenue]) -> (Option<usize>, bool) {
        let now_ms = self.at.now_ms;
        let reference = self.draft.origine.as_deref().unwrap_or_default();
        let found = self.book.facture_by_reference(&self.draft.siret, reference);
        let origine = found.filter(|(_, facture)| {
            let gone = matches!(
                facture.etat(now_ms),
                EtatFacture::Rejete | EtatFacture::Annule
            );
            facture.durable && facture.origine.is_none() && !gone
        });
        let Some((rank, facture)) = origine else {
            self.say(Reason::AvoirSansFacture, "numeroFactureOrigine");
            return (None, false);
        };
        let total: i64 = lignes.iter().map(|ligne| i64::from(ligne.cents)).sum();
        let before = i64::from(self.book.credited_cents(rank, now_ms));
        let invoiced = i64::from(facture.total_cents());
        let covered = lignes.iter().all(|ligne| {
            let same = |one: &&LigneRetenue| {
                (one.dossier, one.echeance, one.nature)
                    == (ligne.dossier, ligne.echeance, ligne.nature)
            };
            let most: i64 = facture
                .lignes
                .iter()
                .filter(same)
                .map(|one| i64::from(one.cents))
                .sum();
            ligne.cents < 0 && -i64::from(ligne.cents) <= most
        });
        let untouched = facture
            .lignes
            .iter()
            .all(|one| facture.paid_ms(one.nature, now_ms).is_none());
        if !covered || invoiced + before + total < 0 {
            self.say(Reason::AvoirExcessif, "montantTotal");
        }
        (Some(rank), untouched && invoiced + total == 0)
    }

    /// Returns whether every échéance after the first has its certificate, here or before.
    fn is_certified(&self, lignes: &[LigneRetenue]) -> bool {
        let proven = |ligne: &LigneRetenue| {
            ligne.echeance <= 1 || self.book.is_certified(ligne.dossier, ligne.echeance)
        };
        !self.settings.wants_certificate
            || self.draft.certificat
            || self.draft.avoir
            || lignes.iter().all(proven)
    }
}
