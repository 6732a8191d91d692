import Linux
import Loci
import Migration
import Model

/// Memories of 0.5 to 8 KiB, if no other sizes are given, that a seed makes: the same at every run.
///
/// Lines of words; the last line of one in `hundredth` is `needle`.
struct Corpus {
    let count: Int
    let perDirectory: Int
    var sizes = 512...8192

    static let needle = "needle in a memory"
    static let hundredth = 100

    /// How many of them hold the needle.
    var needles: Int { (count + Self.hundredth - 1) / Self.hundredth }

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
        let size = sizes.lowerBound + Int(random.next() % UInt64(sizes.count))
        var bytes = text(of: size, &random)
        if index % Self.hundredth == 0 {
            let line = Array("\n\(Self.needle)\n".utf8)
            bytes.replaceSubrange((size - line.count)..., with: line)
        }
        let (user, topic) = partition(of: index)
        let directories = max(1, count / perDirectory)
        return Item(
            name: name(of: index),
            user: user,
            topic: topic,
            // A prime step takes neighbours apart.
            scattered: "s\((index &* 7919) % directories)",
            bytes: bytes
        )
    }

    private func text(of size: Int, _ random: inout SplitMix) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 16)
        var line = 0
        while bytes.count < size {
            bytes += Vocabulary.shared.word(&random)
            let ends = bytes.count - line > 72
            bytes.append(ends ? UInt8(ascii: "\n") : UInt8(ascii: " "))
            if ends { line = bytes.count }
        }
        bytes.removeLast(bytes.count - size)
        return bytes
    }

    /// Its directory below the tree, of the two levels that the schemes here have.
    func directory(of index: Int) -> String {
        let (user, topic) = partition(of: index)
        return "user=\(user)/topic=\(topic)"
    }

    func path(of index: Int) -> String { directory(of: index) + "/" + name(of: index) }

    private func name(of index: Int) -> String { "note-\(index).md" }

    private func partition(of index: Int) -> (user: String, topic: String) {
        let directory = index / perDirectory
        return ("u\(directory % 40)", "t\(directory / 40)")
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
