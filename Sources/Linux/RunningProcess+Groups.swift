extension RunningProcess {
    /// Its groups for files and the supplementary ones (`status`); none when it is gone.
    package var groups: [UInt32] {
        guard let bytes = read("status") else { return [] }
        var groups: [UInt32] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let isOwn = line.starts(with: "Gid:".utf8)
            guard isOwn || line.starts(with: "Groups:".utf8) else { continue }
            let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            let numbers = words.dropFirst().compactMap { UInt32($0) }
            // Real, effective, saved, and that for files.
            groups += isOwn ? Array(numbers.suffix(1)) : numbers
        }
        return groups
    }
}
