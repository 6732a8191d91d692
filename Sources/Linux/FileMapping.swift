import CLinux

/// A part of a file as memory, shared with the file and with whoever else maps it (`mmap`).
///
/// Touching bytes beyond the end of the file ends the process (`SIGBUS`): the caller knows its
/// size. For one thread at a time.
@safe package struct FileMapping: ~Copyable {
    private let start: UnsafeMutableRawPointer
    private let count: Int

    /// Maps `count` bytes from `offset` on, a multiple of the page size; the file may be closed.
    package init(
        _ file: borrowing File,
        at offset: Int64,
        count: Int,
        writable: Bool
    ) throws(Errno) {
        guard count > 0 else { throw .invalidArgument }
        guard
            let start = unsafe clinux_map(file.descriptor, offset, count, writable ? 1 : 0)
        else { throw .last }
        unsafe self.start = start
        self.count = count
    }

    deinit { _ = unsafe clinux_unmap(start, count) }

    /// The bytes of a range of the mapping.
    package func read(at offset: Int, count: Int) -> [UInt8] {
        precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
        return unsafe Array(UnsafeRawBufferPointer(start: start + offset, count: count))
    }

    /// Writes into a mapping made with `writable`.
    package func write(_ bytes: [UInt8], at offset: Int) {
        precondition(offset >= 0 && offset + bytes.count <= count)
        unsafe bytes.withUnsafeBytes { buffer in
            guard let source = buffer.baseAddress else { return }
            unsafe (start + offset).copyMemory(from: source, byteCount: buffer.count)
        }
    }

    /// Waits until what was written is with the file system (`msync`).
    package func sync() throws(Errno) {
        try retrying { unsafe clinux_map_sync(start, count) }
    }
}
