import Loci

/// The difference of two texts, line by line, as `diff -u` writes it.
///
/// A pure value. Lines end with a line feed; all other bytes are part of them.
struct UnifiedDiff {
    /// Lines around each difference.
    private static let context = 3
    /// Texts that differ in more lines are shown as one whole replaced by the other: finding the
    /// shortest difference takes the square of that in time and memory.
    private static let searched = 4000

    /// A run of lines: common to both, or of one of them.
    private enum Step: Hashable {
        case keep(old: Int, new: Int)
        case remove(Int)
        case add(Int)
    }

    private let old: [ArraySlice<UInt8>]
    private let new: [ArraySlice<UInt8>]
    private let steps: [Step]

    init(_ old: [UInt8], _ new: [UInt8]) {
        self.old = Self.lines(old)
        self.new = Self.lines(new)
        steps = Self.steps(self.old, self.new)
    }

    /// Whether bytes are text: UTF-8 without a NUL.
    static func isText(_ bytes: [UInt8]) -> Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }

    /// Lines with their line feeds; the last one may have none.
    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            lines.append(bytes[start...index])
            start = index + 1
        }
        if start < bytes.endIndex { lines.append(bytes[start...]) }
        return lines
    }

    private static func steps(_ old: [ArraySlice<UInt8>], _ new: [ArraySlice<UInt8>]) -> [Step] {
        var head = 0
        while head < min(old.count, new.count), old[head] == new[head] { head += 1 }
        var tail = 0
        while tail < min(old.count, new.count) - head,
            old[old.count - 1 - tail] == new[new.count - 1 - tail]
        { tail += 1 }
        let (removed, added) = differing(
            old[head..<old.count - tail],
            new[head..<new.count - tail]
        )
        var steps: [Step] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, removed.contains(i) {
                steps.append(.remove(i))
                i += 1
            } else if j < new.count, added.contains(j) {
                steps.append(.add(j))
                j += 1
            } else {
                steps.append(.keep(old: i, new: j))
                i += 1
                j += 1
            }
        }
        return steps
    }

    private static func differing(
        _ old: ArraySlice<ArraySlice<UInt8>>,
        _ new: ArraySlice<ArraySlice<UInt8>>
    ) -> (removed: Set<Int>, added: Set<Int>) {
        guard old.count + new.count <= searched else { return (Set(old.indices), Set(new.indices)) }
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        func number(_ line: ArraySlice<UInt8>) -> Int {
            if let number = numbers[line] { return number }
            numbers[line] = numbers.count
            return numbers.count - 1
        }
        let (before, after) = (old.map(number), new.map(number))
        var (removed, added) = (Set<Int>(), Set<Int>())
        for change in after.difference(from: before) {
            switch change {
            case .remove(let offset, _, _): removed.insert(old.startIndex + offset)
            case .insert(let offset, _, _): added.insert(new.startIndex + offset)
            }
        }
        return (removed, added)
    }

    // MARK: As text

    /// Whether there is no difference.
    var isEmpty: Bool { steps.allSatisfy { if case .keep = $0 { true } else { false } } }

    /// The hunks, without the two lines that name the texts.
    func hunks() -> [UInt8] {
        var text: [UInt8] = []
        var index = 0
        while let first = steps[index...].firstIndex(where: Self.isChange) {
            var last = first
            // Differences with so few lines between them that their surroundings meet are one hunk.
            while let next = steps[(last + 1)...].firstIndex(where: Self.isChange),
                next - last <= 2 * Self.context + 1
            { last = next }
            let range = max(index, first - Self.context)..<min(steps.count, last + 1 + Self.context)
            append(range, to: &text)
            index = range.upperBound
        }
        return text
    }

    private static func isChange(_ step: Step) -> Bool {
        if case .keep = step { false } else { true }
    }

    private func append(_ range: Range<Int>, to text: inout [UInt8]) {
        var (oldCount, newCount) = (0, 0)
        for step in steps[range] {
            if case .add = step {} else { oldCount += 1 }
            if case .remove = step {} else { newCount += 1 }
        }
        var (oldStart, newStart) = (0, 0)
        for step in steps[..<range.lowerBound] {
            if case .add = step {} else { oldStart += 1 }
            if case .remove = step {} else { newStart += 1 }
        }
        let head =
            "@@ -\(Self.place(oldStart, oldCount)) +\(Self.place(newStart, newCount)) @@\n"
        text += Array(head.utf8)
        for step in steps[range] {
            switch step {
            case .keep(let line, _): append(" ", old[line], to: &text)
            case .remove(let line): append("-", old[line], to: &text)
            case .add(let line): append("+", new[line], to: &text)
            }
        }
    }

    /// Lines count from 1; nothing is said to be after the line before it.
    private static func place(_ start: Int, _ count: Int) -> String {
        count == 1 ? "\(start + 1)" : "\(count == 0 ? start : start + 1),\(count)"
    }

    private func append(
        _ mark: Unicode.Scalar,
        _ line: ArraySlice<UInt8>,
        to text: inout [UInt8]
    ) {
        text.append(UInt8(ascii: mark))
        text += line
        guard line.last != UInt8(ascii: "\n") else { return }
        text += Array("\n\\ No newline at end of file\n".utf8)
    }
}
