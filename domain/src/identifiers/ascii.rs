//! A short ASCII text kept inline, so that an identifier is copied without touching the heap.

/// At most `N` bytes of ASCII, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ascii<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Ascii<N> {
    /// Keeps letters and digits in upper case; `None` when the text is longer or holds anything else.
    pub(crate) fn alphanumeric(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        let source = text.as_bytes();
        if source.len() > N || !source.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        for (to, from) in bytes.iter_mut().zip(source) {
            *to = from.to_ascii_uppercase();
        }
        Some(Self {
            bytes,
            len: u8::try_from(source.len()).ok()?,
        })
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        // ASCII by construction, so neither fallback is ever met.
        let kept = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(kept).unwrap_or_default()
    }
}

/// Gives a public identifier its text forms: `as_str`, `Display`, `Debug`, and serde as a text that
/// is parsed again on the way in.
macro_rules! text_forms {
    ($name:ident) => {
        impl $name {
            /// Returns the canonical text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_forms;
