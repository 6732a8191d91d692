import Catalog
public import Model

/// Which changes somebody wants to see; one without conditions lets all pass.
public struct ChangeFilter: Hashable, Sendable {
    /// Who did it; empty: anybody.
    public var actors: Set<String> = []
    /// What was done; empty: anything.
    public var operations: Set<Operation> = []
    /// The memory it was done to, also one that was purged.
    public var memory: MemoryID?
    /// A path of any layout: what was done to memories and directories that were below it then.
    public var path: NamePath?
    /// Not before this time.
    public var since: Timestamp?
    /// Not after this time.
    public var until: Timestamp?

    /// A filter that lets all pass.
    public init() {}

    /// Whether a change passes all conditions but the path's, which takes a look at the catalog.
    func passes(_ change: Change) -> Bool {
        if !actors.isEmpty, !actors.contains(change.origin.actor) { return false }
        if !operations.isEmpty {
            guard let operation = change.operation, operations.contains(operation) else {
                return false
            }
        }
        if let memory, change.memory != memory { return false }
        if let since, change.time < since { return false }
        if let until, change.time > until { return false }
        return true
    }
}
