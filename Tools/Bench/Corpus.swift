import Linux
import Loci
import Migration
import Model

/// Memories of 0.5 to 8 KiB that a seed makes, the same at every run.
struct Corpus {
    let count: Int
    let perDirectory: Int

    struct Item {
        let name: String
        /// Both together name its directory.
        let user: String
        let topic: String
        /// Another directory, which has nothing to do with that one.
        let scattered: String
        let bytes: [UInt8]

        var attributes: [String: String] {
            ["user": user, "topic": topic, "scattered": scattered]
        }
    }

    subscript(index: Int) -> Item {
        var random = SplitMix(state: UInt64(index))
        let size = 512 + Int(random.next() % (7680 + 1))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 8)
        while bytes.count < size {
            let word = random.next()
            for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
                bytes.append(0x20 + UInt8(truncatingIfNeeded: word >> shift) % 0x5F)
            }
        }
        bytes.removeLast(bytes.count - size)
        let (directory, directories) = (index / perDirectory, max(1, count / perDirectory))
        return Item(
            name: "note-\(index).md",
            user: "u\(directory % 40)",
            topic: "t\(directory / 40)",
            // A prime step takes neighbours apart.
            scattered: "s\((index &* 7919) % directories)",
            bytes: bytes
        )
    }

    /// Adds them all as memories.
    func add(to tenant: Tenant) async throws {
        var index = 0
        while index < count {
            let end = min(count, index + 10_000)
            let batch = try (index..<end).map { number in
                let item = self[number]
                return NewMemory(
                    .bytes(item.bytes),
                    name: try Name(item.name),
                    attributes: item.attributes
                )
            }
            for result in try await tenant.append(contentsOf: batch, origin: .thisProcess) {
                _ = try result.get()
            }
            index = end
        }
    }

    /// Writes them as plain files, in directories by user and topic.
    func write(to directory: String) throws {
        let root = try File.open(directory, [.readOnly, .directory])
        for index in 0..<count {
            let item = self[index]
            let folder = try root.makeDirectoriesBeneath("user=\(item.user)/topic=\(item.topic)")
                .takeLast()
            let file = try folder.open(Array(item.name.utf8), [.writeOnly, .create])
            try file.write(item.bytes)
        }
    }
}

/// Steele, Lea and Flood's SplitMix64.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
