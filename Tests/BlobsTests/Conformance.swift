import Blobs
import Linux
import Synchronization
import TestSupport
import Testing

/// What every blob store must do.
///
/// Each function is one promise; a backend's tests call them all.
struct Conformance<Store: BlobStore> {
    let store: Store
    let scratch: Scratch

    func key(_ text: String) throws -> BlobKey { try BlobKey(text) }

    func placedBytesSurviveTheirFirstKey() throws {
        let (old, new) = (try key("user=bob/a.1.md"), try key("topic=x/deep/a.1.md"))
        try store.write(Array("hello".utf8), at: old, syncing: true)
        try store.link(old, to: new)
        try store.makeDurable([old, new])
        try store.remove(old)
        try store.removeEmptyDirectories(above: [old])
        #expect(try store.read(new) == Array("hello".utf8))
        #expect(try !store.exists(old))
        #expect(throws: BlobError.notFound(old)) { _ = try store.open(old) }
    }

    func everythingMayBeRepeated() throws {
        let (old, new) = (try key("a/x.bin"), try key("b/x.bin"))
        for _ in 0..<2 {
            try store.write([1, 2], at: old, syncing: false)
            try store.link(old, to: new)
            try store.makeDurable([new])
        }
        for _ in 0..<2 {
            try store.remove(old)
            try store.removeEmptyDirectories(above: [old])
        }
        #expect(try store.read(new) == [1, 2])
    }

    func otherBytesAreNeverReplaced() throws {
        let (one, two) = (try key("a/1"), try key("a/2"))
        try store.write([1], at: one, syncing: false)
        try store.write([2], at: two, syncing: false)
        #expect(throws: BlobError.occupied(two)) { try store.link(one, to: two) }
        #expect(throws: BlobError.occupied(two)) {
            try store.write([1], at: two, syncing: false)
        }
        #expect(try store.read(two) == [2])
    }

    func missingSourceIsNotFound() throws {
        let missing = try key("no/such")
        #expect(throws: BlobError.notFound(missing)) {
            try store.link(missing, to: key("else/where"))
        }
        #expect(try store.size(of: missing) == nil)
    }

    func stagedFileIsPlaced() throws {
        let file = try scratch.open().open(
            "staged",
            [.readWrite, .create, .exclusive]
        )
        try file.write(Array("staged".utf8))
        try store.syncContents([file.descriptor])
        try store.place(file, at: key("p/q/s.md"))
        try store.place(file, at: key("p/q/s.md"))
        try scratch.open().unlink("staged")
        #expect(try store.read(key("p/q/s.md")) == Array("staged".utf8))
    }

    func unlinkedFileIsCopied() throws {
        let file = try scratch.open().open("gone", [.readWrite, .create, .exclusive])
        try file.write(Array("still here".utf8))
        try scratch.open().unlink("gone")
        try store.place(file, at: key("copy/of"))
        #expect(try store.read(key("copy/of")) == Array("still here".utf8))
        #expect(try walked() == ["copy/of"])
    }

    func hashIsSHA256() throws {
        try store.write(Array("abc".utf8), at: key("abc"), syncing: false)
        let digest = try store.hash(key("abc"))
        #expect(digest.size == 3)
        #expect(
            digest.sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }

    func walkMeetsEachBlobOnce() throws {
        var wanted: Set<String> = []
        for number in 0..<40 {
            let name = "d\(number % 7)/e\(number % 3)/\(number).md"
            wanted.insert(name)
            try store.write([1], at: key(name), syncing: false)
        }
        try store.makeDurable(wanted.map { try key($0) })
        #expect(try Set(walked()) == wanted)
        #expect(try walked().count == wanted.count)
    }

    func linksRaceWithRemovalOfDirectories() throws {
        let source = try key("source/blob")
        try store.write([7], at: source, syncing: false)
        let (store, stop) = (store, Done())
        let remover = try Thread.spawn(name: "remover") {
            guard let probe = try? BlobKey("race/deep/x") else { return }
            while !stop.isSet { try? store.removeEmptyDirectories(above: [probe]) }
        }
        defer {
            stop.set()
            remover.join()
        }
        for number in 0..<3000 {
            let target = try key("race/deep/\(number)")
            try store.link(source, to: target)
            #expect(try store.exists(target))
            try store.remove(target)
        }
    }

    private func walked() throws -> [String] {
        var names: [String] = []
        try store.walk { item in
            if case .blob(let key, _) = item { names.append(key.text) }
        }
        return names
    }
}

final class Done: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
