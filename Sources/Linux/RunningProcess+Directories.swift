import Glibc
import Synchronization

extension RunningProcess {
    /// All processes that `/proc` shows to this one; empty where there is no `/proc`.
    package static var all: [RunningProcess] {
        guard let list = try? File.open("/proc", [.readOnly, .directory]),
            let entries = try? list.entries()
        else { return [] }
        return entries.compactMap { entry in
            Int32(String(decoding: entry.name, as: UTF8.self)).map(RunningProcess.init(id:))
        }
    }

    /// The process that this one is a thread of: itself, unless it is one.
    ///
    /// FUSE names who asks by thread. Nil when it is gone.
    package var leader: RunningProcess? {
        guard let text = read("status") else { return nil }
        let key = Array("Tgid:".utf8)
        let line = text.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: key) }
        guard let digits = line?.dropFirst(key.count).filter({ $0 >= UInt8(ascii: "0") }) else {
            return nil
        }
        return Int32(String(decoding: digits, as: UTF8.self)).map(RunningProcess.init(id:))
    }

    /// Whose it is; nil when it is gone.
    package var user: UInt32? { (try? File.status(of: "/proc/\(id)"))?.user }

    /// A directory that a process keeps.
    package struct HeldDirectory: Hashable, Sendable {
        /// How a process keeps a directory.
        package enum Manner: Hashable, Sendable {
            /// Its current directory, or its root.
            case working
            case open
        }

        package let manner: Manner
        package let identity: FileStatus.Identity
        /// As the kernel shows it to this process; what it adds to a removed one is taken off.
        package let path: [UInt8]
    }

    /// The directories on some devices that it works in or has open; none where it is gone, or
    /// where this process may not look.
    ///
    /// Asks no FUSE daemon: a daemon may call it about its own mount.
    package func heldDirectories(on devices: Set<UInt64>) -> [HeldDirectory] {
        var links: [(String, HeldDirectory.Manner)] = [
            ("/proc/\(id)/cwd", .working), ("/proc/\(id)/root", .working),
        ]
        let open = try? File.open("/proc/\(id)/fd", [.readOnly, .directory]).entries()
        for entry in open ?? [] {
            links.append(("/proc/\(id)/fd/\(String(decoding: entry.name, as: UTF8.self))", .open))
        }
        return links.compactMap { link, manner in
            guard let status = try? File.status(of: link, .dontSync), status.kind == .directory,
                devices.contains(status.identity.device),
                var path = try? File.workingDirectory.readSymbolicLink(link)
            else { return nil }
            let removed = Array(" (deleted)".utf8)
            if path.count > removed.count, path.suffix(removed.count).elementsEqual(removed) {
                path.removeLast(removed.count)
            }
            return HeldDirectory(manner: manner, identity: status.identity, path: path)
        }
    }
}

/// What the system calls a user.
package enum UserName {
    /// The name of a user; nil where the number has none.
    package static func of(_ user: UInt32) -> String? {
        var room = [CChar](repeating: 0, count: 16 << 10)
        // The name points into the room.
        return unsafe room.withUnsafeMutableBufferPointer { room in
            guard let base = room.baseAddress else { return nil }
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            let status = unsafe getpwuid_r(user, &entry, base, room.count, &found)
            guard status == 0, unsafe found != nil, let name = unsafe entry.pw_name else {
                return nil
            }
            return unsafe String(cString: name)
        }
    }

    private static let actors = Mutex<[UInt32: String]>([:])

    /// Whom the change log names where a user gave no other name: the user's name; `uid:1000` where
    /// the number has none.
    ///
    /// Asked once for each user in the life of a process: it may wait for a directory service.
    package static func actor(of user: UInt32) -> String {
        if let known = actors.withLock({ $0[user] }) { return known }
        let actor = of(user) ?? "uid:\(user)"
        actors.withLock { $0[user] = actor }
        return actor
    }

    /// The name and the number, `ann (1000)`; the number alone where it has no name.
    package static func text(of user: UInt32) -> String {
        of(user).map { "\($0) (\(user))" } ?? String(user)
    }
}
