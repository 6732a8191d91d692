/// What was agreed with the kernel when the mount began.
package struct ConnectionInfo: Hashable, Sendable {
    /// The minor version of the kernel's FUSE protocol (the major one is 7).
    package let protocolMinor: UInt32
    /// The most bytes of one `write`.
    package let maxWrite: Int
    /// The most bytes that the kernel reads ahead.
    package let maxReadahead: Int
    package let readdirplus: Bool
}
