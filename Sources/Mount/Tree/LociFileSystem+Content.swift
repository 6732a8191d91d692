import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model
import Synchronization

extension LociFileSystem {
    package func read(_ request: consuming Request, node: NodeID, size: Int, offset: Int64) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        let began = SystemClock.monotonic()
        defer {
            finish(thread)
            requestTimes.note(since: began)
        }
        do {
            switch Place(node) {
            case .generated(let number):
                guard let content = generated.content(of: number) else { throw Self.staleNode }
                let start = min(Int(clamping: offset), content.bytes.count)
                let end = min(start + size, content.bytes.count)
                let piece = Array(content.bytes[start..<end])
                request.reply(bytes: piece)
            case .node(let number):
                if size > Request.quickCopy { request.mayWait() }
                if staging.attributes(of: number) != nil,
                    let bytes = try stagedBytes(number, size, offset)
                {
                    return request.reply(bytes: bytes)
                }
                if offset == 0 {
                    _ = try thread.current()
                    let generation = thread.seenGeneration
                    ahead.noteRead(number)
                    if let (bytes, count) = ahead.take(number, generation: generation) {
                        defer { ahead.giveBack(bytes) }
                        if count <= size {
                            readAheadHits.add(1, ordering: .relaxed)
                            return request.reply(firstOf: bytes, count)
                        }
                    }
                }
                let opened = try open(number, offset: offset, size: size, thread)
                switch consume opened {
                case .kept(let descriptor):
                    request.reply(fileDescriptor: descriptor, offset: offset, size: size)
                case .whole(let file, let length):
                    request.reply(wholeFile: file.descriptor, length: length)
                case .once(let file):
                    request.reply(fileDescriptor: file.descriptor, offset: offset, size: size)
                }
            case .past(.revision, let number):
                request.mayWait()
                let descriptor = try openRevision(number, thread)
                request.reply(fileDescriptor: descriptor, offset: offset, size: size)
            default: request.fail(EISDIR)
            }
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    /// Fetches what will be read next, where its bytes are in memory.
    func readAhead(_ thread: ThreadReader) {
        guard let number = ahead.takeWanted() else { return }
        defer { finish(thread) }
        guard !checkpointWaits.isWaiting, !expectedLayout.isOn,
            staging.attributes(of: number) == nil,
            let reader = try? thread.current(),
            let content = try? reader.content(shownBy: number), content.kind == .memory,
            content.size <= Int64(ReadAhead.limit),
            let file = tenant.openWithoutWaiting(content)
        else { return }
        ahead.fetch(
            number,
            from: file,
            size: Int(content.size),
            generation: thread.seenGeneration
        )
    }

    private func stagedBytes(
        _ number: NodeNumber,
        _ size: Int,
        _ offset: Int64
    ) throws -> [UInt8]? {
        var isStaged = true
        let bytes = try unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let room = UnsafeMutableRawBufferPointer(buffer)
            if let read = try unsafe staging.read(number, into: room, at: offset) {
                count = read
            } else {
                isStaged = false
            }
        }
        return isStaged ? bytes : nil
    }

    /// A file to read one piece from.
    private enum Opened: ~Copyable {
        /// The thread keeps it open.
        case kept(Int32)
        /// A small file, of so many bytes.
        case whole(File, Int)
        case once(File)
    }

    /// Keeps the reader's turn only where opening, and most likely reading, waits for nothing.
    private func open(
        _ number: NodeNumber,
        offset: Int64,
        size: Int,
        _ thread: ThreadReader
    ) throws -> Opened {
        let reader = try thread.current()
        let generation = thread.seenGeneration
        if let known = thread.blobs.descriptor(number, generation: generation) {
            Request.passTurn()
            return .kept(known)
        }
        guard let content = try reader.content(shownBy: number) else { throw Self.goneNode }
        guard content.kind == .memory else {
            Request.passTurn()
            return .once(try foreignFiles.open(number, .readOnly))
        }
        guard let revision = content.revision else { throw Self.goneNode }
        if offset == 0, content.size <= Int64(min(size, Request.quickCopy)) {
            if let file = tenant.openWithoutWaiting(content) {
                return .whole(file, Int(content.size))
            }
            Request.passTurn()
            // Not whole: by then it may be a later revision, of another size.
            return .once(try tenant.openBlob(shownBy: number, reader: reader))
        }
        Request.passTurn()
        if let known = thread.blobs.descriptor(
            number,
            revision: revision,
            generation: generation
        ) {
            return .kept(known)
        }
        return .kept(
            thread.blobs.keep(
                try tenant.openBlob(shownBy: number, reader: reader),
                of: number,
                revision: revision,
                generation: generation
            )
        )
    }

    // MARK: Writing

    package func write(
        _ request: consuming Request,
        node: NodeID,
        bytes: RawSpan,
        offset: Int64
    ) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            let caller = caller(of: request)
            switch Place(node) {
            case .generated(let number):
                request.mayWait()
                try writeGenerated(number, bytes, at: offset, caller, thread)
            case .node(let number):
                if try isForeign(number, thread) {
                    request.mayWait()
                    let file = try foreignFiles.open(number, .writeOnly)
                    try unsafe bytes.withUnsafeBytes { buffer throws(Errno) in
                        try unsafe file.write(buffer, at: offset)
                    }
                } else {
                    try unsafe bytes.withUnsafeBytes { buffer throws in
                        unsafe try staging.write(
                            number,
                            buffer,
                            at: offset,
                            by: caller,
                            try thread.current()
                        )
                    }
                }
            case .past: throw Self.readOnlyPast
            default: throw Self.generatedFile
            }
            request.reply(written: bytes.byteCount)
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func isForeign(_ number: NodeNumber, _ thread: ThreadReader) throws -> Bool {
        if staging.attributes(of: number) != nil { return false }
        return try thread.current().node(number)?.kind == .foreign
    }

    func truncate(
        _ number: NodeNumber,
        to size: Int64,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        if try isForeign(number, thread) {
            try foreignFiles.open(number, .writeOnly).truncate(to: size)
        } else {
            try staging.truncate(number, to: size, by: caller, try thread.current())
        }
    }

    package func fsync(_ request: consuming Request, node: NodeID, dataOnly: Bool) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if case .node(let number) = Place(node) {
                if try isForeign(number, thread) {
                    try foreignFiles.open(number, .readOnly).sync()
                    try catalog.sync()
                } else if try !staging.fsync(number) {
                    try catalog.sync()
                }
            }
            request.succeed()
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func fsyncdir(_ request: consuming Request, node: NodeID, dataOnly: Bool) {
        let attempt = Attempt(request, node)
        do {
            try staging.syncNames()
            try catalog.sync()
            request.succeed()
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func readlink(_ request: consuming Request, node: NodeID) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            switch Place(node) {
            case .generated(let number):
                guard let content = generated.content(of: number) else { throw Self.staleNode }
                request.reply(bytes: content.bytes)
            case .node(let number):
                let target = try foreignFiles.open(number, .readOnly).readAll(limit: 4096)
                request.reply(bytes: target)
            default: request.fail(EINVAL)
            }
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func fallocate(
        _ request: consuming Request,
        node: NodeID,
        mode: Int32,
        offset: Int64,
        length: Int64
    ) {
        // The C library then writes zeros, and callers that would rather not are told so.
        request.fail(EOPNOTSUPP)
    }

    package func statfs(_ request: consuming Request, node: NodeID) {
        do {
            request.reply(try VolumeStatistics(ofVolumeAt: tenant.directory))
        } catch {
            request.fail(error.code)
        }
    }
}
