import CLinux
import Glibc

extension File {
    /// Copies everything from this file's position to its end into another file.
    ///
    /// Shares the blocks where the file system can (`FICLONE`), else copies within the kernel
    /// (`copy_file_range`), else through memory. `target` must be empty, positioned at its start
    /// and open for writing.
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
        var done: Int64 = 0
        do throws(Errno) {
            while true {
                let count = try retrying { clinux_copy_range(descriptor, output, 1 << 30) }
                if count == 0 { break }
                done += Int64(count)
            }
        } catch {
            let unable: [Errno] = [
                .crossDevice, .invalidArgument, .notImplemented, .notSupported, .badDescriptor,
            ]
            if !unable.contains(error) { throw error }
        }
        // Some file systems (/proc) answer 0 where there is more to read.
        return done + (try copyThroughMemory(to: target))
    }

    private func copyThroughMemory(to target: borrowing File) throws(Errno) -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { unsafe buffer.deallocate() }
        var done: Int64 = 0
        while true {
            let count = try unsafe read(into: buffer)
            if count == 0 { return done }
            try unsafe target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            done += Int64(count)
        }
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
