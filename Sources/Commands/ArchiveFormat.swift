import Loci

// An archive: JSON Lines that hold everything, to read with any tool and to import again.
//
//   {"loci":"archive","version":1,"tenant":…,"scheme":…,"history":…}
//   {"id":…,"name":…,"attributes":{…},"created":…,"revisions":[{"number":1,"sha256":…,…}],…}
//   {"end":true,"memories":…,"revisions":…}
//
// Contents and names are strings, or {"bytes":"<hexadecimal>"} where they are not UTF-8. Without its
// last line an archive is not whole.
enum ArchiveFormat {
    static let version: Int64 = 1

    static func head(_ tenant: Tenant, scheme: Scheme, history: Bool) -> JSON {
        [
            "loci": "archive", "version": .integer(version),
            "tenant": .string(tenant.id.rawValue), "scheme": .string(scheme.text),
            "history": .bool(history),
        ]
    }

    static func end(memories: Int, revisions: Int) -> JSON {
        [
            "end": true, "memories": .integer(Int64(memories)),
            "revisions": .integer(Int64(revisions)),
        ]
    }

    static func json(_ memory: ArchivedMemory) -> JSON {
        [
            "id": .string(memory.id.description),
            "name": JSON(name: memory.name),
            "attributes": JSON(attributes: memory.attributes),
            "created": .string(memory.created.description),
            "modified": .string(memory.modified.description),
            "mode": .integer(Int64(memory.permissions)),
            "uid": .integer(Int64(memory.owner)), "gid": .integer(Int64(memory.group)),
            "trashed": .bool(memory.isTrashed),
            "revisions": .array(memory.revisions.map(json)),
        ]
    }

    private static func json(_ revision: ArchivedMemory.Revision) -> JSON {
        let text = String(validating: revision.content, as: UTF8.self)
        return [
            "number": .integer(Int64(revision.number.rawValue)),
            "created": .string(revision.created.description),
            "modified": .string(revision.modified.description),
            "actor": .string(revision.actor),
            "beside": .bool(revision.isBeside),
            "size": .integer(Int64(revision.content.count)),
            "sha256": .string(revision.hash.description),
            "content": text.map { .string($0) } ?? ["bytes": .string(Hex.text(revision.content))],
        ]
    }

    // MARK: Reading

    /// The scheme that the first line of an archive tells.
    ///
    /// Throws `corrupt` where it is none that `head` wrote, `formatTooNew`, `malformedScheme`, and
    /// `invalidArgument` for a tar.
    static func scheme(head line: [UInt8]) throws(LociError) -> Scheme {
        guard let json = try? JSON(parsing: line), json["loci"]?.stringValue == "archive",
            let scheme = json["scheme"]?.stringValue
        else {
            if TarWriter.begins(line) {
                throw LociError(
                    .invalidArgument,
                    subject: "archive",
                    message: "This is a tar, and an import reads trees and JSON Lines.",
                    remedy: "Unpack it with tar -xf and import the directory, or export with "
                        + "--format jsonl."
                )
            }
            throw LociError(
                .corrupt,
                subject: "line 1",
                message: "This is no archive: line 1 is none that loci export wrote.",
                remedy: "Give a directory, or what loci export --format jsonl wrote."
            )
        }
        guard json["version"]?.integerValue == version else {
            throw LociError(
                .formatTooNew,
                subject: "archive",
                message: "The archive is of another version than \(version).",
                remedy: "Use the loci that wrote it."
            )
        }
        return try Scheme(scheme)
    }

    /// Throws `corrupt` where a line is none that `json` wrote, and what is thrown for an id, a
    /// name, a time or a hash that is none.
    static func memory(_ json: JSON) throws(LociError) -> ArchivedMemory {
        let revisions = try (json["revisions"]?.arrayValue ?? []).map {
            (item) throws(LociError) in try revision(item)
        }
        guard let id = json["id"]?.stringValue, let name = json["name"]?.nameBytes,
            let members = json["attributes"]?.objectValue,
            let mode = json["mode"]?.integerValue, (0...0o7777).contains(mode),
            let owner = account(json["uid"]), let group = account(json["gid"]),
            let isTrashed = json["trashed"]?.boolValue
        else { throw damaged }
        var attributes: [String: String] = [:]
        for member in members {
            guard let value = member.value.stringValue else { throw damaged }
            attributes[member.key] = value
        }
        return ArchivedMemory(
            id: try MemoryID(id),
            name: try Name(validating: name),
            attributes: attributes,
            created: try time(json["created"]),
            modified: try time(json["modified"]),
            permissions: UInt32(mode),
            owner: owner,
            group: group,
            isTrashed: isTrashed,
            revisions: revisions
        )
    }

    /// The number of a user or a group; the last one means nobody to the system.
    private static func account(_ json: JSON?) -> UInt32? {
        guard let number = json?.integerValue.flatMap({ UInt32(exactly: $0) }), number != .max
        else { return nil }
        return number
    }

    private static func revision(_ json: JSON) throws(LociError) -> ArchivedMemory.Revision {
        guard let number = json["number"]?.integerValue, let actor = json["actor"]?.stringValue,
            let isBeside = json["beside"]?.boolValue, let hash = json["sha256"]?.stringValue,
            let content = json["content"]?.nameBytes,
            json["size"]?.integerValue == Int64(content.count)
        else { throw damaged }
        return ArchivedMemory.Revision(
            number: RevisionNumber(Int(number)),
            created: try time(json["created"]),
            modified: try time(json["modified"]),
            actor: actor,
            isBeside: isBeside,
            content: content,
            hash: try ContentHash(hex: hash)
        )
    }

    private static func time(_ json: JSON?) throws(LociError) -> Timestamp {
        guard let text = json?.stringValue else { throw damaged }
        return try Timestamp(text)
    }

    /// What is thrown for a line that tells no memory.
    static var damaged: LociError {
        LociError(
            .corrupt,
            subject: "archive",
            message: "This is no line that loci export wrote.",
            remedy: "Export it again."
        )
    }
}
