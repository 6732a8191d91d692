internal import CFUSE

/// The libfuse that this program runs with.
package enum FUSELibrary {
    /// As `3.14.0`.
    package static var version: String { unsafe String(cString: fuse_pkgversion()) }

    /// The file through which the kernel sends requests.
    package static let device = "/dev/fuse"
}
