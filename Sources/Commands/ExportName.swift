import Loci

/// How a directory of a layout is called in an export.
enum ExportName {
    /// The name without escapes where that reads back to the same value, else as it is.
    static func plain(_ name: Name, depth: Int, _ scheme: Scheme) -> Name {
        var prefix: [UInt8] = []
        var isRest = true
        if depth < scheme.fixedDepth {
            guard case .field(let key, .attribute) = scheme.segments[depth] else { return name }
            prefix = key?.prefix ?? []
            isRest = false
        }
        let value = Escape.decoded(name.bytes.dropFirst(prefix.count))
        guard let first = value.first, first != ASCII.dot, value.count <= Name.maximumLength,
            !value.contains(0), !value.contains(ASCII.slash),
            String(validating: value, as: UTF8.self) != nil,
            isRest || value != Scheme.missing,
            let plain = try? Name(validating: prefix + value)
        else { return name }
        return plain
    }
}
