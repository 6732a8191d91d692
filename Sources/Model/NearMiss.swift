/// Finds what somebody probably meant.
package enum NearMiss {
    /// The candidate that is fewest edits away (insert, delete, replace, swap neighbours), the
    /// first of equals; nil where none is within a third of the word's length, and at least one
    /// edit.
    package static func nearest(to word: String, in candidates: some Sequence<String>) -> String? {
        let target = Array(word.lowercased().utf8)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(target, Array(candidate.lowercased().utf8))
            let limit = max(1, max(target.count, candidate.utf8.count) / 3)
            guard distance <= limit, distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        return best?.candidate
    }

    /// Edits between two words, in time and rows of their lengths' product.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                let replace = last[j] + (a[i] == b[j] ? 0 : 1)
                var least = min(replace, last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    least = min(least, beforeLast[j - 1] + 1)
                }
                row.append(least)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
