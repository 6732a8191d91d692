/// What a scheme renders: the fields of one memory.
package protocol FieldSource {
    /// The value of an attribute, or nil where the memory lacks it.
    func attribute(_ key: String) -> String?
    var id: MemoryID { get }
    var created: Timestamp { get }
}

/// The fields of a memory as a plain value.
package struct MemoryFields: FieldSource, Sendable {
    package var id: MemoryID
    package var created: Timestamp
    package var attributes: [String: String]

    package init(id: MemoryID, created: Timestamp, attributes: [String: String]) {
        self.id = id
        self.created = created
        self.attributes = attributes
    }

    package func attribute(_ key: String) -> String? { attributes[key] }
}

/// One attribute to set, or to clear where the value is nil.
package struct AttributeChange: Hashable, Sendable {
    package var key: String
    package var value: String?

    package init(key: String, value: String?) {
        self.key = key
        self.value = value
    }
}
