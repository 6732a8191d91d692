import CLinux
import Glibc

extension File {
    /// Reads once, from the file's position; 0 is the end (`read`).
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        try retrying { unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Whether the bytes of an open file from its start on, as many as fill the buffer, were in
    /// memory and are in the buffer now.
    ///
    /// Never waits for a disk; false also where that cannot be asked for (before Linux 4.14).
    package static func readCached(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Bool {
        unsafe clinux_read_cached(descriptor, buffer.baseAddress, buffer.count, 0) == buffer.count
    }

    /// Reads until the buffer is full or the file ends; returns how much was read (`pread`).
    package func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int64
    ) throws(Errno) -> Int {
        var done = 0
        while done < buffer.count {
            let count = try retrying {
                unsafe pread(
                    descriptor,
                    buffer.baseAddress.map { unsafe $0 + done },
                    buffer.count - done,
                    Int(offset) + done
                )
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// At most `count` bytes from `offset`; fewer only at the end of the file.
    package func read(count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        var failure: Errno?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(Errno) {
                filled = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Everything from the file's position to its end; more than `limit` bytes are `EFBIG`.
    ///
    /// For pipes and `/proc` too: it trusts no size.
    package func readAll(limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(64 << 10, limit + 1))
        while true {
            let count = try readPiece(into: &piece)
            if count == 0 { return bytes }
            if bytes.count + count > limit { throw .fileTooLarge }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    /// Reads once, from the file's position, over the beginning of `piece`; 0 is the end (`read`).
    package func readPiece(into piece: inout [UInt8]) throws(Errno) -> Int {
        var failure: Errno?
        let count = unsafe piece.withUnsafeMutableBytes { buffer in
            do throws(Errno) {
                return try unsafe read(into: buffer)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }

    /// From now on reads and writes of this open file throw `again` where they would wait
    /// (`O_NONBLOCK`).
    package func setNonBlocking() throws(Errno) {
        try retrying { clinux_set_nonblocking(descriptor) }
    }

    /// Writes once, what is taken of the bytes from an index on; returns how many were (`write`).
    package func writePiece(_ bytes: [UInt8], from start: Int) throws(Errno) -> Int {
        let rest = start..<bytes.count
        return try retrying {
            unsafe bytes.withUnsafeBytes { buffer in
                let piece = unsafe UnsafeRawBufferPointer(rebasing: buffer[rest])
                return unsafe Glibc.write(descriptor, piece.baseAddress, piece.count)
            }
        }
    }

    /// Writes all bytes at the file's position.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var done = 0
        while done < bytes.count {
            done += try retrying {
                unsafe Glibc.write(
                    descriptor,
                    bytes.baseAddress.map { unsafe $0 + done },
                    bytes.count - done
                )
            }
        }
    }

    /// Writes all bytes from `offset` on (`pwrite`).
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) {
        var done = 0
        while done < bytes.count {
            done += try retrying {
                unsafe pwrite(
                    descriptor,
                    bytes.baseAddress.map { unsafe $0 + done },
                    bytes.count - done,
                    Int(offset) + done
                )
            }
        }
    }

    /// Writes all bytes at the file's position.
    package func write(_ bytes: [UInt8]) throws(Errno) {
        try unsafe bytes.withUnsafeBytes { buffer -> Result<Void, Errno> in
            do throws(Errno) {
                return .success(try unsafe write(buffer))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// Writes all bytes from `offset` on (`pwrite`).
    package func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        try unsafe bytes.withUnsafeBytes { buffer -> Result<Void, Errno> in
            do throws(Errno) {
                return .success(try unsafe write(buffer, at: offset))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// Cuts the file to `size`, or lengthens it with zeros (`ftruncate`).
    package func truncate(to size: Int64) throws(Errno) {
        try retrying { ftruncate(descriptor, Int(size)) }
    }

    /// Moves the file's position (`lseek` from the start).
    package func seek(to offset: Int64) throws(Errno) {
        try retrying { lseek(descriptor, Int(offset), SEEK_SET) }
    }

    /// The file's position (`lseek`).
    package func position() throws(Errno) -> Int64 {
        Int64(try retrying { lseek(descriptor, 0, SEEK_CUR) })
    }

    /// What `lseek` is told to find data, as a request of FUSE has it.
    package static let seekData: Int32 = clinux_seek_data

    /// Where the first bytes at or after `offset` stand that are no hole (`SEEK_DATA`).
    ///
    /// Throws `ENXIO` where there are none up to the end. Moves the file's position.
    package func nextData(from offset: Int64) throws(Errno) -> Int64 {
        Int64(try retrying { lseek(descriptor, Int(offset), clinux_seek_data) })
    }

    /// Where the first hole at or after `offset` begins; the end of the file is one (`SEEK_HOLE`).
    ///
    /// Throws `ENXIO` beyond the end. Moves the file's position.
    package func nextHole(from offset: Int64) throws(Errno) -> Int64 {
        Int64(try retrying { lseek(descriptor, Int(offset), clinux_seek_hole) })
    }

    /// Allocates blocks for a range, or makes a hole (`fallocate`).
    package func allocate(_ kind: Allocation, offset: Int64, length: Int64) throws(Errno) {
        try retrying { clinux_fallocate(descriptor, kind.flags, offset, length) }
    }

    /// What `allocate` does with a range.
    package enum Allocation: Sendable {
        case extending
        case keepingSize
        case hole

        fileprivate var flags: Int32 {
            switch self {
            case .extending: 0
            case .keepingSize: clinux_fallocate_keep_size
            case .hole: clinux_fallocate_keep_size | clinux_fallocate_punch_hole
            }
        }
    }

    /// Tells the kernel how the file will be read (`posix_fadvise` over the whole file).
    package func advise(_ advice: Advice) throws(Errno) {
        try retrying { clinux_advise(descriptor, 0, 0, advice.number) }
    }

    /// How a file will be read.
    package enum Advice: Sendable {
        case sequential
        case willNeed
        case dontNeed

        fileprivate var number: Int32 {
            switch self {
            case .sequential: clinux_advice_sequential
            case .willNeed: clinux_advice_willneed
            case .dontNeed: clinux_advice_dontneed
            }
        }
    }
}
