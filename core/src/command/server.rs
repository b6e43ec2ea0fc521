//! Commands of the server family.

use super::spec::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
