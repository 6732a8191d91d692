/// What names a file to the kernel: bytes without a NUL.
///
/// Paths are bytes, so `[UInt8]` and buffers serve as well as `String`. A NUL inside is refused
/// with `EINVAL`: the kernel would see a shorter path than the caller checked.
package protocol CPath {
    /// Calls `body` once with the bytes, valid only during the call.
    // Not generic over a result: every call would ask the runtime for its type.
    func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void)
}

extension CPath {
    /// Calls `body` with the bytes and a NUL behind them, valid only during the call.
    // Inlined where it is called, so that `Result` is known there.
    @inline(__always)
    func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        // A `Result`, because the standard library's scopes for temporary memory rethrow untyped.
        var outcome = Swift.Result<Result, Errno>.failure(.invalidArgument)
        unsafe withPathBytes { bytes in
            if unsafe bytes.contains(0) { return }
            unsafe withUnsafeTemporaryAllocation(
                of: CChar.self,
                capacity: bytes.count + 1
            ) { buffer in
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
                unsafe buffer[bytes.count] = 0
                guard let start = buffer.baseAddress else {
                    outcome = .failure(.outOfMemory)
                    return
                }
                do throws(Errno) {
                    outcome = .success(try unsafe body(UnsafePointer(start)))
                } catch {
                    outcome = .failure(error)
                }
            }
        }
        return try outcome.get()
    }
}

extension String: CPath {
    package func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        var copy = self
        copy.withUTF8 { bytes in unsafe body(UnsafeRawBufferPointer(bytes)) }
    }
}

extension [UInt8]: CPath {
    package func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe withUnsafeBytes { bytes in unsafe body(bytes) }
    }
}

extension ArraySlice<UInt8>: CPath {
    package func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe withUnsafeBytes { bytes in unsafe body(bytes) }
    }
}

extension Substring: CPath {
    package func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        var copy = self
        copy.withUTF8 { bytes in unsafe body(UnsafeRawBufferPointer(bytes)) }
    }
}

extension UnsafeRawBufferPointer: @unsafe CPath {
    package func withPathBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe body(self)
    }
}
