import Linux
import Model
import SQL
import Testing

@testable import Loci

/// Ways in which a store comes to contradict itself: rows that a bad program or disk changed, files
/// that somebody removed, moved or added.
enum Damage: String, CaseIterable, Sendable, CustomTestStringConvertible {
    // Of one memory.
    case nodeSize, nodeLost, nodeOfAnother, nodeNumberWrong, nodeKind
    case entryLost, entryMoved, entryRenamed, entryDoubled, entryToNowhere, entryType
    case entryPosition
    case memoryLost, revisionLost, revisionSize, revisionHash, revisionSizeAndHash
    case revisionKey, revisionKeyInvalid, revisionSince, falseTrash, collectableNamed
    case blobGone, blobChanged, blobCut, blobMoved, blobGoneUnlessStaged, textLost
    // Of what is there once.
    case directoryLost, directoryNameLost, directoryCircle, directoryRenamed, emptyDirectoryLost
    case rootLost, trashedNamed, listedLost, targetLost, listingLost, listingOfAnother
    case nextNode, logHeadBehind, pastOfNothing, textOfNothing
    case blobUnnamed, blobHalfWritten, strayLink, foreignGone, foreignNodeLost

    var testDescription: String { rawValue }

    static let ofMemories = allCases.prefix { $0 != .directoryLost }
    static let ofTenants = allCases.drop { $0 != .directoryLost }

    /// The rules of which the check must find one broken.
    var rules: Set<Int> {
        switch self {
        case .nodeSize, .revisionLost, .revisionSize, .revisionHash, .revisionSizeAndHash,
            .revisionKey, .revisionKeyInvalid, .blobGone, .blobChanged, .blobCut, .blobMoved,
            .blobGoneUnlessStaged, .memoryLost:
            [1]
        case .collectableNamed, .blobUnnamed, .blobHalfWritten, .strayLink: [3]
        case .listedLost, .targetLost, .listingLost, .listingOfAnother: [4]
        case .revisionSince, .logHeadBehind: [7]
        case .textLost, .textOfNothing: [9]
        default: [2]
        }
    }

    /// Whether only a backup has what is gone.
    var needsBackup: Bool { [.foreignGone].contains(self) }

    // MARK: Doing it

    /// Damages a tenant in its directory.
    ///
    /// `memory`: the number of the memory, for those that are about one.
    func apply(to directory: String, memory: Int) throws {
        let database = try SQLiteConnection(path: directory + "/catalog.db", access: .write)
        let victim = Victim(directory, database, "m\(memory).md")
        if let sql = rows(victim) {
            try database.execute(sql)
        } else {
            try files(victim)
        }
    }

    private func rows(_ victim: Victim) -> String? {
        victim.sql(ofMemory: self) ?? victim.sql(ofTenant: self)
    }

    private func files(_ victim: Victim) throws {
        let data = victim.directory + "/data/"
        switch self {
        case .blobGone: try victim.remove(try victim.key)
        case .blobChanged: try victim.replace(try victim.key, by: "other bytes, as many as")
        case .blobCut: try victim.replace(try victim.key, by: "cut")
        case .blobMoved:
            let key = data + (try victim.key)
            try StoreFiles.rename(key, to: data + "somewhere-\(victim.name)")
        case .blobGoneUnlessStaged:
            let bytes = try File.open(data + victim.key).readAll(limit: 1 << 20)
            let folder = victim.directory + "/staging/killed-\(victim.name)"
            try StoreFiles.makeDirectory(folder, mode: 0o700)
            try StoreFiles.write(bytes, to: folder + "/1")
            try victim.remove(try victim.key)
        case .blobUnnamed: try StoreFiles.write(bytes("nobody's"), to: data + "nobody.md")
        case .blobHalfWritten: try StoreFiles.write(bytes("ha"), to: data + ".placing-1-2")
        case .strayLink:
            try File.workingDirectory.makeSymbolicLink(data + "link", to: "/etc/passwd")
        case .foreignGone:
            let number = try victim.first(
                "SELECT number FROM node WHERE kind = 3 AND memory IS NULL"
            )
            try File.workingDirectory.unlink("\(victim.directory)/foreign/\(number)")
        default: Issue.record("\(self) does nothing")
        }
    }
}

/// The memory and the tenant that are damaged.
private struct Victim {
    let directory: String
    let database: SQLiteConnection
    let name: String

    init(_ directory: String, _ database: SQLiteConnection, _ name: String) {
        self.directory = directory
        self.database = database
        self.name = name
    }

    /// Expressions for rows.
    private var memory: String { "(SELECT id FROM memory WHERE name = CAST('\(name)' AS BLOB))" }
    private var node: String { "(SELECT node FROM memory WHERE name = CAST('\(name)' AS BLOB))" }
    private var current: String {
        "memory = \(memory) AND number = (SELECT revision FROM memory WHERE id = \(memory))"
    }
    private func directory(_ name: String) -> String {
        "(SELECT node FROM entry WHERE name = CAST('user=\(name)' AS BLOB))"
    }

    func first(_ sql: String) throws -> String {
        try #require(try database.first(sql) { row throws(SQLError) in row.text(0) })
    }

    var key: String {
        get throws { try first("SELECT blob_key FROM revision WHERE \(current)") }
    }

    func remove(_ key: String) throws {
        try File.workingDirectory.unlink("\(directory)/data/\(key)")
    }

    /// Not in place: a backup may share the file.
    func replace(_ key: String, by text: String) throws {
        try StoreFiles.write(bytes(text), to: "\(directory)/data/\(key)")
    }

    func sql(ofMemory damage: Damage) -> String? {
        switch damage {
        case .nodeSize: "UPDATE node SET size = size + 7 WHERE number = \(node)"
        case .nodeLost: "DELETE FROM node WHERE number = \(node)"
        case .nodeOfAnother: "UPDATE node SET memory = 12345 WHERE number = \(node)"
        case .nodeNumberWrong: "UPDATE memory SET node = node + 99999 WHERE id = \(memory)"
        case .nodeKind: "UPDATE node SET kind = 3 WHERE number = \(node)"
        case .entryLost: "DELETE FROM entry WHERE node = \(node)"
        case .entryMoved: "UPDATE entry SET directory = \(directory("empty")) WHERE node = \(node)"
        case .entryRenamed: "UPDATE entry SET name = CAST('x' AS BLOB) WHERE node = \(node)"
        case .entryDoubled:
            """
            INSERT INTO entry SELECT directory, CAST('twice-\(name)' AS BLOB), node, layouts, since, type, position
            FROM entry WHERE node = \(node)
            """
        case .entryToNowhere: "UPDATE entry SET node = 99 WHERE node = \(node)"
        case .entryType: "UPDATE entry SET type = 4 WHERE node = \(node)"
        case .entryPosition:
            """
            UPDATE entry SET position = 4294967297
            WHERE directory = (SELECT directory FROM entry WHERE node = \(node))
            """
        case .memoryLost: "DELETE FROM memory WHERE id = \(memory)"
        case .revisionLost: "DELETE FROM revision WHERE \(current)"
        case .revisionSize: "UPDATE revision SET size = size + 5 WHERE \(current)"
        case .revisionHash: "UPDATE revision SET sha256 = zeroblob(32) WHERE \(current)"
        case .revisionSizeAndHash:
            "UPDATE revision SET size = 1, sha256 = zeroblob(32) WHERE \(current)"
        case .revisionKey: "UPDATE revision SET blob_key = 'no/\(name)' WHERE \(current)"
        case .revisionKeyInvalid: "UPDATE revision SET blob_key = '../\(name)' WHERE \(current)"
        case .revisionSince: "UPDATE revision SET since = 1 WHERE \(current)"
        case .falseTrash: "UPDATE memory SET trashed = 1 WHERE id = \(memory)"
        case .collectableNamed:
            "INSERT INTO collectable SELECT blob_key, 0, 'moved' FROM revision WHERE \(current)"
        case .textLost: "DELETE FROM waiting; DELETE FROM searchable WHERE memory = \(memory)"
        default: nil
        }
    }

    func sql(ofTenant damage: Damage) -> String? {
        switch damage {
        case .directoryLost: "DELETE FROM node WHERE number = \(directory("u0"))"
        case .directoryNameLost: "DELETE FROM entry WHERE node = \(directory("u1"))"
        case .directoryCircle:
            "UPDATE entry SET directory = node WHERE node = \(directory("u1"))"
        case .directoryRenamed:
            "UPDATE entry SET name = CAST('user=x' AS BLOB) WHERE node = \(directory("u2"))"
        case .emptyDirectoryLost: "DELETE FROM node WHERE number = \(directory("empty"))"
        case .rootLost: "DELETE FROM node WHERE number = 4294967296"
        case .trashedNamed:
            """
            INSERT INTO entry SELECT \(directory("empty")), name, node, 1, 1, 8, node FROM memory
            WHERE trashed IS NOT NULL
            """
        case .listedLost: "UPDATE layout SET listed = 0"
        case .targetLost: "UPDATE layout SET target = 0"
        case .listingLost: "DELETE FROM listing"
        case .listingOfAnother: "UPDATE listing SET layout = 9"
        case .nextNode: "UPDATE setting SET value = 4294967297 WHERE key = 'next_node'"
        case .logHeadBehind:
            """
            UPDATE setting SET value = (SELECT x'0500000000000000' || hash FROM change WHERE seq = 5)
            WHERE key = 'log_head'
            """
        case .pastOfNothing:
            "INSERT INTO entry_past VALUES (4294967296, x'61', 4294967299, 1, 1, 2, 12345, 4294967299)"
        case .textOfNothing: "INSERT INTO unsearchable VALUES (12345, 1, 1)"
        case .foreignNodeLost: "DELETE FROM node WHERE kind = 3 AND memory IS NULL"
        default: nil
        }
    }
}
