import CLinux
import Glibc

/// Reads the names of a directory, many to a system call (`getdents64`).
///
/// Names come as bytes, in the file system's order, without `.` and `..`. A name that is added or
/// removed meanwhile may be seen or not; any other is seen once. For one thread at a time.
package struct DirectoryStream: ~Copyable {
    package struct Entry: Hashable, Sendable {
        package let name: [UInt8]
        /// Nil where the file system does not say: then take the status.
        package let kind: FileStatus.Kind?
        package let inode: UInt64
    }

    private let directory: File
    private var buffer: [UInt8]
    private var filled = 0
    private var next = 0

    /// Reads a directory open for reading, from its position on.
    ///
    /// A smaller buffer, in bytes, serves small directories with less memory.
    package init(_ directory: consuming File, bufferSize: Int = 32 << 10) {
        precondition(bufferSize >= 512, "a record of a long name must fit the buffer")
        self.directory = directory
        buffer = [UInt8](repeating: 0, count: bufferSize)
    }

    /// The next entry, or nil at the end.
    package mutating func read() throws(Errno) -> Entry? {
        while true {
            if next == filled, try !refill() { return nil }
            let record = unsafe buffer.withUnsafeBytes { bytes in
                unsafe clinux_record(bytes.baseAddress, next)
            }
            next += record.record_length
            let name = buffer[record.name_offset..<record.name_offset + record.name_length]
            if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { continue }
            return Entry(name: Array(name), kind: kind(record.type), inode: record.inode)
        }
    }

    private mutating func refill() throws(Errno) -> Bool {
        let number = directory.descriptor
        filled = try retrying {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe clinux_getdents(number, bytes.baseAddress, bytes.count)
            }
        }
        next = 0
        return filled > 0
    }

    private func kind(_ type: UInt8) -> FileStatus.Kind? {
        switch type {
        case clinux_dt_regular: .file
        case clinux_dt_directory: .directory
        case clinux_dt_symlink: .symbolicLink
        case clinux_dt_unknown: nil
        default: .other
        }
    }
}

extension File {
    /// All names of this directory, read through a descriptor of their own.
    package func entries() throws(Errno) -> [DirectoryStream.Entry] {
        var stream = DirectoryStream(try openBeneath(".", [.readOnly, .directory]))
        var entries: [DirectoryStream.Entry] = []
        while let entry = try stream.read() { entries.append(entry) }
        return entries
    }
}
