//! Arguments with a meaning: closed lists, numbers with a check digit, days. What is wrong is said in French.

use domain::calendar::{french, local_in_france};
use domain::{Siren, Siret, Timestamp};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Days given on the command line are days in France.
const ZONE: &str = "Europe/Paris";

/// Reads one word of a closed list of the domain; a refusal shows the list.
macro_rules! one_of {
    ($words:ty) => {
        $crate::commands::words::one_of!($words, as_str)
    };
    ($words:ty, $name:ident) => {{
        use clap::builder::TypedValueParser as _;
        clap::builder::PossibleValuesParser::new(<$words>::ALL.iter().map(|word| word.$name()))
            .try_map(|text| text.parse::<$words>())
    }};
}
pub(crate) use one_of;

/// Reads a SIRET.
pub(crate) fn siret(text: &str) -> Result<Siret, String> {
    compact(text).parse().map_err(|error| match error {
        domain::siret::SiretError::Form { .. } => "il faut 14 chiffres".to_owned(),
        domain::siret::SiretError::CheckDigit => "la clé de contrôle est fausse".to_owned(),
    })
}

/// Reads a SIREN.
pub(crate) fn siren(text: &str) -> Result<Siren, String> {
    compact(text).parse().map_err(|error| match error {
        domain::siret::SiretError::Form { .. } => "il faut 9 chiffres".to_owned(),
        domain::siret::SiretError::CheckDigit => "la clé de contrôle est fausse".to_owned(),
    })
}

/// Reads a day.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| "il faut une date AAAA-MM-JJ".to_owned())
}

/// Reads an hour.
pub(crate) fn hour(text: &str) -> Result<DateTime, String> {
    text.parse()
        .map_err(|_| "il faut une date et une heure AAAA-MM-JJTHH:MM".to_owned())
}

/// The longest name of a network, a training centre, a site, a credential or an author.
const NAME_CHARS_MAX: usize = 200;

/// Reads a name that people give: it ends up in tables, in the log and on a terminal.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("il faut un nom".to_owned());
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(format!("il faut {NAME_CHARS_MAX} caractères au plus"));
    }
    if name.chars().any(char::is_control) {
        return Err("il ne faut pas de caractère de contrôle".to_owned());
    }
    Ok(name.to_owned())
}

/// Reads who acts; an account without a name is the administrator.
pub(crate) fn author(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok("administrateur".to_owned());
    }
    name(text)
}

/// Returns the first instant of a day in France.
pub(crate) fn begins(day: Date) -> Result<Timestamp, jiff::Error> {
    Ok(day.to_zoned(TimeZone::get(ZONE)?)?.timestamp())
}

/// Returns the first instant after a day in France.
pub(crate) fn ends(day: Date) -> Result<Timestamp, jiff::Error> {
    begins(day.tomorrow()?)
}

/// Returns the instant of an hour in France.
pub(crate) fn at_hour(hour: DateTime) -> Result<Timestamp, jiff::Error> {
    Ok(hour.to_zoned(TimeZone::get(ZONE)?)?.timestamp())
}

/// Writes an instant for people: as the clocks of France show it.
pub(crate) fn local(at: Timestamp) -> String {
    local_in_france(at)
}

/// Writes an instant that proves something, whole: told by the minute it would be another.
pub(crate) fn exact(at: Timestamp) -> String {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let shown = at.to_zoned(zone).strftime("%d/%m/%Y %H:%M:%S%.f %Z");
    shown.to_string()
}

/// Writes an instant that an answer holds as a text for people; another text stays as it is.
pub(crate) fn local_text(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), local)
}

/// Writes a day that an answer holds as a text for people; another text stays as it is.
pub(crate) fn day_text(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), french)
}

/// People write numbers in groups.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_in_france() {
        let summer = day("2026-07-14").unwrap();
        assert_eq!(begins(summer).unwrap().to_string(), "2026-07-13T22:00:00Z");
        assert_eq!(ends(summer).unwrap().to_string(), "2026-07-14T22:00:00Z");
    }

    #[test]
    fn an_instant_is_told_as_the_clocks_of_france_show_it() {
        assert_eq!(local_text("2026-07-14T22:30:59.123Z"), "15/07/2026 00:30");
        assert_eq!(local_text("2026-01-14T08:00:00Z"), "14/01/2026 09:00");
        assert_eq!(local_text("gardés"), "gardés");
    }

    #[test]
    fn a_name_is_short_and_can_be_printed() {
        assert_eq!(name(" CFA du Lac ").unwrap(), "CFA du Lac");
        assert!(name(&"é".repeat(200)).is_ok());
        for bad in ["", " \t", "a\u{1b}[2Jb", "a\nb", &"é".repeat(201)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(author("").unwrap(), "administrateur");
    }

    #[test]
    fn numbers_are_read_as_people_write_them_and_refused_in_french() {
        assert_eq!(
            siret("123 456 782 00010").unwrap().as_str(),
            "12345678200010"
        );
        assert_eq!(
            siret("12345678200011").unwrap_err(),
            "la clé de contrôle est fausse"
        );
        assert_eq!(siren("12").unwrap_err(), "il faut 9 chiffres");
        assert_eq!(
            day("14/07/2026").unwrap_err(),
            "il faut une date AAAA-MM-JJ"
        );
    }
}
