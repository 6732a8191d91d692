internal import CFUSE
internal import Glibc

/// What libfuse's callbacks reach through a request: the file system and the mount's settings.
final class Dispatcher: Sendable {
    let fileSystem: any FileSystem
    let extendedAttributes: Bool

    init(_ fileSystem: any FileSystem, extendedAttributes: Bool) {
        self.fileSystem = fileSystem
        self.extendedAttributes = extendedAttributes
    }

    /// The dispatcher of the session that a request belongs to, kept alive by that session.
    static func of(_ request: fuse_req_t?) -> Dispatcher {
        unsafe from(fuse_req_userdata(request))
    }

    static func from(_ userData: UnsafeMutableRawPointer?) -> Dispatcher {
        guard let userData = unsafe userData else {
            preconditionFailure("a session is always made with its dispatcher")
        }
        return unsafe Unmanaged<Dispatcher>.fromOpaque(userData).takeUnretainedValue()
    }

    /// Chooses what the kernel may do by itself.
    ///
    /// Content and names change only through the kernel or with a notification, so nothing is
    /// invalidated by guess; truncation must be a request of its own, because opens are not seen;
    /// set-user-id bits are dropped by the kernel, which then sends a `setattr`. What a listing
    /// brings beside names is chosen by whoever answers, in each piece of it: what the kernel would
    /// do by itself asks for names only after the first piece, and then for each file.
    func negotiate(_ connection: inout fuse_conn_info) {
        Self.configure(&connection)
        fileSystem.initialize(
            ConnectionInfo(
                protocolMinor: connection.proto_minor,
                maxWrite: Int(connection.max_write),
                maxReadahead: Int(connection.max_readahead),
                readdirplus: connection.want & UInt32(FUSE_CAP_READDIRPLUS) != 0
            )
        )
    }

    static func configure(_ connection: inout fuse_conn_info) {
        let off =
            FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_CACHE_SYMLINKS
            | FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_LOCKS
            | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE
            | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK
            | FUSE_CAP_READDIRPLUS_AUTO
        let on =
            FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS
            | FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_NO_OPEN_SUPPORT
            | FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPIRE_ONLY
        connection.want &= ~UInt32(off)
        connection.want |= UInt32(on) & connection.capable
        let most = UInt32(RequestThread.replyCapacity)
        connection.max_write = most
        connection.max_read = most
        connection.max_readahead = most
        connection.time_gran = 1
    }
}

/// The bytes of a C string, without its NUL, for as long as `body` runs.
@inline(__always)
func withBytes(of name: UnsafePointer<CChar>?, _ body: (RawSpan) -> Void) {
    let length = unsafe name.map { unsafe strlen($0) } ?? 0
    let bytes = unsafe UnsafeRawBufferPointer(start: name, count: length)
    unsafe body(bytes.bytes)
}

/// The raw request as a `Request`; libfuse never calls back without one.
@inline(__always)
func owned(_ request: fuse_req_t?) -> Request {
    guard let request = unsafe request else {
        preconditionFailure("libfuse calls back with a request")
    }
    return unsafe Request(request)
}
