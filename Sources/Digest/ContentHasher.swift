private import CCrypto

/// The SHA-256 of bytes that come in pieces.
///
/// The only place that knows who computes it: OpenSSL's libcrypto. One thread at a time.
// Safe: the context is made in `init`, freed in `deinit`, and passed to libcrypto only. Sendable: it
// has one owner, since it cannot be copied.
@safe package struct ContentHasher: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer

    package init() {
        guard let context = unsafe EVP_MD_CTX_new(),
            unsafe loci_sha256_begin(context) == 1
        else { preconditionFailure("libcrypto has SHA-256 and memory for it") }
        unsafe self.context = unsafe context
    }

    deinit {
        unsafe EVP_MD_CTX_free(context)
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let done = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(done == 1, "a digest that was begun takes bytes")
    }

    /// The 32 bytes of the hash of all that came.
    package consuming func finalize() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let done = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            precondition(done == 1, "a digest that was begun ends")
            count = 32
        }
    }

    /// The 32 bytes of the hash of all that came since the last time; what follows is hashed anew.
    package mutating func take() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let done = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            let begun = unsafe loci_sha256_begin(context)
            precondition(done == 1 && begun == 1, "a digest that was begun ends, and begins anew")
            count = 32
        }
    }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = ContentHasher()
        hasher.update(bytes)
        return hasher.finalize()
    }
}
