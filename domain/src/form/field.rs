//! What is known of one field of the norm: its name on the wire, its French name, its limits.

/// The facts of one field, written once in its block's declaration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// The name on the wire, in the form we write.
    pub(crate) wire: &'static str,
    /// A second spelling accepted on read.
    pub(crate) alias: Option<&'static str>,
    /// The French name, as it stands in a message, in lower case where French asks for it.
    pub(crate) label: &'static str,
    /// The rule a bad value breaks, when it is not the one of the value's type.
    pub(crate) rule: Option<&'static str>,
    /// The most characters a text may have; more is a warning.
    pub(crate) max: Option<usize>,
    /// A form a text should have; another is a warning.
    pub(crate) check: Option<fn(&str) -> bool>,
    /// The least and the most a number may be, in its own unit: beyond is no number of that kind.
    pub(crate) bounds: Option<(i64, i64)>,
    /// Set by the OPCO: read in any scalar form, never written.
    pub(crate) read_only: bool,
    /// A text that some clients send as a bare number: read as its digits.
    pub(crate) number_too: bool,
}

impl Field {
    pub(crate) const fn new(wire: &'static str, label: &'static str) -> Self {
        Self {
            wire,
            alias: None,
            label,
            rule: None,
            max: None,
            check: None,
            bounds: None,
            read_only: false,
            number_too: false,
        }
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(crate) const fn rule(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Says that the value is a code of an enumeration of protocol §6.10 (rule ENU-001).
    pub(crate) const fn code(self) -> Self {
        self.rule(super::report::ENU_001)
    }

    pub(crate) const fn max(mut self, characters: usize) -> Self {
        self.max = Some(characters);
        self
    }

    /// Says between which two numbers, both allowed, the value must be.
    pub(crate) const fn within(mut self, bounds: (i64, i64)) -> Self {
        self.bounds = Some(bounds);
        self
    }

    pub(crate) const fn check(mut self, check: fn(&str) -> bool) -> Self {
        self.check = Some(check);
        self
    }

    pub(crate) const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    pub(crate) const fn number_too(mut self) -> Self {
        self.number_too = true;
        self
    }
}
