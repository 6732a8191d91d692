import Linux
import Synchronization

/// An open directory of a blob store, and what is known of it.
final class OpenDirectory: Sendable {
    let file: File
    /// Set when its name, and those of all directories above, are known to survive a power cut.
    ///
    /// It belongs to this open directory, not to its path: one that is removed and made again is
    /// another one, and unknown.
    let nameIsDurable = Atomic<Bool>(false)

    init(_ file: consuming File) {
        self.file = file
    }
}

/// The path of a directory of keys, to look it up by; empty at the top.
///
/// Its bytes are hashed at once; those of an array are taken one by one.
struct KeyDirectory: Hashable {
    let bytes: [UInt8]

    func hash(into hasher: inout Hasher) {
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

/// The directories that were used last, open.
///
/// Two generations, so that finding, adding and forgetting take constant time: when the young one
/// is full it becomes the old one, and who is not asked for again goes with it. At most
/// `2 * generation` descriptors are open.
final class DirectoryCache: Sendable {
    static let generation = 128

    private struct State {
        var young: [KeyDirectory: OpenDirectory] = [:]
        var old: [KeyDirectory: OpenDirectory] = [:]
    }

    private let state = Mutex(State())

    func find(_ path: [UInt8]) -> OpenDirectory? {
        state.withLock { state in
            let path = KeyDirectory(bytes: path)
            if let found = state.young[path] { return found }
            guard let found = state.old[path] else { return nil }
            Self.add(found, path, &state)
            return found
        }
    }

    func add(_ directory: OpenDirectory, _ path: [UInt8]) {
        state.withLock { state in Self.add(directory, KeyDirectory(bytes: path), &state) }
    }

    func forget(_ path: [UInt8]) {
        state.withLock { state in
            state.young[KeyDirectory(bytes: path)] = nil
            state.old[KeyDirectory(bytes: path)] = nil
        }
    }

    private static func add(
        _ directory: OpenDirectory,
        _ path: KeyDirectory,
        _ state: inout State
    ) {
        if state.young.count >= generation {
            state.old = state.young
            state.young = [:]
        }
        state.young[path] = directory
    }
}
