extension Scheme {
    /// The sign of an attribute that a memory lacks.
    package static let missing: [UInt8] = [ASCII.underscore]

    /// The directories of a memory, the outermost first.
    ///
    /// A pure function of the fields, with a proven inverse, `parse`. Throws `nameTooLong` where a
    /// component has more than 255 bytes.
    package func render(_ fields: some FieldSource) throws(LociError) -> [Name] {
        var names: [Name] = []
        names.reserveCapacity(segments.count)
        for segment in segments {
            switch segment {
            case .literal(let name):
                names.append(name)
            case .field(let key, let field):
                names.append(try Self.component(key, field, fields))
            case .rest(let key):
                guard let value = fields.attribute(key), !value.isEmpty else { continue }
                try Self.appendRest(value, to: &names)
            }
        }
        return names
    }

    /// The component of one segment that is a field.
    package static func component(
        _ key: Key?,
        _ field: Field,
        _ fields: some FieldSource
    ) throws(LociError) -> Name {
        var bytes: [UInt8] = []
        if let key {
            bytes.reserveCapacity(key.prefix.count + 24)
            bytes.append(contentsOf: key.prefix)
        }
        switch field {
        case .attribute(let name, let form):
            guard let value = fields.attribute(name) else {
                bytes.append(contentsOf: missing)
                break
            }
            append(value, in: form, to: &bytes)
            if bytes.isEmpty { bytes = Escape.empty }
        case .created(let span): append(fields.created, span, to: &bytes)
        case .id(nil): bytes.append(contentsOf: fields.id.text)
        case .id(let buckets?):
            let width = String(buckets - 1).utf8.count
            Digits.append(fields.id.bucket(of: buckets), width: width, to: &bytes)
        }
        guard bytes.count <= Name.maximumLength else { throw Name.tooLong(bytes) }
        return Name(unchecked: bytes)
    }

    private static func append(_ value: String, in form: Field.Form, to bytes: inout [UInt8]) {
        switch form {
        case .whole: Escape.append(value.utf8, to: &bytes)
        case .lower: Escape.append(lower(value).utf8, to: &bytes)
        case .first(let count): Escape.append(first(count, of: value).utf8, to: &bytes)
        }
    }

    private static func append(
        _ created: Timestamp,
        _ span: Field.Span,
        to bytes: inout [UInt8]
    ) {
        switch span {
        case .whole: bytes.append(contentsOf: created.text)
        case .year: Digits.append(created.date.year, width: 4, to: &bytes)
        case .month: Digits.append(created.date.month, width: 2, to: &bytes)
        case .day: Digits.append(created.date.day, width: 2, to: &bytes)
        }
    }

    private static func appendRest(_ value: String, to names: inout [Name]) throws(LociError) {
        let parts = value.utf8.split(separator: ASCII.slash, omittingEmptySubsequences: false)
        for part in parts {
            let bytes = part.isEmpty ? Escape.empty : Escape.encoded(part)
            guard bytes.count <= Name.maximumLength else { throw Name.tooLong(bytes) }
            names.append(Name(unchecked: bytes))
        }
    }
}

extension Scheme {
    /// The transform `:lower`: each Unicode scalar by its own lower-case mapping, without regard to
    /// its neighbours, so that a prefix of a value has a prefix of its lower case.
    package static func lower(_ text: String) -> String {
        var lower = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                let byte = UInt8(truncatingIfNeeded: scalar.value)
                let isUpper = byte &- 0x41 < 26
                lower.append(Unicode.Scalar(isUpper ? byte | 0x20 : byte))
            } else {
                lower.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(lower)
    }

    /// The transform `:first(n)`: the first `count` Unicode scalars.
    package static func first(_ count: Int, of text: String) -> String {
        String(text.unicodeScalars.prefix(count))
    }
}
