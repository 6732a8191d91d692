/// What names a file to the kernel: bytes without a NUL.
///
/// Paths are bytes, so `[UInt8]` and buffers serve as well as `String`. A NUL inside is refused
/// with `EINVAL`: the kernel would see a shorter path than the caller checked.
package protocol CPath {
    /// Calls `body` with the bytes and a NUL behind them, valid only during the call.
    func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result
}

extension String: CPath {
    package func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        var copy = self
        let result = copy.withUTF8 { bytes in
            unsafe terminated(UnsafeRawBufferPointer(bytes), body)
        }
        return try result.get()
    }
}

extension [UInt8]: CPath {
    package func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let result = unsafe withUnsafeBytes { bytes in unsafe terminated(bytes, body) }
        return try result.get()
    }
}

extension ArraySlice<UInt8>: CPath {
    package func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let result = unsafe withUnsafeBytes { bytes in unsafe terminated(bytes, body) }
        return try result.get()
    }
}

extension Substring: CPath {
    package func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        var copy = self
        let result = copy.withUTF8 { bytes in
            unsafe terminated(UnsafeRawBufferPointer(bytes), body)
        }
        return try result.get()
    }
}

extension UnsafeRawBufferPointer: @unsafe CPath {
    package func withCPath<Result>(
        _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try unsafe terminated(self, body).get()
    }
}

/// A `Result`, because the standard library's scopes for temporary memory rethrow untyped.
private func terminated<Result>(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
) -> Swift.Result<Result, Errno> {
    if unsafe bytes.contains(0) { return .failure(.invalidArgument) }
    return unsafe withUnsafeTemporaryAllocation(
        of: CChar.self,
        capacity: bytes.count + 1
    ) { buffer in
        unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        unsafe buffer[bytes.count] = 0
        guard let start = buffer.baseAddress else { return .failure(.outOfMemory) }
        do throws(Errno) {
            return .success(try unsafe body(UnsafePointer(start)))
        } catch {
            return .failure(error)
        }
    }
}
