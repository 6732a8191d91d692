import Glibc

extension File {
    /// Makes every directory of a relative path that is missing beneath this one.
    ///
    /// As safe as `openBeneath`: each step goes from an open directory to one component, so no
    /// symbolic link is followed. Somebody else making the same directories is no error, nor is
    /// somebody removing one meanwhile: then it is made again.
    ///
    /// Returns the last directory, open for reading, and the paths of the directories that
    /// this call made, outermost first.
    package func makeDirectoriesBeneath(
        _ path: [UInt8],
        mode: UInt32 = 0o777
    ) throws(Errno) -> MadeDirectories {
        var made: [[UInt8]] = []
        for _ in 0..<Self.attemptsToMakeDirectories {
            do throws(Errno) {
                let last = try walk(path, mode: mode, made: &made)
                return MadeDirectories(last: last, made: made)
            } catch .noSuchFile {
                // In a directory that was removed itself nothing can be made, ever.
                if try status().linkCount == 0 { throw .noSuchFile }
            }
        }
        throw .noSuchFile
    }

    package func makeDirectoriesBeneath(
        _ path: String,
        mode: UInt32 = 0o777
    ) throws(Errno) -> MadeDirectories {
        try makeDirectoriesBeneath(Array(path.utf8), mode: mode)
    }

    /// Who removes directories all the time wins most rounds, but not so many in a row.
    private static var attemptsToMakeDirectories: Int { 4096 }

    /// What `makeDirectoriesBeneath` answers.
    package struct MadeDirectories: ~Copyable, Sendable {
        package let last: File
        package let made: [[UInt8]]

        /// Gives the open directory away.
        package consuming func takeLast() -> File { last }
    }

    private func walk(
        _ path: [UInt8],
        mode: UInt32,
        made: inout [[UInt8]]
    ) throws(Errno) -> File {
        let flags: OpenFlags = [.readOnly, .directory]
        var current = try openBeneath(".", flags)
        var end = path.startIndex
        while end < path.endIndex {
            let start = end
            end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            let component = path[start..<end]
            if component.isEmpty || component.elementsEqual("..".utf8) { throw .invalidArgument }
            do throws(Errno) {
                try current.makeDirectory(component, mode: mode)
                let whole = Array(path[..<end])
                if !made.contains(whole) { made.append(whole) }
            } catch .exists {
                // The next step finds out whether it is a directory.
            }
            current = try current.openBeneath(component, flags)
            if end < path.endIndex { end += 1 }
        }
        return current
    }
}
