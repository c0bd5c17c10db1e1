//! People of the dashboard: their languages, their roles, and the one table of what each role may do.

use std::fmt;

use crate::opco::words;

/// The language a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

words!(Language { Fr = "fr", En = "en" });

impl Language {
    /// Returns the wording of this language.
    pub fn of<T>(self, fr: T, en: T) -> T {
        match self {
            Self::Fr => fr,
            Self::En => en,
        }
    }

    /// Returns the form of a word that goes with a number: in French none and one take the singular, in
    /// English only one does.
    pub fn form<'t>(self, count: impl TryInto<u64>, one: &'t str, many: &'t str) -> &'t str {
        match (self, count.try_into()) {
            (_, Ok(1)) | (Self::Fr, Ok(0)) => one,
            _ => many,
        }
    }

    /// Writes a number with the form of the word that goes with it.
    pub fn counted<N>(self, count: N, one: &str, many: &str) -> String
    where
        N: Copy + fmt::Display + TryInto<u64>,
    {
        format!("{count} {}", self.form(count, one, many))
    }
}

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonState {
    /// Has a link to choose a password and has not used it.
    Invited,
    /// Can sign in.
    Active,
    /// Can no longer sign in; what was done stays attributed.
    Disabled,
}

words!(PersonState {
    Invited = "invited",
    Active = "active",
    Disabled = "disabled",
});

/// What someone is to a network, a training centre or a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks (lecteur).
    Reader,
    /// Acts on what is stuck (gestionnaire).
    Operator,
    /// Follows the money (facturation).
    Billing,
    /// Keeps the CFA keys (gestionnaire des clés).
    Keys,
    /// Reads and verifies the log, opens what is sealed with a reason (auditeur).
    Auditor,
    /// Decides everything else (administrateur).
    Admin,
}

words!(Role {
    Reader = "lecteur",
    Operator = "gestionnaire",
    Billing = "facturation",
    Keys = "cles",
    Auditor = "auditeur",
    Admin = "admin",
});

/// Something a person may do. A route of the dashboard or of the admin API asks for exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See deliveries, dossiers and the state of the OPCOs.
    ReadDeliveries,
    /// See what is due, billed and paid.
    ReadMoney,
    /// See which keys there are, never their text.
    ReadKeys,
    /// See who may do what: people, credentials of ERPs, webhooks, settings.
    ReadSettings,
    /// Search and export the log, download evidence.
    ReadAudit,
    /// Act on deliveries and orphans, one or many.
    Act,
    /// Stage, probe, promote and retire CFA keys.
    ManageKeys,
    /// Create training centres and sites; decide routes, rule effects, capabilities, quotas, windows.
    ManageNetwork,
    /// Create people and give them roles.
    ManagePeople,
    /// Make and revoke credentials of ERPs and webhooks.
    ManageCredentials,
    /// Open what is sealed, with a reason.
    OpenSealed,
    /// Find, export and erase what is held about one apprentice.
    Privacy,
}

words!(Right {
    ReadDeliveries = "read-deliveries",
    ReadMoney = "read-money",
    ReadKeys = "read-keys",
    ReadSettings = "read-settings",
    ReadAudit = "read-audit",
    Act = "act",
    ManageKeys = "manage-keys",
    ManageNetwork = "manage-network",
    ManagePeople = "manage-people",
    ManageCredentials = "manage-credentials",
    OpenSealed = "open-sealed",
    Privacy = "privacy",
});

impl Role {
    /// Returns what the role may do: the one table.
    pub fn rights(self) -> &'static [Right] {
        use Right::{
            Act, ManageCredentials, ManageKeys, ManageNetwork, ManagePeople, OpenSealed, Privacy,
            ReadAudit, ReadDeliveries, ReadKeys, ReadMoney, ReadSettings,
        };
        match self {
            Self::Reader => &[ReadDeliveries],
            Self::Operator => &[ReadDeliveries, ReadKeys, Act],
            Self::Billing => &[ReadDeliveries, ReadMoney, Act],
            Self::Keys => &[ReadDeliveries, ReadKeys, ManageKeys],
            Self::Auditor => &[
                ReadDeliveries,
                ReadMoney,
                ReadKeys,
                ReadSettings,
                ReadAudit,
                OpenSealed,
            ],
            Self::Admin => &[
                ReadDeliveries,
                ReadMoney,
                ReadKeys,
                ReadSettings,
                ReadAudit,
                Act,
                ManageKeys,
                ManageNetwork,
                ManagePeople,
                ManageCredentials,
                Privacy,
            ],
        }
    }

    /// Returns whether the role may do this.
    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }
}

impl Right {
    /// Returns whether it means nothing below the network: whoever holds the role at one site only
    /// does not have it.
    pub fn is_of_network(self) -> bool {
        matches!(
            self,
            Self::ManageNetwork
                | Self::ManagePeople
                | Self::ManageCredentials
                | Self::ReadSettings
                | Self::ReadAudit
                | Self::Privacy
        )
    }

    /// Returns whether the person is asked for the password again shortly before.
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            Self::ManageKeys
                | Self::ManageNetwork
                | Self::ManagePeople
                | Self::ManageCredentials
                | Self::OpenSealed
                | Self::Privacy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_is_somebodys_and_only_two_roles_open_or_erase() {
        for right in Right::ALL {
            assert!(Role::ALL.iter().any(|role| role.may(*right)), "{right}");
        }
        let may = |right| -> Vec<Role> {
            let roles = Role::ALL.iter().copied();
            roles.filter(|role| role.may(right)).collect()
        };
        assert_eq!(may(Right::OpenSealed), [Role::Auditor]);
        assert_eq!(may(Right::Privacy), [Role::Admin]);
        assert_eq!(may(Right::ManagePeople), [Role::Admin]);
    }

    #[test]
    fn a_word_goes_with_its_number_in_each_language() {
        let said = |language: Language, count: i64| language.form(count, "one", "many");
        assert_eq!(
            [0, 1, 2, -1].map(|n| said(Language::Fr, n)),
            ["one", "one", "many", "many"]
        );
        assert_eq!(
            [0, 1, 2, -1].map(|n| said(Language::En, n)),
            ["many", "one", "many", "many"]
        );
        assert_eq!(Language::Fr.form(usize::MAX, "one", "many"), "many");
        assert_eq!(Language::Fr.counted(1, "dossier", "dossiers"), "1 dossier");
        assert_eq!(Language::En.counted(0, "day", "days"), "0 days");
    }

    #[test]
    fn a_reader_changes_nothing() {
        assert_eq!(Role::Reader.rights(), [Right::ReadDeliveries]);
    }
}
