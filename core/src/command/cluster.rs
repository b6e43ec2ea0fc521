//! `CLUSTER`: hash slots and who serves them.
//!
//! A node of its own is no cluster, and says so as Redis does.

use super::context::{Context, Handled};
use super::spec::{Deprecated, Flags, Group, Spec};
use crate::resp::{Args, ReplyError};

const ROW: Spec = Spec { group: Group::Cluster, since: "3.0.0", ..Spec::BASE };
const VIEW: Spec = Spec { parent: "cluster", flags: Flags::STALE, run: disabled, ..ROW };
const OPEN_VIEW: Spec = Spec { flags: Flags::LOADING.and(Flags::STALE), ..VIEW };
const ADMIN: Spec = Spec { flags: Flags::ADMIN.and(Flags::STALE), ..VIEW };
const CHANGE: Spec = Spec { flags: Flags::ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING), ..VIEW };
const CHANGING: &[&str] = &["nondeterministic_output"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "cluster",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Holds the commands about the cluster.",
    subcommands: SUBCOMMANDS,
    ..ROW
}];

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "addslots",
        arity: -3,
        complexity: "O(N) where N is the total number of hash slot arguments",
        summary: "Gives hash slots to this node.",
        arguments: "slot...",
        ..CHANGE
    },
    Spec {
        name: "addslotsrange",
        arity: -4,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
        summary: "Gives ranges of hash slots to this node.",
        arguments: "{range: start-slot end-slot}...",
        ..CHANGE
    },
    Spec { name: "bumpepoch", arity: 2, tips: CHANGING, summary: "Raises the node's epoch.", ..CHANGE },
    Spec {
        name: "count-failure-reports",
        arity: 3,
        tips: CHANGING,
        complexity: "O(N) where N is the number of failure reports",
        summary: "Counts the reports that a node has failed.",
        arguments: "node-id",
        ..ADMIN
    },
    Spec {
        name: "countkeysinslot",
        arity: 3,
        summary: "Counts the keys in a hash slot.",
        arguments: "slot",
        ..VIEW
    },
    Spec {
        name: "delslots",
        arity: -3,
        complexity: "O(N) where N is the total number of hash slot arguments",
        summary: "Takes hash slots from this node.",
        arguments: "slot...",
        ..CHANGE
    },
    Spec {
        name: "delslotsrange",
        arity: -4,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
        summary: "Takes ranges of hash slots from this node.",
        arguments: "{range: start-slot end-slot}...",
        ..CHANGE
    },
    Spec {
        name: "failover",
        arity: -2,
        summary: "Makes this replica take over.",
        arguments: "[options:(FORCE|TAKEOVER)]",
        ..CHANGE
    },
    Spec { name: "flushslots", arity: 2, summary: "Takes all hash slots from this node.", ..CHANGE },
    Spec { name: "forget", arity: 3, summary: "Removes a node.", arguments: "node-id", ..CHANGE },
    Spec {
        name: "getkeysinslot",
        arity: 4,
        tips: CHANGING,
        complexity: "O(N) where N is the number of requested keys",
        summary: "Lists keys in a hash slot.",
        arguments: "slot count",
        ..VIEW
    },
    Spec { name: "help", arity: 2, since: "5.0.0", summary: "Lists the subcommands.", ..OPEN_VIEW },
    Spec { name: "info", arity: 2, tips: CHANGING, summary: "Tells the cluster's state.", ..VIEW },
    Spec {
        name: "keyslot",
        arity: 3,
        complexity: "O(N) where N is the number of bytes in the key",
        summary: "Tells the hash slot of a key.",
        arguments: "key:string",
        ..VIEW
    },
    Spec {
        name: "links",
        arity: 2,
        tips: CHANGING,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Lists the connections between nodes.",
        ..VIEW
    },
    Spec {
        name: "meet",
        arity: -4,
        summary: "Introduces a node.",
        arguments: "ip port [cluster-bus-port:integer@4.0.0]",
        history: &[("4.0.0", "Takes the port of the bus.")],
        ..CHANGE
    },
    Spec { name: "myid", arity: 2, summary: "Tells this node's id.", ..VIEW },
    Spec {
        name: "myshardid",
        arity: 2,
        tips: CHANGING,
        since: "7.2.0",
        summary: "Tells the id of this node's shard.",
        ..VIEW
    },
    Spec {
        name: "nodes",
        arity: 2,
        tips: CHANGING,
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Describes the nodes, as text.",
        ..VIEW
    },
    Spec {
        name: "replicas",
        arity: 3,
        tips: CHANGING,
        since: "5.0.0",
        complexity: "O(N) where N is the number of replicas.",
        summary: "Describes the replicas of a node.",
        arguments: "node-id",
        ..ADMIN
    },
    Spec {
        name: "replicate",
        arity: 3,
        summary: "Makes this node a replica of another.",
        arguments: "node-id",
        ..CHANGE
    },
    Spec {
        name: "reset",
        arity: -2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE),
        complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
        summary: "Makes this node forget the cluster.",
        arguments: "[reset-type:(HARD|SOFT)]",
        ..VIEW
    },
    Spec { name: "saveconfig", arity: 2, summary: "Writes the cluster's state to the disk.", ..CHANGE },
    Spec {
        name: "set-config-epoch",
        arity: 3,
        summary: "Sets the node's epoch.",
        arguments: "config-epoch:integer",
        ..CHANGE
    },
    Spec {
        name: "setslot",
        arity: -4,
        summary: "Says what becomes of a hash slot.",
        arguments: "slot subcommand:(IMPORTING importing|MIGRATING migrating|NODE node|STABLE)",
        ..CHANGE
    },
    Spec {
        name: "shards",
        arity: 2,
        tips: CHANGING,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of cluster nodes",
        summary: "Describes the shards and their nodes.",
        ..OPEN_VIEW
    },
    Spec {
        name: "slaves",
        arity: 3,
        tips: CHANGING,
        complexity: "O(N) where N is the number of replicas.",
        summary: "Is CLUSTER REPLICAS by its old name.",
        arguments: "node-id",
        deprecated: Some(Deprecated { since: "5.0.0", by: "`CLUSTER REPLICAS`" }),
        ..ADMIN
    },
    Spec {
        name: "slots",
        arity: 2,
        tips: CHANGING,
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Tells which nodes serve which hash slots.",
        deprecated: Some(Deprecated { since: "7.0.0", by: "`CLUSTER SHARDS`" }),
        history: &[("4.0.0", "Tells the nodes' ids."), ("7.0.0", "Tells more about the nodes' addresses.")],
        ..OPEN_VIEW
    },
];

fn disabled(_: &mut Context<'_>, _: Args<'_>) -> Handled {
    Err(ReplyError::fixed("ERR This instance has cluster support disabled"))
}
