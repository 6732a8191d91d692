import Linux
public import Model

/// A directory that holds tenants.
///
/// ```
/// loci.json            format version, id, time of creation
/// README.txt           how to get everything out with sqlite3 and sh
/// <tenant>/catalog.db  names, attributes, history
/// <tenant>/data/       contents
/// <tenant>/staging/    contents being written
/// <tenant>/foreign/    what tools keep beside memories
/// <tenant>/lock/       locks, gone with their process
/// <tenant>/wake        touched after every commit
/// ```
///
/// Safe to share between threads. Any number of processes may have a store open.
public final class Store: Sendable {
    /// The format of stores that this version makes and reads.
    public static let formatVersion = 1

    /// Where it is: an absolute path.
    public let path: String
    /// Tells it from every other store.
    public let id: String
    /// When it was made.
    public let created: Timestamp

    package let environment: StoreEnvironment
    /// Who gets what root makes here.
    package let owner: StoreOwner

    init(
        path: String,
        id: String,
        created: Timestamp,
        environment: StoreEnvironment
    )
        throws(LociError)
    {
        self.path = path
        self.id = id
        self.created = created
        self.environment = environment
        owner = try StoreOwner(of: path)
    }
}
