import Linux
public import Model

/// A mount whose daemon died too often to be started again.
public struct GivenUpMount: Hashable, Sendable {
    /// Where it was mounted.
    public let mountPoint: String
    /// When it was given up on.
    public let time: Timestamp
    /// Why.
    public let reason: String
}

extension Tenant {
    private static let prefix = "given-up-"

    /// Mounts that ended because their daemon died too often, until the tenant is mounted there again.
    public func givenUpMounts() throws(LociError) -> [GivenUpMount] {
        try givenUp().map(\.mount).sorted { $0.time < $1.time }
    }

    private func givenUp() throws(LociError) -> [(file: String, mount: GivenUpMount)] {
        let folder = directory + "/staging"
        var found: [(file: String, mount: GivenUpMount)] = []
        for name in try StoreFiles.names(in: folder) where name.hasPrefix(Self.prefix) {
            let file = folder + "/" + name
            guard let bytes = try? File.open(file).readAll(limit: 64 << 10),
                let json = try? JSON(parsing: bytes),
                let mountPoint = json["mountPoint"]?.stringValue,
                let text = json["time"]?.stringValue, let time = try? Timestamp(text),
                let reason = json["reason"]?.stringValue
            else { continue }
            found.append(
                (file, GivenUpMount(mountPoint: mountPoint, time: time, reason: reason))
            )
        }
        return found
    }

    /// The tenant is mounted there again.
    package func forgetGivenUp(_ mountPoint: String) {
        // What cannot be read or removed tells of the past only.
        for item in (try? givenUp()) ?? [] where item.mount.mountPoint == mountPoint {
            try? File.workingDirectory.unlink(item.file)
        }
    }

    /// Writes down that a mount is given up on, for a process that has no tenant open.
    ///
    /// `directory`: the tenant's.
    package static func noteGivenUp(
        _ mountPoint: String,
        session: String,
        at time: Timestamp,
        reason: String,
        directory: String
    ) throws(LociError) {
        let json: JSON = [
            "mountPoint": .string(mountPoint), "time": .string(time.description),
            "reason": .string(reason),
        ]
        try StoreFiles.write(
            json.bytes() + [UInt8(ascii: "\n")],
            to: "\(directory)/staging/\(prefix)\(session)"
        )
    }
}
