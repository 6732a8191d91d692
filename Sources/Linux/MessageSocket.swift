import CLinux
import Glibc

/// A file that several owners share.
package final class SharedFile: Sendable {
    package let file: File

    package init(_ file: consuming File) { self.file = file }
}

/// One end of a connection that keeps messages whole and passes descriptors (`SOCK_SEQPACKET`).
///
/// The other end is seen to be gone once no process has it open any more. Any thread may send, one
/// may receive.
package final class MessageSocket: Sendable {
    /// What one message brought.
    package struct Message: Sendable {
        package let bytes: [UInt8]
        package let files: [SharedFile]
    }

    /// The longest message, in bytes.
    package static let limit = 64 << 10

    private let file: File

    /// Takes over a socket of that kind.
    package init(_ file: consuming File) { self.file = file }

    /// Readable while a message waits, and when the other end is gone.
    package var descriptor: Int32 { file.descriptor }

    /// Both ends of a new connection.
    package static func pair() throws(Errno) -> (MessageSocket, MessageSocket) {
        var ends: [Int32] = [-1, -1]
        try retrying { unsafe clinux_socket_pair(&ends) }
        return (MessageSocket(File(owning: ends[0])), MessageSocket(File(owning: ends[1])))
    }

    /// Connects to whoever listens at a name in a directory.
    package convenience init(
        connectingTo name: String,
        in directory: borrowing File
    ) throws(Errno) {
        // Through the descriptor: the path to a socket may have 107 bytes only.
        let path = "/proc/self/fd/\(directory.descriptor)/\(name)"
        let socket = try unsafe path.withCPath { (path) throws(Errno) in
            try retrying { unsafe clinux_connect(path) }
        }
        self.init(File(owning: socket))
    }

    /// Sends one message; `EPIPE` when the other end is gone.
    package func send(_ bytes: [UInt8], passing files: [Int32] = []) throws(Errno) {
        try retrying {
            unsafe clinux_send_message(descriptor, bytes, bytes.count, files, files.count)
        }
    }

    /// Waits for the next message; nil when the other end is gone.
    package func receive() throws(Errno) -> Message? {
        var passed = [Int32](repeating: -1, count: 8)
        var count = 0
        var bytes = [UInt8](repeating: 0, count: Self.limit)
        let length: Int
        do throws(Errno) {
            length = try retrying {
                unsafe clinux_receive_message(descriptor, &bytes, bytes.count, &passed, &count)
            }
        } catch Errno(rawValue: ECONNRESET) {
            return nil
        }
        let files = passed.prefix(count).map { SharedFile(File(owning: $0)) }
        guard length > 0 else { return nil }
        return Message(bytes: Array(bytes.prefix(length)), files: files)
    }
}

/// Takes connections at a name in a directory.
package final class MessageListener: Sendable {
    private let file: File

    /// `EADDRINUSE` where the name is taken.
    package init(at name: String, in directory: borrowing File) throws(Errno) {
        let path = "/proc/self/fd/\(directory.descriptor)/\(name)"
        let socket = try unsafe path.withCPath { (path) throws(Errno) in
            try retrying { unsafe clinux_listen(path) }
        }
        file = File(owning: socket)
    }

    /// Readable while somebody waits to be let in.
    package var descriptor: Int32 { file.descriptor }

    /// Lets the next one in: the connection, and the user at its other end.
    package func accept() throws(Errno) -> (socket: MessageSocket, user: UInt32) {
        let number = try retrying { clinux_accept(descriptor) }
        let socket = MessageSocket(File(owning: number))
        var user: UInt32 = 0
        try retrying { unsafe clinux_peer_user(number, &user) }
        return (socket, user)
    }
}
