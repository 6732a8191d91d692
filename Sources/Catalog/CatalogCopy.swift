package import Model
import SQL

/// A copy of a catalog as it was at one change, in a file of its own that nobody else uses yet.
///
/// One thread at a time.
package final class CatalogCopy {
    /// The file.
    package let path: String
    private let connection: any SQLConnection
    /// Reads the copy.
    package let reader: CatalogReader
    /// The newest change that it has.
    package let head: LogMark

    /// Copies the catalog at `source` into a file that does not exist.
    ///
    /// One read transaction: writers go on meanwhile. What deleted rows leave in a database's file is
    /// not copied.
    package init(of source: String, to path: String) throws(LociError) {
        self.path = path
        do {
            let original = try SQLiteConnection(path: source, access: .write)
            try original.run("VACUUM INTO ?", .text(path))
            connection = try SQLiteConnection(path: path, access: .create)
            reader = CatalogReader(connection)
            head = try reader.logHead()
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    /// Node numbers below are used.
    package func nextNode() throws(LociError) -> UInt64 {
        try naming {
            try reader.nextNode()
        }
    }

    /// Takes away what belongs to the mounts and processes of the original, and foreign files whose
    /// bytes were gone when it came to them; from `nextNode` on node numbers are free.
    ///
    /// All of it is in the file when this returns; its user makes it durable, and uses the copy no
    /// more.
    package func finish(
        withoutForeign gone: [NodeNumber],
        nextNode: UInt64
    ) throws(LociError) {
        try naming {
            try connection.execute(
                """
                BEGIN IMMEDIATE;
                DELETE FROM session;
                DELETE FROM request;
                DELETE FROM setting WHERE key = 'yields_until'
                    OR (key > 'blobs_held:' AND key < 'blobs_held;')
                """
            )
            for node in gone.map({ SQLValue.integer(Int64($0.rawValue)) }) {
                try connection.run("DELETE FROM entry WHERE node = ?", node)
                try connection.run("DELETE FROM node WHERE number = ?", node)
            }
            try connection.run(
                "UPDATE setting SET value = ? WHERE key = ?",
                .integer(Int64(nextNode)),
                .text(Setting.nextNode)
            )
            try connection.execute("COMMIT")
            _ = try connection.checkpoint()
        }
    }

    private func naming<R>(_ body: () throws -> R) throws(LociError) -> R {
        do {
            return try body()
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }
}
