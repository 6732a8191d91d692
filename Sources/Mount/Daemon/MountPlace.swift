package import Linux
package import Model

/// Where a daemon serves.
package enum MountPlace: Sendable {
    /// On a directory, where it mounts by itself; `source` is what the mount table shows.
    case own(mountPoint: String, source: String)
    /// Where a keeper mounts, and hands the device over.
    case kept(KeptMount)
}

extension MountPlace {
    /// The absolute path of the mount point; checks it where nothing is mounted yet.
    func prepare(store: String) throws(LociError) -> String {
        switch self {
        case .own(let mountPoint, _): try MountPoint.prepare(mountPoint, store: store)
        case .kept(let mount):
            mount.succession.isTakeover
                ? mount.mountPoint : try MountPoint.prepare(mount.mountPoint, store: store)
        }
    }

    /// Waits for the device; nil where the daemon mounts by itself.
    func take(_ mountPoint: String) throws(LociError) -> KeptMount.Handed? {
        guard case .kept(let mount) = self else { return nil }
        return try mount.take(mountPoint).get()
    }

    var isOwn: Bool { if case .own = self { true } else { false } }

    var source: String {
        switch self {
        case .own(_, let source): source
        case .kept(let mount): mount.mountPoint
        }
    }

    var succession: Succession {
        if case .kept(let mount) = self { mount.succession } else { Succession() }
    }
}

/// A mount that a keeper makes and holds, and starts daemons for, one after the other.
package struct KeptMount: Sendable {
    /// What the keeper gives to who is ready for it.
    package struct Handed: Sendable {
        package var device: SharedFile
        /// The kernel's first request.
        package var beginning: [UInt8]
        /// The lock of the session that an earlier daemon left; nil for the first one.
        package var lock: SharedFile?

        package init(device: SharedFile, beginning: [UInt8], lock: SharedFile?) {
            self.device = device
            self.beginning = beginning
            self.lock = lock
        }
    }

    /// The directory: for the first daemon as it was given, for others absolute.
    package var mountPoint: String
    package var succession: Succession
    /// Says that all was checked that can be checked before the mount is there, and that it belongs
    /// on the directory of this absolute path; waits for the device.
    package var take: @Sendable (_ mountPoint: String) -> Result<Handed, LociError>

    package init(
        mountPoint: String,
        succession: Succession,
        take: @escaping @Sendable (_ mountPoint: String) -> Result<Handed, LociError>
    ) {
        self.mountPoint = mountPoint
        self.succession = succession
        self.take = take
    }
}
