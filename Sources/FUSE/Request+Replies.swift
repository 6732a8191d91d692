internal import CFUSE
internal import Glibc
import Linux

// libfuse's return codes are not looked at: a reply fails only when the caller was interrupted or
// the mount is gone, and then there is nobody to tell.
extension Request {
    /// Answers with an error; `code` is an `errno` value.
    package consuming func fail(_ code: Int32) {
        unsafe fuse_reply_err(take(), code)
    }

    /// Answers success to a request that has no result.
    package consuming func succeed() {
        unsafe fuse_reply_err(take(), 0)
    }

    package consuming func reply(_ entry: Entry) {
        reply(raw: entry.encoded)
    }

    /// Answers that the name does not exist, and that the kernel may believe so for a while.
    package consuming func replyAbsent(for timeout: Timeout) {
        var out = fuse_entry_out()
        out.entry_valid = timeout.seconds
        out.entry_valid_nsec = timeout.nanoseconds
        reply(raw: out)
    }

    package consuming func reply(_ attributes: Attributes, timeout: Timeout = .forever) {
        var out = fuse_attr_out()
        out.attr_valid = timeout.seconds
        out.attr_valid_nsec = timeout.nanoseconds
        out.attr = attributes.encoded
        reply(raw: out)
    }

    /// Answers with bytes: the data of a `read`, the target of a `readlink`.
    package consuming func reply(_ bytes: RawSpan) {
        let request = unsafe take()
        unsafe bytes.withUnsafeBytes { unsafe Self.reply($0, to: request) }
    }

    /// Answers a `write` or `copyFileRange`.
    package consuming func reply(written count: Int) {
        unsafe fuse_reply_write(take(), count)
    }

    /// Answers an `lseek`.
    package consuming func reply(offset: Int64) {
        unsafe fuse_reply_lseek(take(), off_t(offset))
    }

    package consuming func reply(_ statistics: VolumeStatistics) {
        var out = fuse_statfs_out()
        out.st = statistics.encoded
        reply(raw: out)
    }

    package consuming func reply(_ listing: borrowing DirectoryBuffer) {
        unsafe Self.reply(UnsafeRawBufferPointer(listing.filled), to: take())
    }

    /// Answers `getxattr` and `listxattr`: the value, its size when `room` is 0, or ERANGE.
    package consuming func reply(attribute value: RawSpan, room: Int) {
        if room == 0 {
            unsafe fuse_reply_xattr(take(), value.byteCount)
        } else if value.byteCount > room {
            fail(ERANGE)
        } else {
            reply(value)
        }
    }

    /// Answers a `read` with what one `pread` of an open file gives.
    ///
    /// Copies once, through the request thread's buffer (on other threads a temporary one).
    package consuming func reply(fileDescriptor: Int32, offset: Int64, size: Int) {
        if let thread = RequestThread.current {
            let room = min(size, RequestThread.replyCapacity)
            unsafe reply(
                fileDescriptor: fileDescriptor,
                offset: offset,
                buffer: UnsafeMutableRawBufferPointer(start: thread.replyBuffer, count: room)
            )
        } else {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            defer { unsafe buffer.deallocate() }
            unsafe reply(fileDescriptor: fileDescriptor, offset: offset, buffer: buffer)
        }
    }

    /// Answers a `read` with all `length` bytes of a small file.
    ///
    /// What is in memory is read with the turn held; before a disk is asked for the rest the turn
    /// is passed on.
    package consuming func reply(wholeFile descriptor: Int32, length: Int) {
        guard let thread = RequestThread.current, thread.heldTurn != nil,
            length <= RequestThread.replyCapacity
        else { return reply(fileDescriptor: descriptor, offset: 0, size: length) }
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: thread.replyBuffer, count: length)
        guard unsafe File.readCached(descriptor, into: bytes) else {
            mayWait()
            return reply(fileDescriptor: descriptor, offset: 0, size: length)
        }
        unsafe Self.reply(UnsafeRawBufferPointer(bytes), to: take())
    }

    private consuming func reply(
        fileDescriptor: Int32,
        offset: Int64,
        buffer: UnsafeMutableRawBufferPointer
    ) {
        while true {
            let count = unsafe pread(
                fileDescriptor,
                buffer.baseAddress,
                buffer.count,
                off_t(offset)
            )
            if count >= 0 {
                unsafe Self.reply(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: take())
                return
            }
            let code = errno
            if code != EINTR {
                fail(code)
                return
            }
        }
    }

    private consuming func reply<Body: BitwiseCopyable>(raw body: Body) {
        let request = unsafe take()
        unsafe withUnsafeBytes(of: body) { unsafe Self.reply($0, to: request) }
    }

    private static func reply(_ bytes: UnsafeRawBufferPointer, to request: fuse_req_t) {
        unsafe fuse_reply_buf(
            request,
            bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            bytes.count
        )
    }
}
