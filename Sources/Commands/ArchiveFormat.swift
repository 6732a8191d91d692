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

    /// Throws `corrupt` where a line is none that `json` wrote.
    static func memory(_ json: JSON, line: Int) throws(LociError) -> ArchivedMemory {
        let revisions = try (json["revisions"]?.arrayValue ?? []).map {
            (item) throws(LociError) in try revision(item, line: line)
        }
        guard let id = json["id"]?.stringValue, let name = json["name"]?.nameBytes,
            let members = json["attributes"]?.objectValue,
            let mode = json["mode"]?.integerValue, let uid = json["uid"]?.integerValue,
            let gid = json["gid"]?.integerValue, let isTrashed = json["trashed"]?.boolValue
        else { throw damaged(line) }
        var attributes: [String: String] = [:]
        for member in members {
            guard let value = member.value.stringValue else { throw damaged(line) }
            attributes[member.key] = value
        }
        return ArchivedMemory(
            id: try MemoryID(id),
            name: try Name(validating: name),
            attributes: attributes,
            created: try time(json["created"], line),
            modified: try time(json["modified"], line),
            permissions: UInt32(truncatingIfNeeded: mode) & 0o7777,
            owner: UInt32(truncatingIfNeeded: uid),
            group: UInt32(truncatingIfNeeded: gid),
            isTrashed: isTrashed,
            revisions: revisions
        )
    }

    private static func revision(
        _ json: JSON,
        line: Int
    ) throws(LociError) -> ArchivedMemory.Revision {
        guard let number = json["number"]?.integerValue, let actor = json["actor"]?.stringValue,
            let isBeside = json["beside"]?.boolValue, let hash = json["sha256"]?.stringValue,
            let content = json["content"]?.nameBytes
        else { throw damaged(line) }
        return ArchivedMemory.Revision(
            number: RevisionNumber(Int(number)),
            created: try time(json["created"], line),
            modified: try time(json["modified"], line),
            actor: actor,
            isBeside: isBeside,
            content: content,
            hash: try ContentHash(hex: hash)
        )
    }

    private static func time(_ json: JSON?, _ line: Int) throws(LociError) -> Timestamp {
        guard let text = json?.stringValue else { throw damaged(line) }
        return try Timestamp(text)
    }

    static func damaged(_ line: Int) -> LociError {
        LociError(
            .corrupt,
            subject: "line \(line)",
            message: "Line \(line) of the archive is none that loci export wrote.",
            remedy: "Export it again."
        )
    }
}
