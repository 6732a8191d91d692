import Digest
import Model
import Testing

@Suite("SHA-256")
struct ContentHasherTests {
    /// What `sha256sum` says of so many letters "a": around the ends of blocks, and many of them.
    static let answers: [(Int, String)] = [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        (56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
        (64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        (65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"),
        (1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ]

    @Test("is what others compute, in one piece and in many", arguments: Self.answers)
    func known(count: Int, hash: String) {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: count)
        #expect(Hex.text(ContentHasher.hash(bytes)) == hash)
        var pieces = ContentHasher()
        var rest = bytes[...]
        var length = 1
        while !rest.isEmpty {
            pieces.update(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
            length = length * 2 + 1
        }
        #expect(Hex.text(pieces.finalize()) == hash)
    }

    @Test("what is taken does not count for what follows")
    func take() {
        var hasher = ContentHasher()
        for text in ["first", "", "second"] {
            hasher.update(Array(text.utf8))
            #expect(hasher.take() == ContentHasher.hash(Array(text.utf8)))
        }
    }
}
