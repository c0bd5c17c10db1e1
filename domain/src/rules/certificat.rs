//! CRT: the structured certificate of completion.

use jiff::civil::Date;

use super::context::CertificatContext;
use super::payload::{row, warns};
use super::subject::{Found, On};
use super::{CertificatCheck, Check, Rule, required};
use crate::payload::{Certificat, TypeCertificat};

type Subject<'a> = On<'a, Certificat, CertificatContext<'a>>;

const FIN: &str = "/echeance/dateFin";

pub(super) static RULES: [Rule; 6] = [
    required::CERTIFICAT,
    row(
        "CRT-001",
        "public:OV",
        "/typeCertificat",
        "Type de certificat inconnu.",
        "Le CFA choisit Intermediaire, ou Final pour le dernier certificat du contrat.",
        Check::Reading,
    ),
    row(
        "CRT-002",
        "public:OV, assumed",
        "/echeance",
        "Période de réalisation incohérente.",
        "Le CFA vérifie l'échéance, la période (finie à ce jour) et le nombre d'heures.",
        Check::Certificat(CertificatCheck(period)),
    ),
    row(
        "CRT-003",
        "public:OV, assumed",
        "/attestationConservationPieces",
        "Attestation de conservation des pièces manquante.",
        "Le CFA atteste qu'il conserve les pièces qui prouvent la réalisation.",
        Check::Certificat(CertificatCheck(kept)),
    ),
    warns(row(
        "CRT-004",
        "assumed",
        "/echeance/duree",
        "Heures réalisées supérieures à la durée prévue.",
        "Le CFA vérifie les heures de tous les certificats de ce contrat.",
        Check::Certificat(CertificatCheck(hours)),
    )),
    warns(row(
        "CRT-005",
        "assumed",
        FIN,
        "Le certificat final ne couvre pas la fin de la formation.",
        "Le CFA vérifie la période : le dernier certificat suit le précédent et va jusqu'à la fin de la \
         formation.",
        Check::Certificat(CertificatCheck(whole)),
    )),
];

fn period(on: &Subject<'_>, found: &mut Found<'_>) {
    let echeance = &on.payload.echeance;
    if let (Some(numero), Some(schedule)) = (echeance.numero, on.context.dossier.echeancier)
        && schedule.find(numero).is_none()
    {
        found.at("/echeance/numero", numero);
    }
    let (start, end) = days(on);
    if let Some(end) = end
        && (start.is_some_and(|start| start > end) || end > on.context.today)
    {
        found.at(FIN, end);
    }
    if let Some(hours) = echeance.duree.filter(|duree| duree.hundredths < 0) {
        found.at("/echeance/duree", hours.hundredths / 100);
    }
}

fn days(on: &Subject<'_>) -> (Option<Date>, Option<Date>) {
    let echeance = &on.payload.echeance;
    let date = |jour: Option<crate::form::Jour>| jour.map(|jour| jour.date);
    (date(echeance.date_debut), date(echeance.date_fin))
}

fn kept(on: &Subject<'_>, found: &mut Found<'_>) {
    match on.payload.attestation_conservation_pieces {
        Some(true) => {}
        Some(false) => found.broken(false),
        None => found.bare("/attestationConservationPieces"),
    }
}

fn hours(on: &Subject<'_>, found: &mut Found<'_>) {
    let planned = on
        .context
        .dossier
        .contrat
        .and_then(|contrat| contrat.cerfa.formation.duree_formation);
    let done = on.payload.echeance.duree.map(|duree| {
        duree
            .hundredths
            .saturating_add(on.context.dossier.certified_hours)
    });
    if let (Some(planned), Some(done)) = (planned, done)
        && done > planned.saturating_mul(100)
    {
        found.broken(format_args!("{} h sur {planned} h", done / 100));
    }
}

fn whole(on: &Subject<'_>, found: &mut Found<'_>) {
    if on.payload.type_certificat != Some(TypeCertificat::Final) {
        return;
    }
    let known = &on.context.dossier;
    let planned = known
        .date_rupture
        .or_else(|| known.contrat?.cerfa.formation.date_fin_formation);
    let (start, end) = days(on);
    if let (Some(end), Some(planned)) = (end, planned)
        && end < planned
    {
        found.broken(end);
    }
    if let (Some(start), Some(before)) = (start, known.certified_until)
        && before.tomorrow().is_ok_and(|next| start > next)
    {
        found.at("/echeance/dateDebut", start);
    }
}
