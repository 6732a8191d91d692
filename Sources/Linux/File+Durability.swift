import CLinux
import Glibc

extension File {
    /// Makes content and attributes survive a power cut; of a directory, its names (`fsync`).
    package func sync() throws(Errno) {
        try retrying { fsync(descriptor) }
    }

    /// Makes content survive a power cut, with the size but without times (`fdatasync`).
    package func syncContent() throws(Errno) {
        try retrying { fdatasync(descriptor) }
    }

    /// Makes everything on this file's file system survive a power cut (`syncfs`).
    package func syncFileSystem() throws(Errno) {
        try retrying { clinux_syncfs(descriptor) }
    }
}
