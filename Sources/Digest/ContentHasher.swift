private import CCrypto

/// The SHA-256 of bytes that come in pieces.
///
/// The only place that knows who computes it: OpenSSL's libcrypto. One thread at a time.
package struct ContentHasher: ~Copyable, Sendable {
    private var state = SHA256_CTX()

    package init() { begin() }

    private mutating func begin() {
        let begun = unsafe SHA256_Init(&state)
        precondition(begun == 1, "SHA-256 begins")
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let done = unsafe SHA256_Update(&state, bytes.baseAddress, bytes.count)
        precondition(done == 1, "a digest that was begun takes bytes")
    }

    /// The 32 bytes of the hash of all that came since the last time; what follows is hashed anew.
    package mutating func take() -> [UInt8] {
        defer { begin() }
        return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let done = unsafe SHA256_Final(buffer.baseAddress, &state)
            precondition(done == 1, "a digest that was begun ends")
            count = 32
        }
    }

    /// The 32 bytes of the hash of all that came.
    package consuming func finalize() -> [UInt8] { take() }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = ContentHasher()
        hasher.update(bytes)
        return hasher.finalize()
    }
}
