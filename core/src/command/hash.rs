//! Commands of the hash family.

use super::spec::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
