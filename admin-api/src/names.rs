//! What people call things: the names that the pages give, for the command line too.

use domain::person::Language;

pub use crate::pages::keys::{probe_name as probe, state_name as key_state, system_name as system};
pub use crate::pages::layout::world_name as world;
pub use crate::pages::opcos::how_far as openness;
pub use crate::pages::people::{role_name as role, state_name as person_state};
pub use crate::pages::retention::class_name as retained;
pub use crate::pages::settings::decisions::effect_name as effect;

/// Returns what people call what a credential may do; another word stays as it is.
pub fn permission(word: &str, language: Language) -> &str {
    match word {
        "submit" => language.of("déposer", "hand in"),
        "read" => language.of("lire", "read"),
        "act" => language.of("agir", "act"),
        "webhook" => language.of("dire qui est prévenu", "say who is told"),
        other => other,
    }
}
