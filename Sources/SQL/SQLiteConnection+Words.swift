private import CSQLite
private import CSearch

extension SQLiteConnection {
    package func words(
        of text: [UInt8],
        _ body: (UnsafeRawBufferPointer, Range<Int>) -> Bool
    ) throws(SQLError) {
        let code = unsafe withoutActuallyEscaping(body) { body in
            var receiver = unsafe WordReceiver(body: body)
            return unsafe text.withUnsafeBytes { bytes in
                unsafe withUnsafeMutablePointer(to: &receiver) { receiver in
                    unsafe loci_search_tokens(
                        handle,
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                        Int32(clamping: bytes.count),
                        receiver,
                        receiveWord
                    )
                }
            }
        }
        // Done is the word for an end that the receiver wanted.
        guard code == SQLITE_OK || code == SQLITE_DONE else {
            throw unsafe SQLiteFailure.error(code, on: handle, statement: nil)
        }
    }
}

@unsafe private struct WordReceiver {
    let body: (UnsafeRawBufferPointer, Range<Int>) -> Bool
}

private func receiveWord(
    _ context: UnsafeMutableRawPointer?,
    _ word: UnsafePointer<CChar>?,
    _ length: Int32,
    _ start: Int32,
    _ end: Int32
) -> Int32 {
    guard let receiver = unsafe context?.assumingMemoryBound(to: WordReceiver.self) else {
        return SQLITE_MISUSE
    }
    let bytes = unsafe UnsafeRawBufferPointer(start: word, count: Int(length))
    let goesOn = unsafe receiver.pointee.body(bytes, Int(start)..<Int(end))
    return goesOn ? SQLITE_OK : SQLITE_DONE
}
