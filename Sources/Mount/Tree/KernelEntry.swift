package import FUSE

/// What a lookup answers; `Entry` alone is also a row of the SQL mapping.
package typealias KernelEntry = Entry
