//! What people read of an alert: what it is, how much, and about whom. Nothing personal.

use super::{Condition, Measure, Severity, Subject};
use crate::person::Language;

impl Severity {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Notice => language.of("information", "notice"),
            Self::Warning => language.of("avertissement", "warning"),
            Self::Critical => language.of("critique", "critical"),
        }
    }
}

impl Condition {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::KeyExpiry => language.of("Clé CFA en fin de validité", "CFA key near its end"),
            Self::SenderSilent => language.of("Site silencieux", "Silent site"),
            Self::OpcoSilent => language.of("OPCO silencieux", "Silent OPCO"),
            Self::RefusalDrift => language.of("Refus inhabituels", "Unusual refusals"),
            Self::LatencyDrift => language.of("OPCO plus lent", "Slower OPCO"),
            Self::Backlog => language.of("Envois en retard", "Late deliveries"),
            Self::BreakerOpen => language.of("OPCO en panne", "OPCO down"),
            Self::UnknownState => language.of("État inconnu", "Unknown state"),
            Self::UnknownField => language.of("Champs inconnus", "Unknown fields"),
        }
    }

    /// Says how much, in a few words.
    pub fn measured(self, measure: Measure, language: Language) -> String {
        let value = measure.value;
        match self {
            Self::KeyExpiry if value < 0 => language.of("expirée", "expired").to_owned(),
            Self::KeyExpiry if value == 0 => language.of("dernier jour", "last day").to_owned(),
            Self::KeyExpiry => match language {
                Language::Fr => {
                    format!("{value} j {}", language.form(value, "restant", "restants"))
                }
                Language::En => format!("{value} d left"),
            },
            Self::SenderSilent | Self::OpcoSilent => match language {
                Language::Fr => format!("plus rien depuis {}", hours(value, language)),
                Language::En => format!("nothing for {}", hours(value, language)),
            },
            Self::RefusalDrift | Self::LatencyDrift => {
                let (now, usual) = (percent(value), percent(measure.usual.unwrap_or_default()));
                match language {
                    Language::Fr => format!("{now} % au lieu de {usual} %"),
                    Language::En => format!("{now}% instead of {usual}%"),
                }
            }
            Self::Backlog | Self::BreakerOpen => match language {
                Language::Fr => format!("depuis {}", hours(value / 3_600, language)),
                Language::En => format!("for {}", hours(value / 3_600, language)),
            },
            Self::UnknownState => match language {
                Language::Fr => format!("{value} en 7 jours"),
                Language::En => format!("{value} in 7 days"),
            },
            Self::UnknownField => match language {
                Language::Fr if value == 1 => "1 nouveau en 14 jours".to_owned(),
                Language::Fr => format!("{value} nouveaux en 14 jours"),
                Language::En => format!("{value} new in 14 days"),
            },
        }
    }

    /// Says what to do.
    pub fn advice(self, language: Language) -> &'static str {
        match self {
            Self::KeyExpiry => language.of(
                "Renouvelez la clé sur l'extranet de l'OPCO, puis enregistrez-la.",
                "Renew the key on the OPCO's extranet, then record it.",
            ),
            Self::SenderSilent => language.of(
                "Demandez au site si son ERP envoie encore ; mettez l'alerte en silence s'il est fermé.",
                "Ask the site whether its ERP still sends; silence the alert if it is closed.",
            ),
            Self::OpcoSilent => language.of(
                "Regardez la santé de l'OPCO ; demandez-lui s'il instruit encore.",
                "Look at the OPCO's health; ask it whether it still examines dossiers.",
            ),
            Self::RefusalDrift => language.of(
                "Regardez « À corriger » : l'OPCO a changé une règle, ou un ERP une donnée.",
                "Look at “To fix”: the OPCO changed a rule, or an ERP a field.",
            ),
            Self::LatencyDrift => language.of(
                "Rien à faire tant que l'OPCO répond ; prévenez-le si cela dure.",
                "Nothing to do while the OPCO answers; tell it if it lasts.",
            ),
            Self::Backlog => language.of(
                "Regardez la santé de l'OPCO, puis les processus de la passerelle.",
                "Look at the OPCO's health, then at the gateway's processes.",
            ),
            Self::BreakerOpen => language.of(
                "Rien : la passerelle réessaie seule. Prévenez l'OPCO si cela dure.",
                "Nothing: the gateway tries again by itself. Tell the OPCO if it lasts.",
            ),
            Self::UnknownState => language.of(
                "Signalez l'état : il est gardé tel quel, et le dossier reste suivi.",
                "Report the state: it is kept as it is, and the dossier is still followed.",
            ),
            Self::UnknownField => language.of(
                "Lisez leurs noms dans « Santé des OPCO », puis les notes de l'OPCO : il a changé ses réponses.",
                "Read their names in “Health of the OPCOs”, then the OPCO's notes: it has changed its answers.",
            ),
        }
    }
}

impl Subject {
    /// Says what it is about; `site` is what people call the site.
    pub fn named(&self, site: Option<&str>) -> String {
        let mut parts = Vec::new();
        if let Some(instance) = self.instance {
            parts.push(instance.opco.name().to_owned());
            if instance.number > 1 {
                parts.push(format!("n° {}", instance.number));
            }
        }
        match (site, &self.site) {
            (Some(name), Some(siret)) if name != siret.as_str() => {
                parts.push(format!("{name} ({siret})"));
            }
            (_, Some(siret)) => parts.push(siret.to_string()),
            _ => {}
        }
        parts.extend(self.part.clone());
        parts.join(", ")
    }
}

/// A share in whole and tenths of a percent.
fn percent(thousandths: i64) -> String {
    match (thousandths / 10, thousandths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenths) => format!("{whole},{tenths}"),
    }
}

fn hours(hours: i64, language: Language) -> String {
    match hours {
        ..1 => language
            .of("moins d'une heure", "less than an hour")
            .to_owned(),
        1..48 => format!("{hours} h"),
        _ => format!("{} {}", hours / 24, language.of("jours", "days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opco::{Instance, Opco};

    #[test]
    fn a_person_reads_what_and_how_much() {
        let measure = Measure {
            level: 1,
            value: 233,
            usual: Some(50),
        };
        let said = |condition: Condition, language| condition.measured(measure, language);
        assert_eq!(
            said(Condition::RefusalDrift, Language::Fr),
            "23,3 % au lieu de 5 %"
        );
        assert_eq!(
            said(Condition::SenderSilent, Language::En),
            "nothing for 9 days"
        );
        assert_eq!(said(Condition::KeyExpiry, Language::Fr), "233 j restants");
        let system = Subject::system(Instance::first(Opco::Akto));
        assert_eq!(system.named(None), "AKTO");
        let site = Subject::site("73282932000074".parse().unwrap());
        assert_eq!(site.named(Some("CFA Nord")), "CFA Nord (73282932000074)");
    }
}
