/// The direction of a text's meaning: a vector of length 1, in a byte a dimension.
///
/// ```
/// components   0.0312  -0.1250  0.0881 …      as an embedder gives them, of any length
/// numbers          32     -127      90 …      each component by the largest of them, times 127
/// scale      0.000984                         a number times it is the component at length 1
/// ```
///
/// A quarter of the space of 32-bit floating point, and hardly another order of the nearest: see
/// Tools/bench search.
package struct UnitVector: Hashable, Sendable {
    package let numbers: [Int8]
    package let scale: Float

    /// Nil where the components have no direction: where one is not finite, or all are 0.
    package init?(_ components: [Float]) {
        var sum = 0.0
        var largest: Float = 0
        for component in components {
            sum += Double(component) * Double(component)
            largest = max(largest, component.magnitude)
        }
        guard sum.isFinite, largest.isNormal else { return nil }
        numbers = components.map { Int8(($0 / largest * 127).rounded()) }
        scale = Float(Double(largest) / sum.squareRoot() / 127)
    }

    /// The cosine of the angle to another vector of as many dimensions, 1 for the same direction.
    ///
    /// `other`: its numbers, a byte each.
    package func cosine(_ other: UnsafeRawBufferPointer, scale otherScale: Float) -> Float {
        precondition(other.count == numbers.count, "vectors of one embedder have one length")
        var sum: Int32 = 0
        unsafe numbers.withUnsafeBufferPointer { own in
            // Whole numbers, wrapping, without bounds: so that it becomes vector instructions.
            for index in 0..<own.count {
                let product =
                    unsafe Int32(own[index])
                    &* Int32(Int8(bitPattern: other[index]))
                sum &+= product
            }
        }
        return Float(sum) * scale * otherScale
    }

    /// The cosine of the angle to another vector of as many dimensions.
    package func cosine(_ other: UnitVector) -> Float {
        unsafe other.numbers.withUnsafeBytes { bytes in
            unsafe cosine(bytes, scale: other.scale)
        }
    }

    package var bytes: [UInt8] { numbers.map { UInt8(bitPattern: $0) } }
}

/// Which embedder vectors are of: only those of one can be compared.
public struct EmbedderModel: Hashable, Sendable {
    /// What the embedder calls its model; another model has another id.
    public let id: String
    /// How many numbers a vector has.
    public let dimensions: Int

    /// The most dimensions that are kept: 2³¹ / 127² would be too many for the sum of a cosine.
    public static let mostDimensions = 16_384

    /// Names a model.
    public init(id: String, dimensions: Int) {
        self.id = id
        self.dimensions = dimensions
    }
}

extension EmbedderModel: CustomStringConvertible {
    /// "'all-MiniLM-L6-v2' with 384 dimensions".
    public var description: String { "'\(id)' with \(dimensions) dimensions" }
}
