//! What a person of the dashboard does to the hierarchy: the same words in its forms and in documents.

use std::fmt;

use domain::Siren;
use domain::Siret;
use domain::calendar::day_in_france;
use domain::id::{CfaId, MandateId, SiteId, TenantId};
use domain::identifiers::{IdentifierError, Uai};
use domain::siret::SiretError;
use jiff::civil::Date;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use store::Tx;
use utoipa::ToSchema;

use super::mandates::{Attested, attest, end, of_site};
use super::{Bound, NewCfa, NewSite, TreeError};
use crate::desk::Desk;
use crate::hand::{self, Hand};
use crate::refusal::{Refusal, both};
use crate::tree;
use crate::viewer::Viewer;

/// An act upon the hierarchy of a network.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum TreeAct {
    /// Makes a training centre.
    AddCfa {
        name: String,
        #[schema(example = "987654324")]
        siren: String,
        /// `true` where the network has a training centre of this company already, and this is another.
        #[serde(default)]
        #[schema(value_type = bool)]
        second: Ticked,
    },
    /// Gives a training centre another name.
    RenameCfa {
        #[schema(value_type = String, format = Uuid)]
        cfa: CfaId,
        name: String,
    },
    /// Makes a site.
    AddSite {
        #[schema(value_type = String, format = Uuid)]
        cfa: CfaId,
        name: String,
        #[schema(example = "98765432400019")]
        siret: String,
        /// Its number at the Ministry of Education, if it has one.
        #[schema(example = "0939999N")]
        uai: Option<String>,
    },
    /// Gives a site another name and UAI; without a UAI it has none.
    ChangeSite {
        #[schema(value_type = String, format = Uuid)]
        site: SiteId,
        name: String,
        uai: Option<String>,
    },
    /// Moves a site to another training centre.
    MoveSite {
        #[schema(value_type = String, format = Uuid)]
        site: SiteId,
        #[schema(value_type = String, format = Uuid)]
        to: CfaId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Closes a site: it takes no new contract in; what was accepted goes on to its end.
    CloseSite {
        #[schema(value_type = String, format = Uuid)]
        site: SiteId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Opens a closed site again.
    ReopenSite {
        #[schema(value_type = String, format = Uuid)]
        site: SiteId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Puts on record that a site has the management mandates of its employers between two days.
    AttestMandate(Attest),
    /// Ends a mandate of a site: from a day on it covers nothing; what was handed in before goes its way.
    EndMandate(EndMandate),
    /// Bounds how many payloads may be handed in; what is absent is not bounded.
    Bound {
        /// The site; the whole network when absent.
        #[schema(value_type = Option<String>, format = Uuid)]
        site: Option<SiteId>,
        #[schema(value_type = Option<u32>)]
        per_minute: Option<Figure>,
        /// In a day of France.
        #[schema(value_type = Option<u32>)]
        per_day: Option<Figure>,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
}

/// The mandates of a site's employers, attested once between two days.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attest {
    #[schema(value_type = String, format = Uuid)]
    pub(crate) site: SiteId,
    #[schema(example = "A-2026-01")]
    reference: String,
    #[schema(value_type = String, format = Date)]
    signed_on: Date,
    /// The first day; today when absent.
    #[schema(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; no end when absent.
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<Date>,
}

impl From<Attest> for Attested {
    fn from(attest: Attest) -> Self {
        Self {
            reference: attest.reference,
            signed_on: attest.signed_on,
            from: attest.from,
            until: attest.until,
        }
    }
}

/// The end of a mandate of a site.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndMandate {
    #[schema(value_type = String, format = Uuid)]
    pub(crate) site: SiteId,
    #[schema(value_type = String, format = Uuid)]
    mandate: MandateId,
    /// The first day it covers nothing; today when absent.
    #[schema(value_type = Option<String>, format = Date)]
    on: Option<Date>,
    /// Why, for the log.
    #[serde(default)]
    reason: String,
}

/// A number, as a document writes it or as a form does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure(u32);

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Figure;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Figure, E> {
                // What is too large for it is too large for any ceiling, and refused as such.
                Ok(Figure(u32::try_from(number).unwrap_or(u32::MAX)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Figure, E> {
                let read = text.trim().parse().map(Figure);
                read.map_err(|_| E::custom("expected a whole number"))
            }
        }
        from.deserialize_any(Either)
    }
}

/// Yes or no, as a document writes it or as a form does: a box that is not ticked is not sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticked(bool);

impl<'de> Deserialize<'de> for Ticked {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Ticked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or `false`")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Ticked, E> {
                Ok(Ticked(yes))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ticked, E> {
                let read = text.parse().map(Ticked);
                read.map_err(|_| E::custom("expected `true` or `false`"))
            }
        }
        from.deserialize_any(Either)
    }
}

/// Does one act; returns the site it was about.
pub(crate) async fn done(
    desk: &Desk,
    viewer: &Viewer,
    act: TreeAct,
) -> Result<Option<SiteId>, Refusal> {
    let tenant = viewer.tenant();
    let plain = Hand::of(desk, viewer);
    let because = |reason: &str| Hand::because(desk, viewer, reason);
    let mut tx = desk.store.writing().await?;
    let about = match act {
        TreeAct::AddCfa {
            name,
            siren,
            second,
        } => {
            let new = new_cfa(&name, &siren, second)?;
            tree::add_cfa(&mut tx, tenant, new, &plain).await?;
            None
        }
        TreeAct::RenameCfa { cfa, name } => {
            tree::rename_cfa(&mut tx, (tenant, cfa), &name, &plain).await?;
            None
        }
        TreeAct::AddSite {
            cfa,
            name,
            siret,
            uai,
        } => {
            let new = new_site(cfa, (&name, &siret, uai.as_deref()))?;
            Some(tree::add_site(&mut tx, tenant, new, &plain).await?.id)
        }
        TreeAct::ChangeSite { site, name, uai } => {
            let (name, uai) = both(name_of(&name), uai_of(uai.as_deref()))?;
            tree::change_site(&mut tx, (tenant, site), (&name, uai), &plain).await?;
            Some(site)
        }
        TreeAct::MoveSite { site, to, reason } => {
            tree::move_site(&mut tx, (tenant, site), to, &because(&reason)?).await?;
            Some(site)
        }
        TreeAct::CloseSite { site, reason } => {
            tree::close_site(&mut tx, (tenant, site), &because(&reason)?).await?;
            Some(site)
        }
        TreeAct::ReopenSite { site, reason } => {
            tree::reopen_site(&mut tx, (tenant, site), &because(&reason)?).await?;
            Some(site)
        }
        TreeAct::AttestMandate(given) => {
            let site = given.site;
            let given = checked(given, day_in_france(plain.now))?;
            attest(&mut tx, (tenant, site), given, &plain).await?;
            Some(site)
        }
        TreeAct::EndMandate(given) => {
            Some(ended(&mut tx, tenant, &given, &because(&given.reason)?).await?)
        }
        TreeAct::Bound {
            site,
            per_minute,
            per_day,
            reason,
        } => {
            let (bound, hand) = both(bound_of(per_minute, per_day), because(&reason))?;
            tree::bound(&mut tx, (tenant, site), bound, &hand).await?;
            site
        }
    };
    tx.commit().await?;
    Ok(about)
}

/// Ends a mandate of a site, if it is one of that site's.
async fn ended(
    tx: &mut Tx,
    tenant: TenantId,
    given: &EndMandate,
    hand: &Hand,
) -> Result<SiteId, TreeError> {
    let siret = tree::site_of(tx, tenant, given.site).await?.siret;
    let all = of_site(tx, tenant, &siret).await?;
    let named = all.into_iter().find(|one| one.id == given.mandate);
    end(tx, named.ok_or(TreeError::Unknown)?, given.on, hand).await?;
    Ok(given.site)
}

fn new_cfa(name: &str, siren: &str, Ticked(second): Ticked) -> Result<NewCfa, Refusal> {
    let (siren, name) = both(siren_of(siren), name_of(name))?;
    Ok(NewCfa {
        name,
        siren,
        second,
    })
}

fn new_site(
    cfa: CfaId,
    (name, siret, uai): (&str, &str, Option<&str>),
) -> Result<NewSite, Refusal> {
    let named = both(name_of(name), siret_of(siret));
    let ((name, siret), uai) = both(named, uai_of(uai))?;
    Ok(NewSite {
        cfa,
        siret,
        uai,
        name,
    })
}

fn checked(given: Attest, today: Date) -> Result<Attested, Refusal> {
    let given = Attested::from(given);
    let signed = both(given.reference(), given.signed(today));
    both(signed, given.first_day(today))?;
    Ok(given)
}

fn bound_of(per_minute: Option<Figure>, per_day: Option<Figure>) -> Result<Bound, Refusal> {
    let (per_minute, per_day) = both(most(per_minute, "/per_minute"), most(per_day, "/per_day"))?;
    Ok(Bound {
        per_minute,
        per_day,
    })
}

/// People write numbers in groups.
pub(crate) fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn name_of(text: &str) -> Result<String, TreeError> {
    hand::name(text).ok_or(TreeError::Name)
}

fn most(given: Option<Figure>, pointer: &'static str) -> Result<Option<u32>, Refusal> {
    let most = given.map(|Figure(most)| most);
    tree::ceiling(most).map_err(|error| Refusal::from(error).at(pointer))?;
    Ok(most)
}

fn siren_of(text: &str) -> Result<Siren, Refusal> {
    compact(text).parse().map_err(|error| match error {
        SiretError::Form { .. } => Refusal::invalid(
            "/siren",
            "SIREN : il faut 9 chiffres ; ce sont les neuf premiers du SIRET, sur l'avis de situation \
             de l'INSEE.",
            "SIREN: 9 digits are needed; they are the first nine of the SIRET, on the INSEE notice.",
        ),
        SiretError::CheckDigit => Refusal::invalid(
            "/siren",
            "SIREN : la clé de contrôle est fausse ; un chiffre a été mal recopié, vérifiez-le sur l'avis \
             de situation de l'INSEE.",
            "SIREN: the check digit is wrong; a digit was copied badly, check it on the INSEE notice.",
        ),
    })
}

fn siret_of(text: &str) -> Result<Siret, Refusal> {
    compact(text).parse().map_err(|error| match error {
        SiretError::Form { .. } => Refusal::invalid(
            "/siret",
            "SIRET : il faut 14 chiffres ; recopiez-le de l'avis de situation de l'INSEE.",
            "SIRET: 14 digits are needed; copy it from the INSEE notice.",
        ),
        SiretError::CheckDigit => Refusal::invalid(
            "/siret",
            "SIRET : la clé de contrôle est fausse ; un chiffre a été mal recopié, vérifiez-le sur l'avis \
             de situation de l'INSEE.",
            "SIRET: the check digit is wrong; a digit was copied badly, check it on the INSEE notice.",
        ),
    })
}

fn uai_of(text: Option<&str>) -> Result<Option<Uai>, Refusal> {
    let text = compact(text.unwrap_or_default()).to_uppercase();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| match error {
        IdentifierError::Form { .. } => Refusal::invalid(
            "/uai",
            "UAI : il faut 7 chiffres et une lettre ; laissez vide si le site n'en a pas.",
            "UAI: 7 digits and a letter are needed; leave it empty if the site has none.",
        ),
        IdentifierError::CheckDigit => Refusal::invalid(
            "/uai",
            "UAI : la lettre ne va pas avec les chiffres ; recopiez-le de l'annuaire de l'Éducation \
             nationale.",
            "UAI: the letter does not go with the digits; copy it from the directory of the Ministry of \
             Education.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use domain::person::Language;

    use super::*;

    #[test]
    fn a_number_is_read_from_a_form_and_from_a_document() {
        let form: TreeAct = serde_urlencoded::from_str("act=bound&per_minute=60&reason=r").unwrap();
        let TreeAct::Bound {
            per_minute,
            per_day,
            site,
            ..
        } = form
        else {
            panic!("{form:?}");
        };
        assert_eq!(per_minute.map(|Figure(most)| most), Some(60));
        assert!(per_day.is_none() && site.is_none());
        let document = r#"{"act": "bound", "per_day": 5000000000}"#;
        let TreeAct::Bound { per_day, .. } = serde_json::from_str(document).unwrap() else {
            panic!("another act");
        };
        assert_eq!(per_day.map(|Figure(most)| most), Some(u32::MAX));
        assert!(serde_urlencoded::from_str::<TreeAct>("act=bound&per_day=beaucoup").is_err());
    }

    #[test]
    fn what_is_wrong_with_an_identifier_is_named_with_what_to_do() {
        for (refusal, field) in [
            (siren_of("12").unwrap_err(), "SIREN"),
            (siren_of("123456789").unwrap_err(), "SIREN"),
            (siret_of("12345678200011").unwrap_err(), "SIRET"),
            (siret_of("1234").unwrap_err(), "SIRET"),
            (uai_of(Some("0939999A")).unwrap_err(), "UAI"),
            (uai_of(Some("x")).unwrap_err(), "UAI"),
        ] {
            for language in [Language::Fr, Language::En] {
                let said = refusal.detail(language);
                assert!(said.starts_with(field) && said.contains(';'), "{said}");
            }
        }
        assert_eq!(
            siret_of("987 654 324 00019").unwrap().as_str(),
            "98765432400019"
        );
        assert_eq!(
            uai_of(Some(" 0939999n ")).unwrap().unwrap().as_str(),
            "0939999N"
        );
        assert!(uai_of(Some("")).unwrap().is_none());
    }
}
