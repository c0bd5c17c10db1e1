//! What is said when nothing was changed of the hierarchy.

use domain::calendar::french;
use domain::{Siren, Siret};
use jiff::civil::Date;

use super::TreeError;
use crate::refusal::{Code, Refusal};

fn no_reference() -> Refusal {
    Refusal::invalid(
        "/reference",
        "Référence : il en faut une, de 200 caractères au plus, sur une ligne.",
        "Reference: one is needed, of at most 200 characters, on one line.",
    )
}

fn backwards() -> Refusal {
    Refusal::invalid(
        "/until",
        "Dernier jour : il vient avant le premier ; corrigez l'un des deux.",
        "Last day: it comes before the first; correct one of them.",
    )
}

fn not_signed() -> Refusal {
    Refusal::invalid(
        "/signed_on",
        "Signée le : ce jour est à venir. Un mandat couvre une fois signé (règle ELI-002) ; donnez le jour de \
         la signature, aujourd'hui au plus tard.",
        "Signed on: this day is to come. A mandate covers once it is signed (rule ELI-002); give the day it \
         was signed, today at the latest.",
    )
}

fn over(last: Date) -> Refusal {
    let fr = format!(
        "Ce mandat a déjà pris fin (dernier jour couvert : {}) : il n'y a rien à terminer.",
        french(last)
    );
    let en = format!("This mandate is over (last day covered: {last}): there is nothing to end.");
    Refusal::from(Code::Conflict).saying(fr, en).at("/on")
}

fn sooner(last: Date) -> Refusal {
    let fr = format!(
        "Fin : ce mandat finit déjà plus tôt (dernier jour couvert : {}) ; donnez un jour d'avant, ou \
         attestez-en un autre.",
        french(last)
    );
    let en = format!(
        "End: this mandate ends sooner already (last day covered: {last}); give an earlier day, or attest \
         another."
    );
    Refusal::invalid("/on", fr, en)
}

fn unsigned(day: Date) -> Refusal {
    let fr = format!(
        "Fin : ce jour vient avant la signature, le {} ; donnez ce jour-là au plus tôt, pour qu'il n'ait \
         rien couvert.",
        french(day)
    );
    let en = format!(
        "End: this day comes before the signing, on {day}; give that day at the earliest, so that it \
         covered nothing."
    );
    Refusal::invalid("/on", fr, en)
}

fn company_taken(name: &str) -> Refusal {
    Refusal::from(Code::Conflict)
        .saying(
            format!(
                "Le réseau a déjà un CFA de ce SIREN, « {name} » : ajoutez-lui un site s'il s'agit du \
                 même. Si l'entreprise a bien un second CFA, cochez « second CFA de cette entreprise »."
            ),
            format!(
                "The network has a training centre of this SIREN already, “{name}”: add a site to it \
                 if it is the same. If the company does have a second one, tick “second training \
                 centre of this company”."
            ),
        )
        .at("/siren")
}

fn siret_taken(siret: Siret) -> Refusal {
    Refusal::from(Code::Conflict)
        .saying(
            format!(
                "Le réseau a déjà un site avec ce SIRET ({siret}) : cherchez-le dans la liste ; s'il \
                 est fermé, rouvrez-le."
            ),
            format!(
                "The network has a site with this SIRET ({siret}) already: look for it in the list; \
                 if it is closed, open it again."
            ),
        )
        .at("/siret")
}

fn of_company(siren: Siren) -> Refusal {
    Refusal::from(Code::Conflict)
        .saying(
            format!(
                "Le SIRET du site dit qu'il est un établissement de l'entreprise {siren}, celle du \
                 CFA actuel : il ne peut pas passer à un CFA d'une autre entreprise. Si \
                 l'établissement a été repris, il a un nouveau SIRET : ajoutez-le comme un nouveau \
                 site, puis fermez celui-ci."
            ),
            format!(
                "The site's SIRET says that it is an establishment of the company {siren}, that of \
                 the present training centre: it cannot go to one of another company. If the \
                 establishment was taken over, it has a new SIRET: add it as a new site, then close \
                 this one."
            ),
        )
        .at("/to")
}

impl From<TreeError> for Refusal {
    fn from(error: TreeError) -> Self {
        let conflict = |fr: &str, en: &str| Self::from(Code::Conflict).saying(fr, en);
        match error {
            TreeError::Name => Self::invalid(
                "/name",
                "Nom : il en faut un, de 200 caractères au plus, sur une ligne.",
                "Name: one is needed, of at most 200 characters, on one line.",
            ),
            TreeError::Unknown => Code::NotFound.into(),
            TreeError::CfaTaken => conflict(
                "Le réseau a déjà un CFA de ce nom et de ce SIREN : donnez-lui un autre nom.",
                "The network has a training centre of this name and SIREN: give it another name.",
            )
            .at("/name"),
            TreeError::CompanyTaken(name) => company_taken(&name),
            TreeError::SiretTaken(siret) => siret_taken(siret),
            TreeError::There => conflict(
                "Le site est déjà dans ce CFA : choisissez-en un autre.",
                "The site is in this training centre already: choose another.",
            )
            .at("/to"),
            TreeError::Company(siren) => of_company(siren),
            TreeError::Closed => conflict(
                "Le site est déjà fermé : rechargez la page.",
                "The site is closed already: reload the page.",
            ),
            TreeError::Open => conflict(
                "Le site est déjà ouvert : rechargez la page.",
                "The site is open already: reload the page.",
            ),
            TreeError::Reference => no_reference(),
            TreeError::Backwards => backwards(),
            TreeError::NotSigned => not_signed(),
            TreeError::Over(last) => over(last),
            TreeError::Sooner(last) => sooner(last),
            TreeError::Unsigned(day) => unsigned(day),
            TreeError::Ceiling => Self::invalid(
                "/per_minute",
                "Plafond : un nombre entier de 1 à 1 000 000 ; laissez vide pour ne pas borner.",
                "Ceiling: a whole number from 1 to 1,000,000; leave it empty not to bound.",
            ),
            TreeError::Store(error) => error.into(),
        }
    }
}
