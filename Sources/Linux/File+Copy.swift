import CLinux
import Glibc

extension File {
    /// Copies all bytes of this file into another one; holes stay holes.
    ///
    /// Shares the blocks where the file system can (`FICLONE`), else copies within the kernel
    /// (`copy_file_range`), else through memory. Both files must be at their start, `target` empty
    /// and open for writing; where they are afterwards is not said.
    ///
    /// Returns How many bytes were copied; for a clone the size of this file.
    package func copyContents(to target: borrowing File) throws(Errno) -> Int64 {
        let output = target.descriptor
        do throws(Errno) {
            try retrying { clinux_clone(descriptor, output) }
            return try status().size
        } catch {
            // Any reason not to clone is a reason to copy; a real one comes again below.
        }
        let size = try status().size
        guard try hasHole(before: size) else { return try copyRest(to: target) }
        var end: Int64 = 0
        while let start = try data(from: end) {
            end = try nextHole(from: start)
            try seek(to: start)
            try target.seek(to: start)
            try copyRange(end - start, to: target)
        }
        try target.truncate(to: size)
        return size
    }

    /// Whether some of the bytes are a hole; false where the file system cannot tell.
    private func hasHole(before size: Int64) throws(Errno) -> Bool {
        guard size > 0 else { return false }
        do throws(Errno) {
            let hole = try nextHole(from: 0)
            try seek(to: 0)
            return hole < size
        } catch {
            return false
        }
    }

    private func data(from offset: Int64) throws(Errno) -> Int64? {
        do throws(Errno) {
            return try nextData(from: offset)
        } catch .noSuchAddress {
            return nil
        }
    }

    /// Copies so many bytes from one file's position to the other's.
    private func copyRange(_ count: Int64, to target: borrowing File) throws(Errno) {
        var left = count
        while left > 0 {
            let done = try unableIsNone { () throws(Errno) in
                try retrying { clinux_copy_range(descriptor, target.descriptor, Int(left)) }
            }
            guard let done, done > 0 else {
                // Cut meanwhile, or it has to go through memory.
                _ = try copyThroughMemory(to: target, atMost: left)
                return
            }
            left -= Int64(done)
        }
    }

    /// Copies from one file's position to its end.
    private func copyRest(to target: borrowing File) throws(Errno) -> Int64 {
        var done: Int64 = 0
        while true {
            let count = try unableIsNone { () throws(Errno) in
                try retrying { clinux_copy_range(descriptor, target.descriptor, 1 << 30) }
            }
            guard let count, count > 0 else { break }
            done += Int64(count)
        }
        // Some file systems (/proc) answer 0 where there is more to read.
        return done + (try copyThroughMemory(to: target, atMost: .max))
    }

    /// nil where the kernel cannot copy between these files.
    private func unableIsNone(_ copy: () throws(Errno) -> Int) throws(Errno) -> Int? {
        do throws(Errno) {
            return try copy()
        } catch .crossDevice, .invalidArgument, .notImplemented, .notSupported, .badDescriptor {
            return nil
        }
    }

    private func copyThroughMemory(
        to target: borrowing File,
        atMost limit: Int64
    ) throws(Errno) -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { unsafe buffer.deallocate() }
        var done: Int64 = 0
        while done < limit {
            let room = Int(min(Int64(buffer.count), limit - done))
            let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<room])
            let count = try unsafe read(into: piece)
            if count == 0 { break }
            try unsafe target.write(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            done += Int64(count)
        }
        return done
    }

    /// Copies once, from one offset to another; returns how much was copied, 0 at the end
    /// (`copy_file_range`).
    package func copyRange(
        at offset: Int64,
        count: Int,
        to target: borrowing File,
        at targetOffset: Int64
    ) throws(Errno) -> Int {
        let output = target.descriptor
        return try retrying {
            clinux_copy_range_at(descriptor, offset, output, targetOffset, count)
        }
    }
}
