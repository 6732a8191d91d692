import Catalog
import Model
import Testing

@testable import Mount

@Suite("Where a listing goes on, and what it shows")
struct ListingCursorTests {
    @Test("a cookie is what it was made of, at its extremes, too; and no cookie is negative")
    func cookies() {
        for slot in [0, 61, ListingCursor.foreignSlot] {
            for listing in [0, 1, ListingBounds.most] {
                for position: UInt64 in [1, 1 << 32, 1 << 48 - 1] {
                    let cursor = ListingCursor.after(
                        slot: slot,
                        listing: listing,
                        ListingPosition(rawValue: position)
                    )
                    #expect(ListingCursor(cursor.cookie) == cursor)
                    #expect(Int64(bitPattern: cursor.cookie) > 2)
                    #expect(cursor.position.rawValue == position)
                }
            }
        }
        for cursor in [ListingCursor.start, .afterDot, .afterDotDot] {
            #expect(ListingCursor(cursor.cookie) == cursor)
            #expect(cursor.position == .start)
        }
    }

    @Test("a bound admits what there was")
    func admits() {
        let bound = ListingBound(end: 100, free: 50..<60)
        for (position, isAdmitted): (UInt64, Bool) in [
            (1, true), (49, true), (50, false), (59, false), (60, true), (99, true), (100, false),
        ] {
            #expect(bound.admits(ListingPosition(rawValue: position)) == isAdmitted)
        }
        #expect(ListingBound().admits(ListingPosition(rawValue: 1 << 48)))
    }

    @Test("listings of one bound share a number, and a directory's latest one is known")
    func numbers() {
        let bounds = ListingBounds()
        let (one, other) = (NodeNumber(1 << 32), NodeNumber(1 << 32 + 1))
        #expect(bounds.latest(of: one) == nil)
        #expect(bounds[0] == ListingBound())
        let first = bounds.begin(one, ListingBound(end: 10))
        #expect(bounds.begin(other, ListingBound(end: 10)) == first)
        let second = bounds.begin(other, ListingBound(end: 11))
        #expect(second != first && second != 0)
        #expect(bounds.latest(of: one) == first && bounds.latest(of: other) == second)
        #expect(bounds[first] == ListingBound(end: 10))
        // As many as there are numbers: the oldest is another listing's, and admits more.
        for end in 0..<UInt64(ListingBounds.most) {
            #expect(bounds.begin(other, ListingBound(end: 100 + end)) != 0)
        }
        #expect(bounds.latest(of: one) == first)
        #expect(bounds[first].end > 10)
        // Another directory in its slot.
        _ = bounds.begin(NodeNumber(one.rawValue + 1024), ListingBound(end: 10_000))
        #expect(bounds.latest(of: one) == nil)
    }
}
