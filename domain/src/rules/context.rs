//! What the rules of a payload need besides it: plain facts, looked up by whoever asks.
//!
//! A fact that nobody looked up is absent, and the rules that need it are silent, but for the
//! schedule: without one, an invoice waits for it.

use jiff::civil::Date;

use crate::clock::Timestamp;
use crate::dossier::Dossier;
use crate::echeancier::{Echeance, Echeancier};
use crate::etat::Etat;
use crate::payload::NatureLigne;
use crate::siret::Siret;

/// What is known of the dossier a payload speaks of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Whether it was found among those of the site; absent when nobody looked.
    pub found: Option<bool>,
    /// Our contract is on its way: its numbers will come.
    pub on_its_way: bool,
    /// The OPCO's technical number.
    pub numero_interne: Option<&'a str>,
    /// The OPCO's business number.
    pub numero_externe: Option<&'a str>,
    /// The deposit number.
    pub numero_deca: Option<&'a str>,
    /// The state last read.
    pub etat: Option<Etat>,
    /// The contract, as sent or as the OPCO shows it.
    pub contrat: Option<&'a Dossier>,
    /// The last day after a termination.
    pub date_rupture: Option<Date>,
    /// The schedule last read.
    pub echeancier: Option<&'a Echeancier>,
    /// When it was read.
    pub echeancier_read_at: Option<Timestamp>,
    /// Only a later reading counts: a termination, or a refusal that speaks of amounts, came then.
    pub read_again_after: Option<Timestamp>,
    /// What invoices of ours bill of each échéance, tuition and supplement, in cents, that the
    /// schedule cannot show yet: on their way, or sent after it was read.
    pub in_flight: &'a [(i64, i64)],
    /// What invoices of ours that still count have billed of ancillary costs, in cents.
    pub annexes_billed: &'a [(NatureLigne, i64)],
    /// The échéances for which a certificate was sent.
    pub certified: &'a [i64],
    /// The hours of all certificates sent, in hundredths.
    pub certified_hours: i64,
    /// The last day that a certificate sent covers.
    pub certified_until: Option<Date>,
    /// A copy of the employer's own invoice was sent.
    pub employer_invoice_sent: bool,
}

impl Known<'_> {
    /// Returns what is left to bill of an échéance, in cents, once what is on its way is taken off.
    pub(super) fn left_cents(&self, echeance: &Echeance) -> i64 {
        let of_line = |(numero, _): &&(i64, i64)| Some(*numero) == echeance.numero;
        let on_their_way = self.in_flight.iter().filter(of_line);
        on_their_way.fold(echeance.left_cents(), |left, (_, cents)| {
            left.saturating_sub(*cents)
        })
    }

    /// Returns the day of conclusion, by which effective dates are read.
    pub(super) fn concluded(&self) -> Option<Date> {
        let contrat = &self.contrat?.cerfa.contrat;
        contrat.date_conclusion.or(contrat.date_debut_contrat)
    }

    /// Returns the last day, the early one after a termination.
    pub(super) fn end(&self) -> Option<Date> {
        self.date_rupture
            .or_else(|| self.contrat?.cerfa.contrat.date_fin_contrat)
    }
}

/// What a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// PDF.
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Anything else.
    Other,
}

/// What is known of the file that goes with a payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileFacts {
    /// Nobody looked.
    #[default]
    NotLooked,
    /// There is none.
    Absent,
    /// There is one.
    Given {
        /// What it is, by its content.
        kind: FileKind,
        /// How large.
        bytes: u64,
        /// Whole, and not under a password.
        readable: bool,
    },
}

/// What a training agreement is judged with.
#[derive(Debug, Clone, Copy)]
pub struct ConventionContext<'a> {
    /// Its dossier.
    pub dossier: Known<'a>,
    /// Its file.
    pub file: FileFacts,
}

/// What an OPCO allows on an invoice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four capabilities that have nothing to do with one another"
)]
pub struct BillingProfile {
    /// Several échéances on one invoice.
    pub multi_echeances: bool,
    /// Several contracts on one invoice.
    pub multi_contrats: bool,
    /// Credit notes.
    pub avoir: bool,
    /// It pays the first échéance without an invoice.
    pub auto_echeance_1: bool,
}

/// The invoice that a credit note corrects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody looked.
    #[default]
    NotLooked,
    /// No invoice of that number was sent for the site.
    Unknown,
    /// It was sent.
    Known {
        /// Its total in cents.
        total_cents: i64,
        /// What earlier credit notes have taken back, in cents, as a positive number.
        credited_cents: i64,
    },
}

/// What an invoice is judged with.
#[derive(Debug, Clone, Copy)]
pub struct FactureContext<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// Every dossier its lines name, found by the business number.
    pub dossiers: &'a [Known<'a>],
    /// What the OPCO allows.
    pub profile: BillingProfile,
    /// The establishments that have a key at the OPCO; absent when nobody looked.
    pub emitters: Option<&'a [Siret]>,
    /// The delivery that already carries this number of this emitter, unless it was refused.
    pub already_sent: Option<&'a str>,
    /// Sent as adjusted, with this reason.
    pub adjusted: Option<&'a str>,
    /// The invoice it corrects, for a credit note.
    pub origin: Origin,
    /// Its file.
    pub file: FileFacts,
}

/// What a certificate is judged with.
#[derive(Debug, Clone, Copy)]
pub struct CertificatContext<'a> {
    /// The present day, in France.
    pub today: Date,
    /// Its dossier.
    pub dossier: Known<'a>,
}

/// What a document is judged with.
#[derive(Debug, Clone, Copy, Default)]
pub struct DocumentContext {
    /// The contract or the invoice it belongs to is on its way: its number will come.
    pub on_its_way: bool,
    /// Its file.
    pub file: FileFacts,
}

/// What a termination is judged with.
#[derive(Debug, Clone, Copy)]
pub struct RuptureContext<'a> {
    /// The present day, in France.
    pub today: Date,
    /// Its dossier.
    pub dossier: Known<'a>,
}

/// The contract that an amendment changes.
#[derive(Debug, Clone, Copy, Default)]
pub enum Initial<'a> {
    /// Nobody looked.
    #[default]
    NotLooked,
    /// No contract of the site has that number.
    Unknown,
    /// It is known.
    Known {
        /// Its deposit number.
        numero_deca: Option<&'a str>,
        /// Its payload.
        contrat: Option<&'a Dossier>,
    },
}

/// What an amendment is judged with, besides the rules of any contract.
#[derive(Debug, Clone, Copy, Default)]
pub struct AmendmentContext<'a> {
    /// The contract it changes.
    pub initial: Initial<'a>,
}
