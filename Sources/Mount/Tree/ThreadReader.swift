package import Catalog
import Linux
import Model
import SQL

/// One request thread's reader, with a read transaction kept open between requests.
///
/// The transaction is begun anew when the catalog's generation changed, and ended when the thread
/// has nothing to do, or while a checkpoint waits for readers: one that stays open starves it.
// Sendable: only its own request thread calls it.
package final class ThreadReader: @unchecked Sendable {
    private let catalog: Catalog
    private var reader: CatalogReader?
    private var generation: UInt64 = 0
    /// Open blob files that this thread reads from.
    let blobs = OpenBlobs()

    init(_ catalog: Catalog) {
        self.catalog = catalog
    }

    // MARK: Callers

    /// How long a process is taken to have the command that it had: reading it costs more than a
    /// small write does, and a process that writes is asked for at each write.
    private static let commandLife: Int64 = 100_000_000
    private var command: (pid: Int32, name: String?, until: Int64)?

    /// The command of a process.
    func command(of pid: Int32) -> String? {
        let now = SystemClock.monotonic()
        if let command, command.pid == pid, now < command.until { return command.name }
        let name = RunningProcess(id: pid).name
        command = (pid, name, now + Self.commandLife)
        return name
    }

    private var leader: (thread: Int32, process: RunningProcess, until: Int64)?

    /// The process of who asks, which the kernel names by thread.
    ///
    /// Its command is not kept: between two requests a shell's child becomes what it runs.
    func process(of pid: Int32) -> RunningProcess {
        let now = SystemClock.monotonic()
        if let leader, leader.thread == pid, now < leader.until { return leader.process }
        let process = RunningProcess(id: pid).leader ?? RunningProcess(id: pid)
        leader = (pid, process, now + Self.commandLife)
        return process
    }

    // MARK: Reading

    /// A reader on a state of the catalog that is at least as new as this call.
    package func current() throws -> CatalogReader {
        let newest = catalog.generation
        // Not while it ended by itself: who was lent the reader may have ended its transaction.
        if let reader, generation == newest, reader.connection.isInTransaction { return reader }
        let reader = try reader ?? catalog.makeReader()
        self.reader = reader
        reader.end()
        try reader.begin()
        generation = newest
        return reader
    }

    /// Which commit `current` last saw; content that was found in it is still right.
    var seenGeneration: UInt64 { generation }

    /// Lets the checkpoint have its way.
    package func end() {
        reader?.end()
    }
}
