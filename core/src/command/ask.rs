//! What a handler can ask of the node: everything that is not a change of keys.

/// A request to the node, with its arguments checked. The node writes the reply.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its command")]
pub enum Ask {
    /// Sections in lower case; none for the default ones.
    Info {
        sections: Vec<String>,
    },
    /// A password of so many hexadecimal digits (`ACL GENPASS`).
    Password {
        digits: usize,
    },
    ConfigSet {
        pairs: Vec<(Vec<u8>, Vec<u8>)>,
    },
    ConfigRewrite,
    ConfigResetStat,
    Client(ClientAsk),
    Save,
    BackgroundSave {
        schedule: bool,
    },
    BackgroundRewrite,
    LastSave,
    Shutdown {
        abort: bool,
        now: bool,
        force: bool,
        save: Option<bool>,
    },
    Role,
    Time,
    Monitor,
    Wait {
        replicas: u64,
        timeout_ms: u64,
    },
    WaitAof {
        local: u64,
        replicas: u64,
        timeout_ms: u64,
    },
    SlowLog(SlowLogAsk),
    Latency(LatencyAsk),
    MemoryStats,
    MemoryDoctor,
    DebugSleep {
        micros: u64,
    },
    DebugActiveExpire {
        on: bool,
    },
    DebugReload,
    DebugLoadLog,
}

/// `CLIENT …` about connections, this one or others.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its command")]
pub enum ClientAsk {
    Info,
    List(ClientFilter),
    /// `old_form` is `CLIENT KILL addr:port`, which answers OK or an error instead of a count.
    Kill {
        filter: ClientFilter,
        skip_self: bool,
        old_form: bool,
    },
    Pause {
        timeout_ms: u64,
        writes_only: bool,
    },
    Unpause,
    Unblock {
        id: u64,
        error: bool,
    },
}

/// Which connections a `CLIENT LIST` or `CLIENT KILL` means; all that are given must fit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientFilter {
    /// One of these ids, when there are any.
    pub ids: Vec<u64>,
    /// `normal`, `master`, `replica` or `pubsub`.
    pub kind: Option<ClientKind>,
    /// The other end.
    pub peer: Option<Vec<u8>>,
    /// This end.
    pub local: Option<Vec<u8>>,
    /// The user.
    pub user: Option<Vec<u8>>,
}

/// Kinds of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its keyword")]
pub enum ClientKind {
    Normal,
    Master,
    Replica,
    PubSub,
}

/// `SLOWLOG …`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its command")]
pub enum SlowLogAsk {
    /// `None` for all.
    Get {
        count: Option<u64>,
    },
    Len,
    Reset,
}

/// `LATENCY …`
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named after its command")]
pub enum LatencyAsk {
    Doctor,
    Graph { event: Vec<u8> },
    Histogram { commands: Vec<Vec<u8>> },
    History { event: Vec<u8> },
    Latest,
    Reset { events: Vec<Vec<u8>> },
}
