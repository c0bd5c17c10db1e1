//! From columns to values of the domain: what cannot be one is a corrupt row, never a default.

use std::fmt::Display;
use std::str::FromStr;

use domain::Timestamp;
use uuid::Uuid;

use crate::error::StoreError;
use crate::sealing::Fingerprint;

/// Where a value was read: the table and the row's identifier.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a dyn Display,
}

impl At<'_> {
    pub(crate) fn corrupt(self, column: &'static str) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            row: self.row.to_string(),
        }
    }

    pub(crate) fn word<T: FromStr>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        text.parse().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn maybe_word<T: FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.word(column, text)).transpose()
    }

    pub(crate) fn instant(self, column: &'static str, ms: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(ms).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn maybe_instant(
        self,
        column: &'static str,
        ms: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        ms.map(|ms| self.instant(column, ms)).transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(
        self,
        column: &'static str,
        value: i64,
    ) -> Result<T, StoreError> {
        T::try_from(value).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn fingerprint(
        self,
        column: &'static str,
        bytes: &[u8],
    ) -> Result<Fingerprint, StoreError> {
        bytes
            .try_into()
            .map(Fingerprint)
            .map_err(|_| self.corrupt(column))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| serde_json::from_str(text).map_err(|_| self.corrupt(column)))
            .transpose()
    }
}

/// Returns an instant as the milliseconds a column keeps.
pub(crate) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Returns the JSON text of a value that always has one.
pub(crate) fn json_text<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Configuration(format!("value without JSON form: {error}")))
}

/// Returns an identifier as both engines keep it: sixteen bytes.
pub(crate) fn raw(id: impl Into<Uuid>) -> Uuid {
    id.into()
}

/// Returns the least identifier of an instant, for ranges over time-ordered identifiers.
pub(crate) fn first_id_of(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.as_millisecond()).unwrap_or_default() & 0xffff_ffff_ffff;
    Uuid::from_u128(ms << 80 | 0x7000_8000_0000_0000_0000)
}
