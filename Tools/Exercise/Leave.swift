import Glibc

func leave(_ status: Int32) -> Never { exit(status) }

/// Compares two buffers of one size.
func bytesAreEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard let first = one.baseAddress, let second = other.baseAddress else { return true }
    return unsafe memcmp(first, second, one.count) == 0
}
