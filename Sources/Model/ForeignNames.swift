/// Tells what tools keep beside memories from memories.
package enum ForeignNames {
    /// Whether a file of this name is no memory: a dot file (`.#x` too), or an editor's backup
    /// (`x~`, `#x#`), swap file (`x.swp`, `x.swo`, `x.swx`) or probe (`4913`).
    package static func isForeign(_ name: Name) -> Bool {
        let bytes = name.bytes
        if bytes.first == ASCII.dot || bytes.last == ASCII.tilde { return true }
        if bytes.count > 2, bytes.first == ASCII.hash, bytes.last == ASCII.hash { return true }
        return swapSuffixes.contains { bytes.count > $0.count && bytes.ends(with: $0) }
            || bytes == probe
    }

    /// Whether a directory of this name, and so all below it, is no partition: only one that begins
    /// with a dot.
    ///
    /// Editors make no directories of their own, and a value such as `4913` or `draft~` must stay a
    /// partition.
    package static func isForeignDirectory(_ name: Name) -> Bool {
        name.bytes.first == ASCII.dot
    }

    private static let swapSuffixes = [".swp", ".swo", ".swx"].map { Array($0.utf8) }
    /// vim's test file for a writable directory.
    private static let probe = Array("4913".utf8)
}

extension [UInt8] {
    fileprivate func ends(with suffix: [UInt8]) -> Bool { self.suffix(suffix.count) == suffix[...] }
}
