/// The lines in which two texts differ, as `diff -u` shows them.
///
/// A pure value. Myers' greedy search for the shortest script.
struct LineDiff {
    enum Edit: Hashable {
        case keep(Int, Int)
        case remove(Int)
        case insert(Int)
    }

    /// Beyond so many differing lines the middle counts as replaced whole: the search costs their
    /// square.
    private static let most = 2000

    private let old: [ArraySlice<UInt8>]
    private let new: [ArraySlice<UInt8>]
    let edits: [Edit]

    init(_ old: [UInt8], _ new: [UInt8]) {
        self.old = Self.lines(old)
        self.new = Self.lines(new)
        edits = Self.script(self.old, self.new)
    }

    var isEmpty: Bool {
        edits.allSatisfy { if case .keep = $0 { true } else { false } }
    }

    /// Lines with their ends.
    private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for (index, byte) in text.enumerated() where byte == 0x0A {
            lines.append(text[start...index])
            start = index + 1
        }
        if start < text.count { lines.append(text[start...]) }
        return lines
    }

    private static func script(
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> [Edit] {
        var head = 0
        while head < min(old.count, new.count), old[head] == new[head] { head += 1 }
        var tail = 0
        while tail < min(old.count, new.count) - head,
            old[old.count - 1 - tail] == new[new.count - 1 - tail]
        { tail += 1 }
        let middle = search(
            Array(old[head..<old.count - tail]),
            Array(new[head..<new.count - tail])
        )
        return (0..<head).map { .keep($0, $0) }
            + middle.map { edit in
                switch edit {
                case .keep(let a, let b): .keep(a + head, b + head)
                case .remove(let a): .remove(a + head)
                case .insert(let b): .insert(b + head)
                }
            }
            + (0..<tail).map { .keep(old.count - tail + $0, new.count - tail + $0) }
    }

    private static func search(
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> [Edit] {
        let limit = min(old.count + new.count, most)
        var furthest = [1: 0]
        var trace: [[Int: Int]] = []
        for distance in 0...limit {
            trace.append(furthest)
            for diagonal in stride(from: -distance, through: distance, by: 2) {
                let isDown =
                    diagonal == -distance
                    || diagonal != distance
                        && furthest[diagonal - 1, default: -1]
                            < furthest[diagonal + 1, default: -1]
                var x =
                    isDown
                    ? furthest[diagonal + 1, default: 0]
                    : furthest[diagonal - 1, default: 0] + 1
                while x < old.count, x - diagonal < new.count, x - diagonal >= 0,
                    old[x] == new[x - diagonal]
                { x += 1 }
                furthest[diagonal] = x
                if x >= old.count, x - diagonal >= new.count {
                    return walk(back: trace, old.count, new.count)
                }
            }
        }
        return old.indices.map { .remove($0) } + new.indices.map { .insert($0) }
    }

    private static func walk(back trace: [[Int: Int]], _ oldCount: Int, _ newCount: Int) -> [Edit] {
        var edits: [Edit] = []
        var (x, y) = (oldCount, newCount)
        for distance in trace.indices.reversed() {
            let furthest = trace[distance]
            let diagonal = x - y
            let isDown =
                diagonal == -distance
                || diagonal != distance
                    && furthest[diagonal - 1, default: -1] < furthest[diagonal + 1, default: -1]
            let before = isDown ? diagonal + 1 : diagonal - 1
            let fromX = furthest[before, default: 0]
            let fromY = fromX - before
            while x > max(fromX, 0), y > max(fromY, 0) {
                x -= 1
                y -= 1
                edits.append(.keep(x, y))
            }
            guard distance > 0 else { break }
            if isDown {
                y -= 1
                edits.append(.insert(y))
            } else {
                x -= 1
                edits.append(.remove(x))
            }
        }
        return edits.reversed()
    }

    // MARK: Text

    /// Hunks with so many lines around them.
    func unified(context: Int = 3) -> [UInt8] {
        var text: [UInt8] = []
        for range in hunks(context) { text += hunk(edits[range]) }
        return text
    }

    private func hunks(_ context: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (index, edit) in edits.enumerated() {
            if case .keep = edit { continue }
            let range = max(0, index - context)..<min(edits.count, index + context + 1)
            if let last = ranges.last, last.upperBound >= range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    private func hunk(_ edits: ArraySlice<Edit>) -> [UInt8] {
        var body: [UInt8] = []
        var (firstOld, firstNew): (Int?, Int?) = (nil, nil)
        var (oldCount, newCount) = (0, 0)
        func add(_ mark: UInt8, _ line: ArraySlice<UInt8>) {
            body.append(mark)
            body += line
            if line.last != 0x0A { body += Array("\n\\ No newline at end of file\n".utf8) }
        }
        for edit in edits {
            switch edit {
            case .keep(let a, let b):
                add(UInt8(ascii: " "), old[a])
                (firstOld, firstNew) = (firstOld ?? a, firstNew ?? b)
                oldCount += 1
                newCount += 1
            case .remove(let a):
                add(UInt8(ascii: "-"), old[a])
                firstOld = firstOld ?? a
                oldCount += 1
            case .insert(let b):
                add(UInt8(ascii: "+"), new[b])
                firstNew = firstNew ?? b
                newCount += 1
            }
        }
        let head =
            "@@ -\(oldCount == 0 ? 0 : (firstOld ?? 0) + 1),\(oldCount) "
            + "+\(newCount == 0 ? 0 : (firstNew ?? 0) + 1),\(newCount) @@\n"
        return Array(head.utf8) + body
    }
}
