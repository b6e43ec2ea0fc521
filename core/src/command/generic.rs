//! Commands of the generic family.

use super::spec::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
